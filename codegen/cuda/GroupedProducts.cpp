//===- GroupedProducts.cpp - Several members of a cluster as one kernel ---===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Products of one input, each with row ops of its own, by
// kernels/matmul_group.cuh. Widths are launch arguments where no row op has
// them in its text. Tiles and sums are those that each product would have in a
// kernel of its own, and so are the bits of its result.
//
// Where a library multiplies, the members take turns in one workspace: the same
// kernel is launched once for each, for its own tiles.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/FusedProducts.h"
#include "codegen/cuda/RowText.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

namespace {

/// The launch of all members, and what makes it the launch of one.
class GroupLaunch {
public:
  GroupLaunch(ArrayRef<FusedMember> members, KernelSet &set);

  /// Of the tiles in a row those that begin with number `first`, with the sums
  /// there if they are somewhere.
  KernelLaunch get(int64_t first, int64_t tiles,
                   const KernelArgument *sums) const;

  SmallVector<int64_t> tiles;           ///< that a row has, of each member
  SmallVector<KernelArgument> partials; ///< of each member's sums over rows

private:
  std::string addMember(const FusedMember &member, unsigned number,
                        KernelSpec &spec, LaunchBuilder &launch,
                        KernelSet &set);

  ProductTile tile;
  int64_t m;
  size_t sumsPlace, firstPlace; ///< among buffers and ints
  KernelLaunch all;
  std::string declarations, statements;
};

} // namespace

bool cuda::canShareKernel(ArrayRef<FusedMember> members) {
  ProductTile tile = getFusedTile(members);
  return members.size() > 1 &&
         llvm::all_of(members, [&](const FusedMember &member) {
           return getTileWidth(member, tile) != 0;
         });
}

GroupLaunch::GroupLaunch(ArrayRef<FusedMember> members, KernelSet &set)
    : tile(getFusedTile(members)) {
  const Product &product = members.front().products.front();
  m = product.m;
  bool alignedA = llvm::all_of(members, std::mem_fn(&FusedMember::hasAlignedA));
  bool alignedB = llvm::all_of(members, std::mem_fn(&FusedMember::hasAlignedB));
  bool isWhole = llvm::all_of(members, [](const FusedMember &member) {
    return member.products.front().isWhole();
  });
  std::string config = product.config(tile, alignedA, alignedB);

  KernelSpec spec;
  LaunchBuilder launch;
  spec.kind = "matmul";
  spec.hint = product.order() + "_group" + std::to_string(members.size());
  spec.includes = {"matmul_group.cuh"};
  spec.threads = tile.threads();
  spec.sharedBytes = tile.sharedBytes(product.isBf16());
  spec.noSpills = alignedA && alignedB;

  spec.buffers.push_back({elementOf(product.a), "a"});
  launch.value(product.a);
  sumsPlace = spec.buffers.size();
  spec.buffers.push_back({Float32Type::get(product.element.getContext()), //
                          "sums"});
  launch.value(product.a);
  spec.ints = {"m", "k", "first", "tiles", "hasSums"};
  firstPlace = 2;
  launch.count(m).count(product.k).count(0).count(0).count(0);
  std::string arguments;
  for (auto [i, member] : llvm::enumerate(members))
    arguments += addMember(member, i, spec, launch, set);
  spec.source += ": " + getProductTypes(elementOf(product.a),
                                        elementOf(product.b), product.element);
  launch.launch.kernel = set.getKernel(
      spec, [&](llvm::raw_ostream &outside, llvm::raw_ostream &body) {
        outside << declarations;
        body << "  using Config = " << config << ";\n"
             << statements << "  lns::matmulClusterGroup<Config, "
             << (isWhole ? "true" : "false")
             << ">(a, hasSums ? sums : nullptr, m, k, first, tiles" << arguments
             << ");\n";
      });
  all = std::move(launch.launch);
}

