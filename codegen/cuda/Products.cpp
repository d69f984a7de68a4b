//===- Products.cpp - lns.linear and lns.matmul as kernels ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// c = alpha op(a) op(b diag(gain)) + addend by kernels/matmul.cuh. Extents are
// launch arguments, so a model needs a kernel for each order of its operands,
// type and epilogue, and for one or two sizes of tiles.
//
// An addend stands in c when the launches run; the plan writer sees to that.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/KernelSet.h"
#include "codegen/cuda/ProductSchedule.h"

#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

namespace {

/// c[m, n] of a and b as matrices; `transA` says that a is stored as [k, m],
/// `transB` that b is stored as [n, k].
struct Product {
  int64_t m = 0, n = 0, k = 0;
  bool transA = false, transB = false;
  double alpha = 1;
  Value a, b, gain, c;     ///< the gain is of c's columns
  bool accumulate = false; ///< c has an addend already

  bool isBf16() const { return elementOf(a).isBF16() || elementOf(b).isBF16(); }
};

/// The tile of sumSlices.
constexpr int64_t kSumRows = 16, kSumColumns = 128;
constexpr int kSumThreads = 128;

/// A library's product goes through no larger workspace than this.
constexpr uint64_t kMaxLibraryScratch = uint64_t(64) << 20;

} // namespace

static std::pair<int64_t, int64_t> getMatrixView(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return {getRows(type), type.getRank() ? type.getShape().back() : 1};
}

static FailureOr<Product> getProduct(Operation *op) {
  Product product;
  Value innerGain;
  if (auto linear = dyn_cast<LinearOp>(op)) {
    if (linear.getBias())
      return linear.emitOpError("has a bias, but in a plan biases are row ops; "
                                "run 'lns-split-bias'");
    product.a = linear.getInput();
    product.b = linear.getWeight();
    product.c = linear.getResult();
    product.transB = true;
    product.alpha = linear.getAlpha().convertToDouble();
    innerGain = linear.getGain();
  } else {
    auto matmul = cast<MatmulOp>(op);
    product.a = matmul.getA();
    product.b = matmul.getB();
    product.c = matmul.getResult();
    product.accumulate = bool(matmul.getAddend());
    product.transA = matmul.getTransposeA();
    product.transB = matmul.getTransposeB();
    product.alpha = matmul.getAlpha().convertToDouble();
    (product.transB ? innerGain : product.gain) = matmul.getGain();
  }
  auto [aRows, aColumns] = getMatrixView(product.a);
  auto [bRows, bColumns] = getMatrixView(product.b);
  product.m = product.transA ? aColumns : aRows;
  product.k = product.transA ? aRows : aColumns;
  product.n = product.transB ? bRows : bColumns;
  if (innerGain)
    return op->emitOpError()
           << "has a gain over the " << product.k
           << " terms of its sums, but CUDA kernels multiply weights as they "
              "are; run 'lns-materialize-weights'";
  for (int64_t extent : {product.m, product.n, product.k})
    if (extent > INT32_MAX)
      return op->emitOpError() << "has an extent of " << extent
                               << ", but CUDA kernels take at most "
                               << INT32_MAX << "; use a smaller batch";
  return product;
}

static StringRef spell(bool value) { return value ? "true" : "false"; }

/// "nt": how a and b are stored, as BLAS has it.
static std::string getOrder(const Product &product) {
  return {product.transA ? 't' : 'n', product.transB ? 't' : 'n'};
}

/// Whether rows move in chunks of 16 bytes, unchanged.
static bool isAligned(Value operand, bool isBf16) {
  Type element = elementOf(operand);
  return element.isBF16() == isBf16 &&
         getMatrixView(operand).second * (isBf16 ? 2 : 4) % 16 == 0;
}

/// The MatmulConfig of a product, as text.
static std::string getConfig(const Product &product, const ProductTile &tile) {
  std::string text;
  llvm::raw_string_ostream os(text);
  bool isBf16 = product.isBf16();
  os << "lns::MatmulConfig<" << getTypeName(elementOf(product.a)) << ", "
     << getTypeName(elementOf(product.b)) << ", " << spell(product.transA)
     << ", " << spell(product.transB) << ", "
     << spell(isAligned(product.a, isBf16)) << ", "
     << spell(isAligned(product.b, isBf16)) << ", " << tile.m << ", " << tile.n
     << ", " << tile.k << ", " << tile.warpsM << ", " << tile.warpsN << ", "
     << tile.stages << ">";
  return text;
}

