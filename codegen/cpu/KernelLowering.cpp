//===- KernelLowering.cpp - Which op is which kernel ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/KernelLimits.h"
#include "codegen/cpu/CpuKernels.h"
#include "codegen/cpu/KernelSet.h"
#include "dialect/LnsDialect.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace lns;
using namespace lns::cpu;

struct KernelLowering::Impl : KernelSet {
  using KernelSet::KernelSet;
};

KernelLowering::KernelLowering(MLIRContext *context)
    : impl(std::make_unique<Impl>(context)) {}
KernelLowering::~KernelLowering() = default;

static bool isKernelOp(Operation *op) {
  return isa<RowOpInterface>(op) ||
         isa<ClusterOp, AttentionOp, AttentionGradOp, AppendOp,
             CachedAttentionOp, ColumnDotOp, EmbeddingOp, EmbeddingGradOp,
             AddPositionsGradOp, CrossEntropyOp, CrossEntropyGradOp,
             TargetCountOp, MeanOp, SumOp, MeanGradOp, lns::ConstantOp,
             ClipFactorOp, AdamWOp, ProjectOp>(op);
}

bool KernelLowering::hasKernel(Operation *op) const { return isKernelOp(op); }

LogicalResult KernelLowering::lower(Operation *op,
                                    SmallVectorImpl<KernelLaunch> &launches) {
  if (failed(checkKernelTypes(op, getTargetName())))
    return failure();
  KernelSet &set = *impl;
  size_t first = launches.size();
  LogicalResult result =
      TypeSwitch<Operation *, LogicalResult>(op)
          .Case<AttentionOp>(
              [&](auto op) { return lowerAttention(op, set, launches); })
          .Case<AttentionGradOp>(
              [&](auto op) { return lowerAttentionGrad(op, set, launches); })
          .Case<AppendOp>(
              [&](auto op) { return lowerAppend(op, set, launches); })
          .Case<CachedAttentionOp>(
              [&](auto op) { return lowerCachedAttention(op, set, launches); })
          .Case<ColumnDotOp>(
              [&](auto op) { return lowerColumnDot(op, set, launches); })
          .Case<EmbeddingOp>(
              [&](auto op) { return lowerEmbedding(op, set, launches); })
          .Case<EmbeddingGradOp>(
              [&](auto op) { return lowerEmbeddingGrad(op, set, launches); })
          .Case<AddPositionsGradOp>(
              [&](auto op) { return lowerAddPositionsGrad(op, set, launches); })
          .Case<CrossEntropyOp>(
              [&](auto op) { return lowerCrossEntropy(op, set, launches); })
          .Case<CrossEntropyGradOp>(
              [&](auto op) { return lowerCrossEntropyGrad(op, set, launches); })
          .Case<TargetCountOp>(
              [&](auto op) { return lowerTargetCount(op, set, launches); })
          .Case<MeanOp>([&](auto op) { return lowerMean(op, set, launches); })
          .Case<SumOp>([&](auto op) { return lowerSum(op, set, launches); })
          .Case<MeanGradOp>(
              [&](auto op) { return lowerMeanGrad(op, set, launches); })
          .Case<lns::ConstantOp>(
              [&](auto op) { return lowerConstant(op, set, launches); })
          .Case<ClipFactorOp>(
              [&](auto op) { return lowerClipFactor(op, set, launches); })
          .Case<AdamWOp>([&](auto op) { return lowerAdamW(op, set, launches); })
          .Case<ProjectOp>(
              [&](auto op) { return lowerProject(op, set, launches); })
          .Default([&](Operation *op) -> LogicalResult {
            if (!isKernelOp(op))
              return op->emitOpError("has no CPU kernel");
            return lowerRowOps(op, set, launches);
          });
  if (failed(result))
    return failure();
  for (const KernelLaunch &launch : ArrayRef(launches).drop_front(first))
    if (failed(checkLaunch(op, launch, /*isCuda=*/false)))
      return failure();
  return success();
}

ArrayRef<KernelInfo> KernelLowering::getKernels() const {
  return impl->kernels;
}
ArrayRef<std::vector<float>> KernelLowering::getConstants() const {
  return impl->constants;
}
ModuleOp KernelLowering::getModule() const { return *impl->module; }
