//===- FusedProducts.cpp - Clusters with products as kernels --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One kernel for the products of a cluster's member and its row ops, which
// become the epilogue. Sums over rows end in a second, small kernel, the same
// for all clusters. Where a library multiplies, the same kernel is the epilogue
// alone. What a tile cannot do is done apart: the products, then a row kernel.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/FusedProducts.h"
#include "codegen/cuda/RowText.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

static FailureOr<std::vector<FusedMember>> getMembers(ClusterOp op,
                                                      KernelSet &set) {
  std::vector<FusedMember> members;
  for (const ClusterMember &part : op.getMembers()) {
    FailureOr<RowProgram> program =
        buildEpilogueProgram(op, part, [&](StringRef key, auto make) {
          return set.getConstant(key, make);
        });
    if (failed(program) || failed(checkRows(op, program->rows)))
      return failure();
    FusedMember &member = members.emplace_back();
    member.program = std::move(*program);
    auto outside = [&](Value argument) {
      return op.getInputs()[cast<BlockArgument>(argument).getArgNumber()];
    };
    for (Operation *inner : part.products) {
      FailureOr<Product> product = getProduct(inner);
      if (failed(product))
        return failure();
      product->a = outside(product->a);
      product->b = outside(product->b);
      member.products.push_back(*product);
    }
    llvm::copy_if(member.program.ops, std::back_inserter(member.sums),
                  RowPhases::isReduction);
  }
  return members;
}

bool FusedMember::hasAlignedA() const {
  return llvm::all_of(products, std::mem_fn(&Product::hasAlignedA));
}
bool FusedMember::hasAlignedB() const {
  return llvm::all_of(products, std::mem_fn(&Product::hasAlignedB));
}

/// The width of heads that are rotated, two products in a tile and sums over
/// rows ask for wide tiles.
ProductTile cuda::getFusedTile(ArrayRef<FusedMember> members) {
  const Product &product = members.front().products.front();
  bool isWide = llvm::any_of(members, [](const FusedMember &member) {
    return member.isPair() || !member.sums.empty() ||
           member.program.headDim > 64;
  });
  return getFusedTile(product.tokens(), product.isBf16(), isWide);
}

/// Two products need operands with rows of k.
int64_t cuda::getTileWidth(const FusedMember &member, const ProductTile &tile) {
  const Product &product = member.products.front();
  if (product.transA || (member.isPair() && !product.transB))
    return 0;
  int64_t width = member.isPair() ? tile.n / 2 : tile.n;
  return canFollowProducts(member.program, width) ? width : 0;
}

//===----------------------------------------------------------------------===//
// In one kernel
//===----------------------------------------------------------------------===//

static std::string getPointerType(const BufferSpec &buffer) {
  StringRef name = getTypeName(buffer.element);
  name.consume_front("lns::");
  return ((buffer.isWritten ? "" : "const ") + name + " *").str();
}