/// Whether the result's rows are cells of eight columns.
static bool isWhole(const Product &product) { return product.n % 8 == 0; }

/// Adds what ScaleAndAdd reads and writes to a kernel and to its launch.
static void addEpilogue(const Product &product, KernelSpec &spec,
                        LaunchBuilder &launch) {
  Type element = elementOf(product.c);
  if (product.gain) {
    spec.buffers.push_back({elementOf(product.gain), "gain"});
    launch.value(product.gain);
  }
  spec.buffers.push_back({element, "c", /*isWritten=*/true});
  launch.value(product.c);
  spec.floats.push_back("alpha");
}

static std::string getEpilogue(const Product &product) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "lns::ScaleAndAdd<" << getTypeName(elementOf(product.c)) << ", "
     << spell(bool(product.gain)) << ", " << spell(product.accumulate) << ", "
     << spell(isWhole(product)) << ">";
  return text;
}

static void printEpilogue(llvm::raw_ostream &os, const Product &product,
                          StringRef text) {
  os << "  " << text << " epilogue{c, " << (product.gain ? "gain" : "nullptr")
     << ", alpha, n};\n";
}

/// "bf16 x bf16 -> f32".
static std::string getTypes(Type a, Type b, Type c) {
  std::string text;
  llvm::raw_string_ostream(text) << a << " x " << b << " -> " << c;
  return text;
}

static std::string getFormula(const Product &product, StringRef sums) {
  return (Twine("c = alpha ") + sums + (product.gain ? " diag(gain)" : "") +
          (product.accumulate ? " + c" : ""))
      .str();
}

/// "a^T b": the product's sums.
static std::string getSums(const Product &product) {
  return std::string(product.transA ? "a^T " : "a ") +
         (product.transB ? "b^T" : "b");
}

static void launchProduct(const Product &product,
                          const ProductSchedule &schedule,
                          const KernelArgument *slices, KernelSet &set,
                          Launches &launches) {
  const ProductTile &tile = schedule.tile;
  Type f32 = Float32Type::get(product.c.getContext());
  Type result = slices ? f32 : elementOf(product.c);
  std::string config = getConfig(product, tile);
  KernelSpec spec;
  LaunchBuilder launch;
  spec.kind = "matmul";
  spec.hint = getOrder(product) + "_" + std::to_string(tile.m) + "x" +
              std::to_string(tile.n) + (slices ? "_slices" : "");
  spec.source = (slices ? "slices of " + getSums(product)
                        : getFormula(product, getSums(product))) +
                ", " +
                getTypes(elementOf(product.a), elementOf(product.b), result);
  spec.includes = {"matmul.cuh"};
  spec.buffers = {{elementOf(product.a), "a"}, {elementOf(product.b), "b"}};
  spec.threads = tile.threads();
  spec.sharedBytes = tile.sharedBytes(product.isBf16());
  // Elements that pass through registers on their way take some more.
  spec.noSpills = isAligned(product.a, product.isBf16()) &&
                  isAligned(product.b, product.isBf16());
  launch.value(product.a).value(product.b);
  launch.grid(tile.count(product.m, product.n), 1, schedule.slices);
  if (slices) {
    spec.buffers.push_back({f32, "slices", /*isWritten=*/true});
    spec.ints = {"m", "n", "k", "slice"};
    launch.argument(*slices);
  } else {
    addEpilogue(product, spec, launch);
    spec.ints = {"m", "n", "k"};
    launch.number(product.alpha);
  }
  launch.count(product.m).count(product.n).count(product.k);
  if (slices)
    launch.count(schedule.slice);

  std::string epilogue =
      slices ? ("lns::StoreSlice<" + spell(isWhole(product)) + ">").str()
             : getEpilogue(product);
  spec.key = config + epilogue;
  launch.launch.kernel =
      set.getKernel(spec, [&](llvm::raw_ostream &, llvm::raw_ostream &body) {
        body << "  using Config = " << config << ";\n";
        if (slices)
          body << "  " << epilogue << " epilogue{slices, m, n};\n";
        else
          printEpilogue(body, product, epilogue);
        body << "  lns::matmul<Config>(a, b, m, n, k, "
             << (slices ? "slice" : "k") << ", epilogue);\n";
      });
  launches.push_back(std::move(launch.launch));
}

