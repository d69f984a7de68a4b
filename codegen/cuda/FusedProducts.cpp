//===- FusedProducts.cpp - Clusters with products as kernels --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One kernel for the products of a cluster and its row ops, which become the
// epilogue. Sums over rows end in a second, small kernel, the same for all
// clusters. Where a library multiplies, the same kernel is the epilogue alone.
// What a tile cannot do is done apart: the products, then a row kernel.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/EpilogueText.h"
#include "codegen/cuda/Product.h"
#include "codegen/cuda/RowText.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

/// Threads of a block that finishes sums over rows, one a row.
static constexpr int64_t kFinishThreads = 256;

namespace {

/// A cluster's products and row ops.
struct FusedCluster {
  RowProgram program;
  SmallVector<Product> products;
  SmallVector<Operation *> sums; ///< row_rstd and row_dot

  bool isPair() const { return products.size() == 2; }
};

} // namespace

static FailureOr<FusedCluster> getCluster(ClusterOp op, KernelSet &set) {
  FailureOr<RowProgram> program = buildEpilogueProgram(
      op, [&](StringRef key, auto make) { return set.getConstant(key, make); });
  if (failed(program) || failed(checkRows(op, program->rows)))
    return failure();
  FusedCluster cluster;
  cluster.program = std::move(*program);
  auto outside = [&](Value argument) {
    return op.getInputs()[cast<BlockArgument>(argument).getArgNumber()];
  };
  for (Operation *inner : cluster.program.products) {
    FailureOr<Product> product = getProduct(inner);
    if (failed(product))
      return failure();
    product->a = outside(product->a);
    product->b = outside(product->b);
    cluster.products.push_back(*product);
  }
  llvm::copy_if(cluster.program.ops, std::back_inserter(cluster.sums),
                RowPhases::isReduction);
  return cluster;
}

/// The width of heads that are rotated, products and sums over rows ask for
/// wide tiles.
static ProductTile getTile(const FusedCluster &cluster) {
  const Product &product = cluster.products.front();
  bool isWide =
      cluster.isPair() || !cluster.sums.empty() || cluster.program.headDim > 64;
  return getFusedTile(product.tokens(), product.isBf16(), isWide);
}

//===----------------------------------------------------------------------===//
// In one kernel
//===----------------------------------------------------------------------===//

/// The sums of `count` reductions in a row, of one kind, from the cluster's
/// `first` on.
static void launchFinish(const FusedCluster &cluster, unsigned first,
                         unsigned count, const KernelArgument &partials,
                         int64_t tiles, KernelSet &set, Launches &launches) {
  const RowProgram &program = cluster.program;
  Type f32 = elementOf(cluster.sums[first]->getResult(0));
  KernelSpec spec;
  spec.kind = "row_sums";
  spec.source = "row_rstd or row_dot: the sums of a product's tiles";
  spec.includes = {"matmul_cluster.cuh"};
  spec.buffers = {{f32, "partials", false, true},
                  {f32, "first", true},
                  {f32, "second", true}};
  spec.floats = {"inverse_width", "eps"};
  spec.ints = {"rows", "tiles", "from", "isRstd"};
  spec.threads = kFinishThreads;
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, [&](llvm::raw_ostream &, llvm::raw_ostream &body) {
        body << "  lns::finishRowSums<" << kFinishThreads
             << ">(partials + from, first, second, inverse_width, eps, rows, "
                "tiles, isRstd != 0);\n";
      });
  launch.argument(partials);
  for (unsigned i : {first, first + count - 1}) {
    size_t number = llvm::find(program.outputs, cluster.sums[i]->getResult(0)) -
                    program.outputs.begin();
    launch.value(program.outerOutputs[number]);
  }
  auto rstd = dyn_cast<RowRstdOp>(cluster.sums[first]);
  launch.number(1.0 / double(program.width));
  launch.number(rstd ? rstd.getEps().convertToDouble() : 0.0);
  launch.count(program.rows).count(tiles);
  launch.count(first * tiles * program.rows).count(bool(rstd));
  launch.grid(llvm::divideCeil(program.rows, kFinishThreads), count);
  launches.push_back(std::move(launch.launch));
}

