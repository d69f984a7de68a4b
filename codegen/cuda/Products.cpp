//===- Products.cpp - Matrix products as kernels --------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// lns.linear, lns.matmul and lns.weight_grad: c = alpha op(a) op(b diag(gain))
// + addend by kernels/matmul.cuh. Extents, and whether there is a gain, an
// addend or slices, are launch arguments: a model needs a kernel for each order
// of its operands and type. Factors of rows come from a row_scale behind the
// product.
//
// Sums over tokens, a^T b, are gradients of weights (kernels/weight_grad.cuh).
// Whether the gain's gradient is taken from them is an argument, too: its parts
// by rows of tiles are workspace, and one more launch adds them up.
//
// An addend stands in c when the launches run; the plan writer sees to that.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/Product.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

/// The tile of sumSlices.
static constexpr int64_t kSumRows = 16, kSumColumns = 128;
static constexpr int kSumThreads = 128;

static std::pair<int64_t, int64_t> getMatrixView(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return {getRows(type), type.getRank() ? type.getShape().back() : 1};
}

FailureOr<Product> cuda::getProduct(Operation *op) {
  Product product;
  Value innerGain;
  if (auto linear = dyn_cast<LinearOp>(op)) {
    if (linear.getBias())
      return linear.emitOpError("has a bias, but in a plan biases are row ops; "
                                "run 'lns-split-bias'");
    product.a = linear.getInput();
    product.b = linear.getWeight();
    product.transB = true;
    product.alpha = linear.getAlpha().convertToDouble();
    innerGain = linear.getGain();
  } else if (auto grad = dyn_cast<WeightGradOp>(op)) {
    product.a = grad.getGrad();
    product.b = grad.getInput();
    product.transA = true;
    product.gain = grad.getGain();
    product.weight = grad.getWeight();
    product.gainGrad = grad.getGainGrad();
    product.accumulate = bool(grad.getAddend());
    product.accumulateGain = bool(grad.getGainAddend());
    product.alpha = grad.getAlpha().convertToDouble();
  } else {
    auto matmul = cast<MatmulOp>(op);
    product.a = matmul.getA();
    product.b = matmul.getB();
    product.accumulate = bool(matmul.getAddend());
    product.transA = matmul.getTransposeA();
    product.transB = matmul.getTransposeB();
    product.alpha = matmul.getAlpha().convertToDouble();
    (product.transB ? innerGain : product.gain) = matmul.getGain();
  }
  product.element = elementOf(op->getResult(0));
  product.c.value = op->getResult(0);
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

/// Whether rows move in chunks of 16 bytes, unchanged.
static bool isAligned(Value operand, bool isBf16) {
  Type element = elementOf(operand);
  return element.isBF16() == isBf16 &&
         getMatrixView(operand).second * (isBf16 ? 2 : 4) % 16 == 0;
}

bool Product::hasAlignedA() const { return isAligned(a, isBf16()); }
bool Product::hasAlignedB() const { return isAligned(b, isBf16()); }

std::string Product::order() const {
  return {transA ? 't' : 'n', transB ? 't' : 'n'};
}

std::string Product::sums() const {
  return std::string(transA ? "a^T " : "a ") + (transB ? "b^T" : "b");
}

std::string Product::config(const ProductTile &tile, bool alignedA,
                            bool alignedB) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "lns::MatmulConfig<" << getTypeName(elementOf(a)) << ", "
     << getTypeName(elementOf(b)) << ", " << spell(transA) << ", "
     << spell(transB) << ", " << spell(alignedA) << ", " << spell(alignedB)
     << ", " << tile.m << ", " << tile.n << ", " << tile.k << ", "
     << tile.warpsM << ", " << tile.warpsN << ", " << tile.stages << ">";
  return text;
}

KernelProduct Product::forLibrary() const {
  KernelProduct library;
  library.m = m;
  library.n = n;
  library.k = k;
  library.transA = transA;
  library.transB = transB;
  library.alpha = alpha;
  library.a.value = a;
  library.b.value = b;
  library.c = c;
  library.bf16A = elementOf(a).isBF16();
  library.bf16B = elementOf(b).isBF16();
  library.bf16C = element.isBF16();
  return library;
}

std::string cuda::getProductTypes(Type a, Type b, Type c) {
  std::string text;
  llvm::raw_string_ostream(text) << a << " x " << b << " -> " << c;
  return text;
}

namespace {

/// Where the parts of a gain's gradient go.
struct GainParts {
  int64_t count = 0; ///< rows of tiles; 0: none are wanted
  KernelArgument place;
};

} // namespace

/// For tiles that are `tileRows` high.
static GainParts getGainParts(const Product &product, int64_t tileRows,
                              KernelSet &set) {
  GainParts parts;
  if (!product.weight)
    return parts;
  parts.count = llvm::divideCeil(product.m, tileRows);
  parts.place = set.getScratch(parts.count * product.n * sizeof(float));
  return parts;
}