/// The epilogue of sums that are in memory as `count` slices of f32.
static KernelLaunch launchSum(const Product &product,
                              const KernelArgument &slices, int64_t count,
                              double alpha, KernelSet &set) {
  KernelSpec spec;
  LaunchBuilder launch;
  spec.kind = "matmul";
  spec.hint = "sum";
  spec.source = getFormula(product, "(sum of slices)") + ", " + "f32 -> " +
                getTypeName(elementOf(product.c)).str();
  spec.includes = {"matmul.cuh"};
  spec.buffers = {{Float32Type::get(product.c.getContext()), "slices"}};
  spec.threads = kSumThreads;
  spec.sharedBytes = kSumRows * kSumColumns * sizeof(float);
  spec.noSpills = true;
  launch.argument(slices);
  addEpilogue(product, spec, launch);
  spec.ints = {"m", "n", "count"};
  launch.number(alpha).count(product.m).count(product.n).count(count);
  launch.grid(llvm::divideCeil(product.m, kSumRows) *
              llvm::divideCeil(product.n, kSumColumns));
  std::string epilogue = getEpilogue(product);
  spec.key = "sum" + epilogue;
  launch.launch.kernel =
      set.getKernel(spec, [&](llvm::raw_ostream &, llvm::raw_ostream &body) {
        printEpilogue(body, product, epilogue);
        body << "  lns::sumSlices<" << kSumRows << ", " << kSumColumns << ", "
             << kSumThreads << ", " << spell(isWhole(product))
             << ">(slices, m, n, count, epilogue);\n";
      });
  return std::move(launch.launch);
}

LogicalResult cuda::lowerProduct(Operation *op, KernelSet &set,
                                 Launches &launches) {
  FailureOr<Product> product = getProduct(op);
  if (failed(product))
    return failure();
  ProductSchedule schedule =
      getProductSchedule(product->m, product->n, product->k, product->isBf16());
  if (schedule.slices == 1) {
    launchProduct(*product, schedule, nullptr, set, launches);
    return success();
  }
  KernelArgument slices =
      set.getScratch(schedule.slices * product->m * product->n * sizeof(float));
  launchProduct(*product, schedule, &slices, set, launches);
  launches.push_back(
      launchSum(*product, slices, schedule.slices, product->alpha, set));
  return success();
}

/// A library has no gain of columns: its product is f32 sums, in c itself
/// where they can be there, and a kernel is the epilogue.
LogicalResult cuda::lowerProductWithLibrary(Operation *op, KernelSet &set,
                                            Steps &steps) {
  FailureOr<Product> product = getProduct(op);
  if (failed(product))
    return failure();
  if (elementOf(product->a) != elementOf(product->b))
    return success(); // Operands of one type are all that a library takes.
  KernelProduct library;
  library.m = product->m;
  library.n = product->n;
  library.k = product->k;
  library.transA = product->transA;
  library.transB = product->transB;
  library.alpha = product->alpha;
  library.a.value = product->a;
  library.b.value = product->b;
  library.c.value = product->c;
  library.bf16A = elementOf(product->a).isBF16();
  library.bf16B = elementOf(product->b).isBF16();
  library.bf16C = elementOf(product->c).isBF16();
  if (!product->gain) {
    library.beta = product->accumulate;
    steps.push_back(library);
    return success();
  }
  if (library.bf16C || product->accumulate) {
    uint64_t bytes = product->m * product->n * sizeof(float);
    if (bytes > kMaxLibraryScratch)
      return success();
    library.c = set.getScratch(bytes);
    library.bf16C = false;
  }
  steps.push_back(library);
  steps.push_back(launchSum(*product, library.c, 1, /*alpha=*/1, set));
  return success();
}
