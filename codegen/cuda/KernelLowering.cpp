//===- KernelLowering.cpp - Which op is which CUDA kernel -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/KernelLimits.h"
#include "codegen/cuda/KernelSet.h"
#include "dialect/LnsDialect.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

struct cuda::KernelLowering::Impl : KernelSet {};

cuda::KernelLowering::KernelLowering(MLIRContext *)
    : impl(std::make_unique<Impl>()) {}
cuda::KernelLowering::~KernelLowering() = default;

bool cuda::KernelLowering::hasKernel(Operation *op) const {
  return isa<RowOpInterface>(op) ||
         isa<ClusterOp, LinearOp, MatmulOp, WeightGradOp, AppendOp,
             CachedAttentionOp, AttentionOp, AttentionGradOp, ColumnDotOp,
             EmbeddingOp, EmbeddingGradOp, AddPositionsGradOp, CrossEntropyOp,
             CrossEntropyGradOp, CrossEntropyWithGradOp, TargetCountOp, MeanOp,
             SumOp, MeanGradOp, lns::ConstantOp, ClipFactorOp, AdamWOp,
             ProjectOp>(op);
}

LogicalResult
cuda::KernelLowering::lower(Operation *op,
                            SmallVectorImpl<KernelLaunch> &launches) {
  if (failed(checkKernelTypes(op, getTargetName())))
    return failure();
  KernelSet &set = *impl;
  set.scratchUsed = 0;
  size_t first = launches.size();
  LogicalResult result =
      TypeSwitch<Operation *, LogicalResult>(op)
          .Case<LinearOp, MatmulOp, WeightGradOp>(
              [&](auto op) { return lowerProduct(op, set, launches); })
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
          .Case<CrossEntropyWithGradOp>([&](auto op) {
            return lowerCrossEntropyWithGrad(op, set, launches);
          })
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
            auto cluster = dyn_cast<ClusterOp>(op);
            if (cluster && !cluster.getProducts().empty())
              return lowerFusedProducts(cluster, set, launches);
            if (cluster || isa<RowOpInterface>(op))
              return lowerRowOps(op, set, launches);
            return op->emitOpError("has no CUDA kernel");
          });
  if (failed(result))
    return failure();
  for (const KernelLaunch &launch : ArrayRef(launches).drop_front(first))
    if (failed(checkLaunch(op, launch, /*isCuda=*/true)))
      return failure();
  return success();
}

LogicalResult
cuda::KernelLowering::lowerWithLibrary(Operation *op,
                                       SmallVectorImpl<KernelStep> &steps) {
  impl->scratchUsed = 0;
  size_t first = steps.size();
  LogicalResult result = success();
  auto cluster = dyn_cast<ClusterOp>(op);
  if (isa<LinearOp, MatmulOp, WeightGradOp>(op))
    result = lowerProductWithLibrary(op, *impl, steps);
  else if (cluster && !cluster.getProducts().empty())
    result = lowerFusedProductsWithLibrary(cluster, *impl, steps);
  if (failed(result))
    return failure();
  for (const KernelStep &step : ArrayRef(steps).drop_front(first)) {
    const auto *launch = std::get_if<KernelLaunch>(&step);
    if (failed(launch ? checkLaunch(op, *launch, /*isCuda=*/true)
                      : checkCudaProduct(op, std::get<KernelProduct>(step))))
      return failure();
  }
  return success();
}

ArrayRef<cuda::KernelInfo> cuda::KernelLowering::getKernels() const {
  return impl->kernels;
}
ArrayRef<std::vector<float>> cuda::KernelLowering::getConstants() const {
  return impl->constants;
}
uint64_t cuda::KernelLowering::getScratchBytes() const {
  return impl->scratchBytes;
}