static void launchGainSum(const Product &product, const GainParts &parts,
                          KernelSet &set, Launches &launches) {
  if (parts.count == 0)
    return;
  KernelArgument result;
  result.value = product.gainGrad;
  launches.push_back(launchChunkSum(parts.place, parts.count, product.n,
                                    /*scale=*/1, result, product.accumulateGain,
                                    set));
}

/// Adds what ScaleAndAdd reads and writes to a kernel and to its launch. Where
/// there is no gain, another buffer stands in its place and is not read; so it
/// is with the others.
static void addEpilogue(const Product &product, double alpha, KernelSpec &spec,
                        LaunchBuilder &launch) {
  Type f32 = Float32Type::get(product.element.getContext());
  KernelArgument absent = launch.launch.buffers.front();
  for (auto [name, value] : {std::pair("gain", product.gain),
                             std::pair("factors", product.factors)}) {
    spec.buffers.push_back({f32, name});
    if (value)
      launch.value(value);
    else
      launch.argument(absent);
  }
  spec.buffers.push_back({product.element, "c", /*isWritten=*/true});
  launch.argument(product.c);
  spec.floats.push_back("alpha");
  launch.number(alpha);
  for (const char *name : {"m", "n", "hasGain", "hasFactors", "accumulates"})
    spec.ints.push_back(name);
  launch.count(product.m).count(product.n);
  launch.count(bool(product.gain)).count(bool(product.factors));
  launch.count(product.accumulate);
}

/// Adds what GainTerms reads and writes. Where no parts are wanted, nothing is.
static void addGainParts(const Product &product, const GainParts &parts,
                         KernelSpec &spec, LaunchBuilder &launch) {
  KernelArgument absent = launch.launch.buffers.front();
  spec.buffers.push_back({product.element, "weight"});
  spec.buffers.push_back({Float32Type::get(product.element.getContext()),
                          "partials", /*isWritten=*/true});
  if (parts.count != 0)
    launch.value(product.weight).argument(parts.place);
  else
    launch.argument(absent).argument(product.c);
  spec.ints.push_back("hasWeight");
  launch.count(parts.count != 0);
}

/// The template arguments of an epilogue.
static std::string getArguments(const Product &product) {
  std::string text;
  llvm::raw_string_ostream(text) << "<" << getTypeName(product.element) << ", "
                                 << spell(product.isWhole()) << ">";
  return text;
}

/// Declares the ScaleAndAdd `name`.
static void printEpilogue(llvm::raw_ostream &os, const Product &product,
                          StringRef name) {
  os << "  lns::ScaleAndAdd" << getArguments(product) << " " << name
     << "{c, hasGain ? gain : nullptr, hasFactors ? factors : nullptr, alpha, "
        "n, accumulates != 0};\n";
}

static void printGainTerms(llvm::raw_ostream &os, const Product &product) {
  os << "  lns::GainTerms<" << getTypeName(product.element)
     << "> terms{hasWeight ? weight : nullptr, partials, alpha};\n";
}

/// c = alpha diag(factors) (sum of slices) diag(gain) + c, for `count` slices
/// of f32, and the gain's gradient.
static void launchSum(const Product &product, const KernelArgument &slices,
                      int64_t count, double alpha, KernelSet &set,
                      Launches &launches) {
  GainParts parts = getGainParts(product, kSumRows, set);
  KernelSpec spec;
  LaunchBuilder launch;
  spec.kind = "matmul";
  spec.hint = "sum";
  spec.source = "matmul or weight_grad: c = alpha [diag(factors)] (sum of "
                "slices) [diag(gain)] [+ c], f32 -> " +
                getTypeName(product.element).str();
  spec.includes = {"weight_grad.cuh"};
  spec.buffers = {{Float32Type::get(product.element.getContext()), "slices"}};
  spec.threads = kSumThreads;
  spec.sharedBytes = kSumRows * kSumColumns * sizeof(float);
  spec.noSpills = true;
  launch.argument(slices);
  addEpilogue(product, alpha, spec, launch);
  addGainParts(product, parts, spec, launch);
  spec.ints.push_back("count");
  launch.count(count);
  launch.grid(llvm::divideCeil(product.m, kSumRows) *
              llvm::divideCeil(product.n, kSumColumns));
  launch.launch.kernel =
      set.getKernel(spec, [&](llvm::raw_ostream &, llvm::raw_ostream &body) {
        printEpilogue(body, product, "epilogue");
        printGainTerms(body, product);
        body << "  lns::sumWeightGrad<" << kSumRows << ", " << kSumColumns
             << ", " << kSumThreads << ", " << spell(product.isWhole())
             << ">(slices, m, n, count, epilogue, terms);\n";
      });
  launches.push_back(std::move(launch.launch));
  launchGainSum(product, parts, set, launches);
}