/// Two with one kind and eps share a launch.
static bool canShareFinish(Operation *a, Operation *b) {
  auto first = dyn_cast<RowRstdOp>(a), second = dyn_cast<RowRstdOp>(b);
  if (!first || !second)
    return !first && !second;
  return first.getEps() == second.getEps();
}

static StringRef getMemberType(const BufferSpec &buffer, std::string &storage) {
  StringRef name = getTypeName(buffer.element);
  name.consume_front("lns::");
  storage = ((buffer.isWritten ? "" : "const ") + name + " *").str();
  return storage;
}

/// A pair stores the products' results or not as a launch argument says: here
/// both become outputs, with no value outside for those that are none. So the
/// same kernel serves training, which keeps them, and evaluation.
static void makeProductsOutputs(RowProgram &program) {
  SmallVector<Value> outputs, outerOutputs;
  for (Operation *product : program.products) {
    auto *output = llvm::find(program.outputs, product->getResult(0));
    outputs.push_back(product->getResult(0));
    outerOutputs.push_back(
        output == program.outputs.end()
            ? Value()
            : program.outerOutputs[output - program.outputs.begin()]);
  }
  for (auto [output, outer] : llvm::zip(program.outputs, program.outerOutputs))
    if (!llvm::is_contained(outerOutputs, outer)) {
      outputs.push_back(output);
      outerOutputs.push_back(outer);
    }
  program.outputs = outputs;
  program.outerOutputs = outerOutputs;
}

/// `columns` is the width of a tile of the result. `sums` are where the
/// products' sums are already, if they are.
static void lowerTogether(FusedCluster cluster, const ProductTile &tile,
                          int64_t columns, ArrayRef<KernelArgument> sums,
                          KernelSet &set, Launches &launches) {
  if (cluster.isPair())
    makeProductsOutputs(cluster.program);
  const RowProgram &program = cluster.program;
  const Product &product = cluster.products.front();
  RowNames names(program);
  int64_t tiles = llvm::divideCeil(product.n, columns);

  KernelSpec spec;
  LaunchBuilder launch;
  spec.kind = "matmul";
  spec.hint = product.order() + (cluster.isPair() ? "_pair_" : "_") +
              getSymbolHint(program);
  for (Operation *op : program.products)
    spec.source += op->getName().stripDialect().str() + ", ";
  spec.source += getSourceText(program) + ": " +
                 getProductTypes(elementOf(product.a), elementOf(product.b),
                                 product.element);
  spec.includes = {"matmul_cluster.cuh"};
  spec.threads = tile.threads();
  spec.sharedBytes = tile.sharedBytes(product.isBf16());
  spec.isNorm = computesNorm(program);
  spec.noSpills = true;
  for (const Product &each : cluster.products)
    spec.noSpills &= each.hasAlignedA() && each.hasAlignedB();
  launch.grid(llvm::divideCeil(product.m, tile.m) * tiles);

  Type f32 = Float32Type::get(product.element.getContext());
  spec.buffers.push_back({elementOf(product.a), "a"});
  launch.value(product.a);
  // Stands where a buffer is neither read nor written.
  KernelArgument absent = launch.launch.buffers.front();
  for (auto [i, each] : llvm::enumerate(cluster.products)) {
    spec.buffers.push_back({elementOf(each.b), "b" + std::to_string(i)});
    launch.value(each.b);
  }
  for (size_t i = 0; i < cluster.products.size(); ++i) {
    spec.buffers.push_back({f32, "sums" + std::to_string(i)});
    launch.argument(sums.empty() ? absent : sums[i]);
  }
  size_t ownBuffers = spec.buffers.size();
  for (auto [inner, outer] : llvm::zip(program.inputs, program.outerInputs))
    if (outer) {
      spec.buffers.push_back({elementOf(inner), names.of(inner).str()});
      launch.value(outer);
    }
  for (auto [i, output] : llvm::enumerate(program.outputs)) {
    if (program.isRowScalar(output))
      continue;
    spec.buffers.push_back({elementOf(output), RowNames::output(i), true});
    if (Value outer = program.outerOutputs[i])
      launch.value(outer);
    else
      launch.argument(absent);
  }
  for (auto &[rope, tables] : program.tables) {
    spec.buffers.push_back({f32, names.cosines(rope)});
    spec.buffers.push_back({f32, names.sines(rope)});
    launch.constant(tables.first).constant(tables.second);
  }
  KernelArgument partials;
  if (!cluster.sums.empty()) {
    partials = set.getScratch(cluster.sums.size() * tiles * program.rows *
                              sizeof(float));
    spec.buffers.push_back({f32, "partials", true});
    launch.argument(partials);
  }
  for (auto [i, each] : llvm::enumerate(cluster.products)) {
    spec.floats.push_back("alpha" + std::to_string(i));
    launch.number(each.alpha);
  }
  llvm::append_range(spec.floats, names.allScales());
  llvm::append_range(launch.launch.floats, program.floats);
  spec.ints = {"m", "n", "k", "hasSums"};
  launch.count(product.m).count(product.n).count(product.k);
  launch.count(!sums.empty());
  if (cluster.isPair())
    for (unsigned i : {0, 1}) {
      spec.ints.push_back("keeps" + std::to_string(i));
      launch.count(bool(program.outerOutputs[i]));
    }

  SmallVector<EpilogueMember> members;
  std::string arguments, type;
  for (const BufferSpec &buffer :
       ArrayRef(spec.buffers).drop_front(ownBuffers)) {
    members.push_back({getMemberType(buffer, type).str(), buffer.name});
    arguments += buffer.name + ", ";
  }
  for (const std::string &name : spec.floats) {
    members.push_back({"float", name});
    arguments += name + ", ";
  }
  if (!cluster.sums.empty()) {
    members.push_back({"long long", "rows"});
    arguments += "m, ";
  }
  if (cluster.isPair())
    for (const char *name : {"keeps0", "keeps1"}) {
      members.push_back({"bool", name});
      arguments += std::string(name) + " != 0, ";
    }
  arguments.resize(arguments.size() - 2);

  std::string config = product.config(tile);
  std::string whole = product.isWhole() ? "true" : "false";
  spec.key =
      config + (cluster.isPair() ? " pair " : " ") + getStructuralKey(program);
  launch.launch.kernel = set.getKernel(
      spec, [&](llvm::raw_ostream &declarations, llvm::raw_ostream &body) {
        printEpilogue(declarations, program, members);
        body << "  using Config = " << config << ";\n"
             << "  lns::Epilogue epilogue{" << arguments << "};\n"
             << "  lns::matmulCluster"
             << (cluster.isPair() ? "Pair<Config, " + whole +
                                        ">(a, b0, b1, hasSums ? sums0 "
                                        ": nullptr, sums1"
                                  : "<Config, " + whole +
                                        ">(a, b0, hasSums ? sums0 : "
                                        "nullptr")
             << ", m, n, k, epilogue);\n";
      });
  launches.push_back(std::move(launch.launch));

  for (unsigned i = 0; i < cluster.sums.size();) {
    bool isShared = i + 1 < cluster.sums.size() &&
                    canShareFinish(cluster.sums[i], cluster.sums[i + 1]);
    launchFinish(cluster, i, isShared ? 2 : 1, partials, tiles, set, launches);
    i += isShared ? 2 : 1;
  }
}