/// Its part of the kernel's text and of the launch; what it is in the call.
std::string GroupLaunch::addMember(const FusedMember &member, unsigned number,
                                   KernelSpec &spec, LaunchBuilder &launch,
                                   KernelSet &set) {
  const RowProgram &program = member.program;
  std::string text = std::to_string(number), prefix = "p" + text + "_";
  std::string b = "b" + text, n = "n" + text, epilogue = "epilogue" + text;
  std::optional<Product> scaled = getScaledProduct(member);
  const Product &product = scaled ? *scaled : member.products.front();
  tiles.push_back(llvm::divideCeil(product.n, tile.n));
  spec.source += (number == 0 ? "" : "; ") +
                 program.products.front()->getName().stripDialect().str();
  if (!program.ops.empty())
    spec.source += ", " + getSourceText(program);
  addIncludes(program, spec.includes);
  spec.isNorm |= writesNorm(program);
  spec.buffers.push_back({elementOf(product.b), b});
  launch.value(product.b);
  spec.ints.push_back(n);
  launch.count(product.n);

  llvm::raw_string_ostream body(statements);
  if (scaled) {
    // As by the kernel that it would have alone, to the last bit.
    spec.buffers.push_back({product.element, prefix + "out0", true});
    launch.argument(product.c);
    std::string factors = "nullptr";
    if (product.factors) {
      factors = prefix + "factors";
      spec.buffers.push_back({elementOf(product.factors), factors});
      launch.value(product.factors);
    }
    spec.floats.push_back(prefix + "alpha0");
    launch.number(product.alpha);
    body << "  lns::ScaleAndAdd<" << getTypeName(product.element) << ", "
         << (product.isWhole() ? "true" : "false") << "> " << epilogue << "{"
         << prefix << "out0, nullptr, " << factors << ", " << prefix
         << "alpha0, " << n << ", false};\n";
    partials.emplace_back();
  } else {
    EpilogueParameters parameters =
        addEpilogue(member, prefix, spec, launch, set);
    llvm::raw_string_ostream outside(declarations);
    printEpilogue(outside, "Epilogue" + text, program, parameters.members);
    body << "  lns::Epilogue" << text << " " << epilogue << "{"
         << parameters.arguments << "};\n";
    partials.push_back(parameters.partials);
  }
  return ", lns::groupMember(" + b + ", " + n + ", " + epilogue + ")";
}

KernelLaunch GroupLaunch::get(int64_t first, int64_t count,
                              const KernelArgument *sums) const {
  KernelLaunch launch = all;
  if (sums)
    launch.buffers[sumsPlace] = *sums;
  launch.ints[firstPlace] = first;
  launch.ints[firstPlace + 1] = count;
  launch.ints[firstPlace + 2] = bool(sums);
  LaunchBuilder builder;
  builder.grid(llvm::divideCeil(m, tile.m) * count);
  launch.grid = builder.launch.grid;
  return launch;
}

void cuda::launchGroup(ArrayRef<FusedMember> members, KernelSet &set,
                       Launches &launches) {
  GroupLaunch group(members, set);
  launches.push_back(group.get(
      0, std::accumulate(group.tiles.begin(), group.tiles.end(), int64_t(0)),
      nullptr));
  for (auto [i, member] : llvm::enumerate(members))
    launchFinish(member, group.partials[i], set, launches);
}

void cuda::launchGroupWithLibrary(ArrayRef<FusedMember> members, KernelSet &set,
                                  Steps &steps) {
  uint64_t bytes = 0;
  for (const FusedMember &member : members) {
    const Product &product = member.products.front();
    bytes = std::max<uint64_t>(bytes, product.m * product.n * sizeof(float));
  }
  if (bytes > kMaxLibraryScratch)
    return;
  KernelArgument scratch = set.getScratch(bytes);
  GroupLaunch group(members, set);
  SmallVector<KernelLaunch> launches;
  int64_t first = 0;
  for (auto [i, member] : llvm::enumerate(members)) {
    const Product &product = member.products.front();
    KernelProduct library = product.forLibrary();
    // The kernel multiplies by alpha and rounds.
    library.alpha = 1;
    library.bf16C = false;
    library.c = scratch;
    library.c.size = product.m * product.n * sizeof(float);
    steps.push_back(library);
    steps.push_back(group.get(first, group.tiles[i], &library.c));
    first += group.tiles[i];
    launchFinish(member, group.partials[i], set, launches);
  }
  steps.append(launches.begin(), launches.end());
}