/// Only the gradients of weights are cut: their k, the tokens, is long.
void cuda::launchProduct(const Product &product, const KernelArgument *sums,
                         KernelSet &set, Launches &launches) {
  bool mayCut = product.transA;
  ProductSchedule schedule =
      getProductSchedule(product.m, product.n, product.k, product.tokens(),
                         product.isBf16(), mayCut);
  bool isCut = schedule.slices > 1;
  const ProductTile &tile = schedule.tile;
  Type f32 = Float32Type::get(product.element.getContext());
  KernelSpec spec;
  LaunchBuilder launch;
  spec.kind = "matmul";
  spec.hint = product.order() + "_" + std::to_string(tile.m) + "x" +
              std::to_string(tile.n);
  spec.source = std::string(mayCut ? "matmul or weight_grad"
                                   : "linear or matmul [, row_scale]") +
                " [, cast]: c = alpha [diag(factors)] " + product.sums() +
                " [diag(gain)] [+ c]" + (mayCut ? " or slices of it" : "") +
                ", " +
                getProductTypes(elementOf(product.a), elementOf(product.b),
                                product.element);
  spec.includes = {mayCut ? "weight_grad.cuh" : "matmul_cluster.cuh"};
  spec.buffers = {{elementOf(product.a), "a"}, {elementOf(product.b), "b"}};
  spec.threads = tile.threads();
  spec.sharedBytes = tile.sharedBytes(product.isBf16());
  // Elements that pass through registers on their way take some more.
  spec.noSpills = product.hasAlignedA() && product.hasAlignedB();
  launch.value(product.a).value(product.b);
  launch.grid(tile.count(product.m, product.n), 1, schedule.slices);
  addEpilogue(product, product.alpha, spec, launch);
  spec.ints.push_back("k");
  launch.count(product.k);
  KernelArgument slices;
  GainParts parts;
  if (mayCut) {
    if (isCut)
      slices = set.getScratch(schedule.slices * product.m * product.n *
                              sizeof(float));
    else
      parts = getGainParts(product, tile.m, set);
    addGainParts(product, parts, spec, launch);
    spec.buffers.push_back({f32, "slices", /*isWritten=*/true});
    launch.argument(isCut ? slices : product.c);
    spec.ints.push_back("slice");
    launch.count(schedule.slice);
  } else {
    spec.buffers.push_back({f32, "sums"});
    if (sums)
      launch.argument(*sums);
    else
      launch.value(product.a);
    spec.ints.push_back("hasSums");
    launch.count(bool(sums));
  }

  std::string config = product.config(tile);
  std::string arguments = getArguments(product);
  launch.launch.kernel =
      set.getKernel(spec, [&](llvm::raw_ostream &, llvm::raw_ostream &body) {
        body << "  using Config = " << config << ";\n";
        printEpilogue(body, product, mayCut ? "whole" : "epilogue");
        if (mayCut) {
          printGainTerms(body, product);
          body << "  lns::ScaleOrSlice" << arguments
               << " epilogue{whole, {slices, m, n}, slice < k};\n"
               << "  lns::weightGrad<Config, " << spell(product.isWhole())
               << ">(a, b, m, n, k, slice, epilogue, terms);\n";
        } else {
          body << "  lns::matmulCluster<Config, " << spell(product.isWhole())
               << ">(a, b, hasSums ? sums : nullptr, m, n, k, epilogue);\n";
        }
      });
  launches.push_back(std::move(launch.launch));
  if (isCut)
    launchSum(product, slices, schedule.slices, product.alpha, set, launches);
  else
    launchGainSum(product, parts, set, launches);
}

LogicalResult cuda::lowerProduct(Operation *op, KernelSet &set,
                                 Launches &launches) {
  FailureOr<Product> product = getProduct(op);
  if (failed(product))
    return failure();
  launchProduct(*product, nullptr, set, launches);
  return success();
}

/// A library has no gain of columns: its product is f32 sums, in c itself
/// where they can be there, and kernels are the epilogue.
LogicalResult cuda::lowerProductWithLibrary(Operation *op, KernelSet &set,
                                            Steps &steps) {
  FailureOr<Product> product = getProduct(op);
  if (failed(product))
    return failure();
  if (elementOf(product->a) != elementOf(product->b))
    return success(); // Operands of one type are all that a library takes.
  KernelProduct library = product->forLibrary();
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
  SmallVector<KernelLaunch> launches;
  launchSum(*product, library.c, 1, /*alpha=*/1, set, launches);
  llvm::move(launches, std::back_inserter(steps));
  return success();
}
