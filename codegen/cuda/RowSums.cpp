//===- RowSums.cpp - Sums over rows behind a product's kernel -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A product's kernel leaves the sum over each part of a row. One small kernel,
// the same for all clusters, adds these up in order.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/FusedProducts.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

/// Threads of a block, one a row.
static constexpr int64_t kFinishThreads = 256;

/// kRowSumColumns of kernels/matmul_cluster.cuh.
static constexpr int64_t kRowSumColumns = 64;

int64_t cuda::countRowSumParts(const FusedMember &member) {
  return llvm::divideCeil(member.products.front().n, kRowSumColumns);
}

/// The sums of `count` reductions in a row, of one kind, from the member's
/// `first` on.
static void launchSums(const FusedMember &member, unsigned first,
                       unsigned count, const KernelArgument &partials,
                       KernelSet &set, Launches &launches) {
  const RowProgram &program = member.program;
  int64_t parts = countRowSumParts(member);
  Type f32 = elementOf(member.sums[first]->getResult(0));
  KernelSpec spec;
  spec.kind = "row_sums";
  spec.source = "row_rstd or row_dot: the sums of the parts of a row";
  spec.includes = {"matmul_cluster.cuh"};
  spec.buffers = {{f32, "partials", false, true},
                  {f32, "first", true},
                  {f32, "second", true}};
  spec.floats = {"inverse_width", "eps"};
  spec.ints = {"rows", "parts", "from", "isRstd"};
  spec.threads = kFinishThreads;
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, [&](llvm::raw_ostream &, llvm::raw_ostream &body) {
        body << "  lns::finishRowSums<" << kFinishThreads
             << ">(partials + from, first, second, inverse_width, eps, rows, "
                "parts, isRstd != 0);\n";
      });
  launch.argument(partials);
  for (unsigned i : {first, first + count - 1}) {
    size_t number = llvm::find(program.outputs, member.sums[i]->getResult(0)) -
                    program.outputs.begin();
    launch.value(program.outerOutputs[number]);
  }
  auto rstd = dyn_cast<RowRstdOp>(member.sums[first]);
  launch.number(1.0 / double(program.width));
  launch.number(rstd ? rstd.getEps().convertToDouble() : 0.0);
  launch.count(program.rows).count(parts);
  launch.count(first * parts * program.rows).count(bool(rstd));
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

void cuda::launchFinish(const FusedMember &member,
                        const KernelArgument &partials, KernelSet &set,
                        Launches &launches) {
  for (unsigned i = 0; i < member.sums.size();) {
    bool isShared = i + 1 < member.sums.size() &&
                    canShareFinish(member.sums[i], member.sums[i + 1]);
    launchSums(member, i, isShared ? 2 : 1, partials, set, launches);
    i += isShared ? 2 : 1;
  }
}