//===----------------------------------------------------------------------===//
// Apart
//===----------------------------------------------------------------------===//

/// Gives the products' results places: those of the cluster's results that they
/// are, else in the workspace. Leaves the rest to `program`.
static SmallVector<KernelArgument> placeProducts(FusedCluster &cluster,
                                                 KernelSet &set) {
  RowProgram &program = cluster.program;
  SmallVector<KernelArgument> places;
  for (auto [op, product] : llvm::zip(program.products, cluster.products)) {
    auto *output = llvm::find(program.outputs, op->getResult(0));
    if (output == program.outputs.end()) {
      uint64_t size =
          product.m * product.n * (product.element.getIntOrFloatBitWidth() / 8);
      product.c = set.getScratch(size);
    } else {
      auto *outer =
          program.outerOutputs.begin() + (output - program.outputs.begin());
      product.c = KernelArgument();
      product.c.value = *outer;
      program.outerOutputs.erase(outer);
      program.outputs.erase(output);
    }
    places.push_back(product.c);
  }
  return places;
}

/// The width of a tile of the results if one kernel has all of the cluster,
/// else 0. Two products need operands with rows of k.
static int64_t getTileWidth(const FusedCluster &cluster,
                            const ProductTile &tile) {
  const Product &product = cluster.products.front();
  if (product.transA || (cluster.isPair() && !product.transB))
    return 0;
  int64_t width = cluster.isPair() ? tile.n / 2 : tile.n;
  return canFollowProducts(cluster.program, width) ? width : 0;
}