EpilogueParameters cuda::addEpilogue(const FusedMember &member,
                                     StringRef prefix, KernelSpec &spec,
                                     LaunchBuilder &launch, KernelSet &set) {
  const RowProgram &program = member.program;
  RowNames names(program);
  Type f32 = Float32Type::get(member.products.front().element.getContext());
  // Stands where a buffer is neither read nor written.
  KernelArgument absent = launch.launch.buffers.front();
  EpilogueParameters parameters;
  auto add = [&](const std::string &type, const std::string &name,
                 const std::string &argument) {
    parameters.members.push_back({type, name});
    parameters.arguments +=
        (parameters.arguments.empty() ? "" : ", ") + argument;
  };
  auto addBuffer = [&](Type element, const std::string &name, bool isWritten) {
    spec.buffers.push_back({element, (prefix + name).str(), isWritten});
    add(getPointerType(spec.buffers.back()), name, spec.buffers.back().name);
  };
  for (auto [inner, outer] : llvm::zip(program.inputs, program.outerInputs))
    if (outer) {
      addBuffer(elementOf(inner), names.of(inner).str(), false);
      launch.value(outer);
    }
  for (auto [i, output] : llvm::enumerate(program.outputs)) {
    if (program.isRowScalar(output))
      continue;
    addBuffer(elementOf(output), RowNames::output(i), true);
    if (Value outer = program.outerOutputs[i])
      launch.value(outer);
    else
      launch.argument(absent);
  }
  for (auto &[rope, tables] : program.tables) {
    addBuffer(f32, names.cosines(rope), false);
    addBuffer(f32, names.sines(rope), false);
    launch.constant(tables.first).constant(tables.second);
  }
  if (!member.sums.empty()) {
    parameters.partials =
        set.getScratch(member.sums.size() * countRowSumParts(member) *
                       program.rows * sizeof(float));
    addBuffer(f32, "partials", true);
    launch.argument(parameters.partials);
  }
  auto addFloat = [&](const std::string &name, double value) {
    spec.floats.push_back((prefix + name).str());
    add("float", name, spec.floats.back());
    launch.number(value);
  };
  // The terms of a sum have one alpha.
  for (size_t i = 0; i < program.products.size(); ++i)
    addFloat("alpha" + std::to_string(i), member.products[i].alpha);
  for (auto [name, value] : llvm::zip(names.allScales(), program.floats))
    addFloat(name, value);
  if (!member.sums.empty())
    add("long long", "rows", "m");
  if (member.isPair())
    for (unsigned i : {0, 1}) {
      std::string name = "keeps" + std::to_string(i);
      spec.ints.push_back((prefix + name).str());
      add("bool", name, spec.ints.back() + " != 0");
      launch.count(bool(program.outerOutputs[i]));
    }
  return parameters;
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

/// "linear, linear, row_scale: bf16 x bf16 -> bf16", or "a b + a b, row_scale:
/// bf16 x bf16 -> bf16".
static std::string getSource(const FusedMember &member) {
  const RowProgram &program = member.program;
  const Product &product = member.products.front();
  std::string source;
  if (member.isSum())
    for (const Product &each : member.products)
      source += (source.empty() ? "" : " + ") + each.sums();
  else
    for (Operation *op : program.products)
      source +=
          (source.empty() ? "" : ", ") + op->getName().stripDialect().str();
  if (!program.ops.empty())
    source += ", " + getSourceText(program);
  return source + ": " +
         getProductTypes(elementOf(product.a), elementOf(product.b),
                         product.element);
}

/// `columns` is the width of a tile of the result. `sums` are where the
/// products' sums are already, if they are.
static void lowerTogether(FusedMember member, const ProductTile &tile,
                          int64_t columns, ArrayRef<KernelArgument> sums,
                          KernelSet &set, Launches &launches) {
  if (member.isPair())
    makeProductsOutputs(member.program);
  const RowProgram &program = member.program;
  const Product &product = member.products.front();
  int64_t tiles = llvm::divideCeil(product.n, columns);

  KernelSpec spec;
  LaunchBuilder launch;
  spec.kind = "matmul";
  spec.hint = product.order();
  if (member.isPair())
    spec.hint += "_pair";
  if (member.isSum())
    spec.hint += "_sum" + std::to_string(member.products.size());
  if (!program.ops.empty())
    spec.hint += "_" + getSymbolHint(program);
  spec.source = getSource(member);
  spec.includes = {member.isSum() ? "matmul_sum.cuh" : "matmul_cluster.cuh"};
  addIncludes(program, spec.includes);
  spec.threads = tile.threads();
  spec.sharedBytes = tile.sharedBytes(product.isBf16());
  spec.isNorm = writesNorm(program);
  spec.noSpills = member.hasAlignedA() && member.hasAlignedB();
  // Multiply-adds leave few registers for the terms' places.
  if (member.isSum() && !product.isBf16())
    spec.noSpills = false;
  launch.grid(llvm::divideCeil(product.m, tile.m) * tiles);

  Type f32 = Float32Type::get(product.element.getContext());
  auto addOperand = [&](Value value, const std::string &name) {
    spec.buffers.push_back({elementOf(value), name});
    launch.value(value);
  };
  // A pair has one a.
  if (!member.isSum())
    addOperand(product.a, "a");
  for (auto [i, each] : llvm::enumerate(member.products)) {
    if (member.isSum())
      addOperand(each.a, "a" + std::to_string(i));
    addOperand(each.b, "b" + std::to_string(i));
  }
  KernelArgument absent = launch.launch.buffers.front();
  for (size_t i = 0; i < program.products.size(); ++i) {
    spec.buffers.push_back({f32, "sums" + std::to_string(i)});
    launch.argument(sums.empty() ? absent : sums[i]);
  }
  spec.ints = {"m", "n"};
  launch.count(product.m).count(product.n);
  std::string terms;
  if (!member.isSum()) {
    spec.ints.push_back("k");
    launch.count(product.k);
  } else {
    for (auto [i, each] : llvm::enumerate(member.products)) {
      std::string number = std::to_string(i);
      spec.ints.push_back("k" + number);
      launch.count(each.k);
      terms += ", Term{a" + number + ", b" + number + ", k" + number + "}";
    }
  }
  spec.ints.push_back("hasSums");
  launch.count(!sums.empty());
  EpilogueParameters parameters = addEpilogue(member, "", spec, launch, set);

  std::string config =
      product.config(tile, member.hasAlignedA(), member.hasAlignedB());
  std::string whole = product.isWhole() ? "true" : "false";
  launch.launch.kernel = set.getKernel(
      spec, [&](llvm::raw_ostream &declarations, llvm::raw_ostream &body) {
        printEpilogue(declarations, "Epilogue", program, parameters.members);
        body << "  using Config = " << config << ";\n"
             << "  lns::Epilogue epilogue{" << parameters.arguments << "};\n";
        if (member.isSum())
          body << "  using Term = lns::SumTerm<Config::A, Config::B>;\n"
               << "  lns::matmulClusterSum<Config, " << whole
               << ">(hasSums ? sums0 : nullptr, m, n, epilogue" << terms
               << ");\n";
        else if (member.isPair())
          body << "  lns::matmulClusterPair<Config, " << whole
               << ">(a, b0, b1, hasSums ? sums0 : nullptr, sums1, m, n, k, "
                  "epilogue);\n";
        else
          body << "  lns::matmulCluster<Config, " << whole
               << ">(a, b0, hasSums ? sums0 : nullptr, m, n, k, epilogue);\n";
      });
  launches.push_back(std::move(launch.launch));
  launchFinish(member, parameters.partials, set, launches);
}

//===----------------------------------------------------------------------===//
// Apart
//===----------------------------------------------------------------------===//

/// Gives the products' results places: those of the cluster's results that they
/// are, else in the workspace. Leaves the rest to `program`.
static SmallVector<KernelArgument> placeProducts(FusedMember &member,
                                                 KernelSet &set) {
  RowProgram &program = member.program;
  const Product &product = member.products.front();
  SmallVector<KernelArgument> places;
  for (Operation *op : program.products) {
    KernelArgument place;
    auto *output = llvm::find(program.outputs, op->getResult(0));
    if (output == program.outputs.end()) {
      uint64_t size =
          product.m * product.n * (product.element.getIntOrFloatBitWidth() / 8);
      place = set.getScratch(size);
    } else {
      auto *outer =
          program.outerOutputs.begin() + (output - program.outputs.begin());
      place.value = *outer;
      program.outerOutputs.erase(outer);
      program.outputs.erase(output);
    }
    places.push_back(place);
  }
  // The terms of a sum share a place, where each is added to those before.
  for (auto [i, each] : llvm::enumerate(member.products)) {
    each.c = places[member.isSum() ? 0 : i];
    each.accumulate = member.isSum() && i > 0;
  }
  return places;
}

//===----------------------------------------------------------------------===//
// As a product of its own
//===----------------------------------------------------------------------===//

std::optional<Product> cuda::getScaledProduct(const FusedMember &member) {
  const RowProgram &program = member.program;
  if (member.products.size() > 1 || program.outputs.size() != 1 ||
      member.products.front().transA)
    return std::nullopt;
  Product product = member.products.front();
  Value last = program.products.front()->getResult(0);
  for (Operation *op : program.ops) {
    auto scale = dyn_cast<RowScaleOp>(op);
    auto *factors = scale ? llvm::find(program.inputs, scale.getFactors())
                          : program.inputs.end();
    if (!isa<RowScaleOp, CastOp>(op) || op->getOperand(0) != last)
      return std::nullopt;
    if (scale &&
        (op != program.ops.front() || !elementOf(scale.getFactors()).isF32() ||
         factors == program.inputs.end()))
      return std::nullopt;
    if (scale)
      product.factors = program.outerInputs[factors - program.inputs.begin()];
    last = op->getResult(0);
  }
  if (last != program.outputs.front())
    return std::nullopt;
  product.element = elementOf(last);
  product.c.value = program.outerOutputs.front();
  return product;
}

//===----------------------------------------------------------------------===//
// One member, generated or with a library
//===----------------------------------------------------------------------===//

static void lowerMember(FusedMember member, KernelSet &set,
                        Launches &launches) {
  if (std::optional<Product> product = getScaledProduct(member)) {
    launchProduct(*product, nullptr, set, launches);
    return;
  }
  ProductTile tile = getFusedTile(member);
  if (int64_t width = getTileWidth(member, tile)) {
    lowerTogether(std::move(member), tile, width, {}, set, launches);
    return;
  }
  SmallVector<KernelArgument> places = placeProducts(member, set);
  for (const Product &product : member.products)
    launchProduct(product, nullptr, set, launches);
  if (!member.program.ops.empty())
    launches.push_back(launchRowKernel(member.program, places, set));
}

/// A library's sums as f32: where they may be the result, or in the workspace.
/// Nothing where that would take too much.
static SmallVector<KernelArgument>
addSumsByLibrary(const FusedMember &member, KernelSet &set, Steps &steps) {
  const Product &first = member.products.front();
  std::optional<Product> scaled = getScaledProduct(member);
  bool inPlace = scaled && scaled->element.isF32();
  uint64_t bytes = first.m * first.n * sizeof(float);
  size_t count = member.program.products.size();
  if (!inPlace && count * bytes > kMaxLibraryScratch)
    return {};
  SmallVector<KernelArgument> sums;
  for (size_t i = 0; i < count; ++i)
    sums.push_back(inPlace ? scaled->c : set.getScratch(bytes));
  for (auto [i, product] : llvm::enumerate(member.products)) {
    KernelProduct library = product.forLibrary();
    // The kernel multiplies by alpha and rounds.
    library.alpha = 1;
    library.bf16C = false;
    library.beta = member.isSum() && i > 0;
    library.c = sums[member.isSum() ? 0 : i];
    steps.push_back(library);
  }
  return sums;
}

/// False where a library has no such products.
static bool lowerMemberWithLibrary(FusedMember member, KernelSet &set,
                                   Steps &steps) {
  ProductTile tile = getFusedTile(member);
  int64_t width = getTileWidth(member, tile);
  std::optional<Product> scaled = getScaledProduct(member);
  SmallVector<KernelLaunch> launches;
  if (scaled || width) {
    SmallVector<KernelArgument> sums = addSumsByLibrary(member, set, steps);
    if (sums.empty())
      return false;
    if (scaled)
      launchProduct(*scaled, &sums.front(), set, launches);
    else
      lowerTogether(std::move(member), tile, width, sums, set, launches);
  } else {
    // A library adds to f32 alone.
    const Product &product = member.products.front();
    uint64_t bytes =
        member.products.size() * product.m * product.n * sizeof(float);
    if (bytes > kMaxLibraryScratch ||
        (member.isSum() && product.element.isBF16()))
      return false;
    SmallVector<KernelArgument> places = placeProducts(member, set);
    for (const Product &product : member.products) {
      KernelProduct library = product.forLibrary();
      library.beta = product.accumulate;
      steps.push_back(library);
    }
    if (!member.program.ops.empty())
      launches.push_back(launchRowKernel(member.program, places, set));
  }
  steps.append(launches.begin(), launches.end());
  return true;
}

LogicalResult cuda::lowerFusedProducts(ClusterOp op, KernelSet &set,
                                       Launches &launches) {
  FailureOr<std::vector<FusedMember>> members = getMembers(op, set);
  if (failed(members))
    return failure();
  if (canShareKernel(*members)) {
    launchGroup(*members, set, launches);
    return success();
  }
  for (const FusedMember &member : *members)
    lowerMember(member, set, launches);
  return success();
}

LogicalResult cuda::lowerFusedProductsWithLibrary(ClusterOp op, KernelSet &set,
                                                  Steps &steps) {
  FailureOr<std::vector<FusedMember>> members = getMembers(op, set);
  if (failed(members))
    return failure();
  if (canShareKernel(*members)) {
    launchGroupWithLibrary(*members, set, steps);
    return success();
  }
  for (const FusedMember &member : *members)
    if (!lowerMemberWithLibrary(member, set, steps)) {
      steps.clear();
      return success();
    }
  return success();
}