//===----------------------------------------------------------------------===//
// As a product of its own
//===----------------------------------------------------------------------===//

/// A single product whose rows are scaled, and no more than rounded, is what
/// the kernels of products that stand alone compute.
static std::optional<Product> getScaledProduct(const FusedCluster &cluster) {
  const RowProgram &program = cluster.program;
  auto scale = dyn_cast<RowScaleOp>(program.ops.front());
  if (cluster.isPair() || program.outputs.size() != 1 || !scale ||
      cluster.products.front().transA ||
      scale.getInput() != program.products.front()->getResult(0) ||
      !elementOf(scale.getFactors()).isF32())
    return std::nullopt;
  Value last = scale.getResult();
  for (Operation *op : llvm::drop_begin(program.ops)) {
    auto cast = dyn_cast<CastOp>(op);
    if (!cast || cast.getInput() != last)
      return std::nullopt;
    last = cast.getResult();
  }
  auto *factors = llvm::find(program.inputs, scale.getFactors());
  if (last != program.outputs.front() || factors == program.inputs.end())
    return std::nullopt;
  Product product = cluster.products.front();
  product.factors = program.outerInputs[factors - program.inputs.begin()];
  product.element = elementOf(last);
  product.c.value = program.outerOutputs.front();
  return product;
}

LogicalResult cuda::lowerFusedProducts(ClusterOp op, KernelSet &set,
                                       Launches &launches) {
  FailureOr<FusedCluster> cluster = getCluster(op, set);
  if (failed(cluster))
    return failure();
  if (std::optional<Product> product = getScaledProduct(*cluster)) {
    launchProduct(*product, nullptr, set, launches);
    return success();
  }
  ProductTile tile = getTile(*cluster);
  if (int64_t width = getTileWidth(*cluster, tile)) {
    lowerTogether(std::move(*cluster), tile, width, {}, set, launches);
    return success();
  }
  SmallVector<KernelArgument> places = placeProducts(*cluster, set);
  for (const Product &product : cluster->products)
    launchProduct(product, nullptr, set, launches);
  launches.push_back(launchRowKernel(cluster->program, places, set));
  return success();
}

/// A library's a b as f32, in the workspace or where it may be the result.
static KernelProduct getSumsByLibrary(const Product &product, KernelSet &set,
                                      bool inPlace) {
  KernelProduct library = product.forLibrary();
  // The kernel multiplies by alpha and rounds.
  library.alpha = 1;
  library.bf16C = false;
  if (!inPlace)
    library.c = set.getScratch(product.m * product.n * sizeof(float));
  return library;
}

LogicalResult cuda::lowerFusedProductsWithLibrary(ClusterOp op, KernelSet &set,
                                                  Steps &steps) {
  FailureOr<FusedCluster> cluster = getCluster(op, set);
  if (failed(cluster))
    return failure();
  std::optional<Product> scaled = getScaledProduct(*cluster);
  bool inPlace = scaled && scaled->element.isF32();
  uint64_t bytes = 0;
  for (const Product &product : cluster->products)
    bytes += product.m * product.n * sizeof(float);
  if (!inPlace && bytes > kMaxLibraryScratch)
    return success();
  ProductTile tile = getTile(*cluster);
  SmallVector<KernelLaunch> launches;
  if (scaled) {
    KernelProduct library = getSumsByLibrary(*scaled, set, inPlace);
    steps.push_back(library);
    launchProduct(*scaled, &library.c, set, launches);
  } else if (int64_t width = getTileWidth(*cluster, tile)) {
    SmallVector<KernelArgument> sums;
    for (const Product &product : cluster->products) {
      KernelProduct library = getSumsByLibrary(product, set, false);
      sums.push_back(library.c);
      steps.push_back(library);
    }
    lowerTogether(std::move(*cluster), tile, width, sums, set, launches);
  } else {
    SmallVector<KernelArgument> places = placeProducts(*cluster, set);
    for (const Product &product : cluster->products)
      steps.push_back(product.forLibrary());
    launches.push_back(launchRowKernel(cluster->program, places, set));
  }
  steps.append(launches.begin(), launches.end());
  return success();
}
