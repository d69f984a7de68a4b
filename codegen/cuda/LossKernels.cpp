//===- LossKernels.cpp - Cross entropy, means and constants ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/FlatKernel.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

/// Threads of a block that fills, and of the one that takes a mean.
static constexpr int64_t kFillThreads = 256, kMeanThreads = 1024;

/// Threads for a row: four vectors each where there are enough.
static int64_t getRowThreads(int64_t vectors) {
  return std::clamp<int64_t>(llvm::alignTo(llvm::divideCeil(vectors, 4), 32),
                             32, 512);
}

LogicalResult cuda::lowerCrossEntropy(CrossEntropyOp op, KernelSet &set,
                                      Launches &launches) {
  auto type = cast<RankedTensorType>(op.getLogits().getType());
  int64_t width = type.getShape().back();
  bool hasFactors = bool(op.getFactors());
  Builder builder(op.getContext());
  Type f32 = builder.getF32Type(), element = elementOf(op.getLogits());
  int64_t lanes = getLanes(element, width);
  int64_t threads = getRowThreads(width / lanes);
  KernelSpec spec;
  spec.kind = "cross_entropy";
  spec.key = text(width) + (hasFactors ? " factors" : "");
  spec.source = hasFactors ? "row_scale, cross_entropy" : "cross_entropy";
  spec.includes = {"cross_entropy.cuh"};
  spec.buffers = {{element, "logits", false, true},
                  {builder.getI32Type(), "targets", false, true}};
  if (hasFactors)
    spec.buffers.push_back({f32, "factors", false, true});
  spec.buffers.push_back({f32, "losses", true, true});
  spec.buffers.push_back({f32, "lse", true, true});
  spec.threads = threads;
  spec.sharedBytes = threads / 32 * 8;
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel = set.getKernel(
      spec, printCall("crossEntropy",
                      {getTypeName(element).str(), text(width), text(lanes),
                       text(threads), hasFactors ? "true" : "false"},
                      {"logits", "targets", hasFactors ? "factors" : "nullptr",
                       "losses", "lse"}));
  launch.value(op.getLogits()).value(op.getTargets());
  if (hasFactors)
    launch.value(op.getFactors());
  launch.value(op.getLosses()).value(op.getLse()).grid(getRows(type));
  launches.push_back(std::move(launch.launch));
  return success();
}

LogicalResult cuda::lowerCrossEntropyGrad(CrossEntropyGradOp op, KernelSet &set,
                                          Launches &launches) {
  auto type = cast<RankedTensorType>(op.getLogits().getType());
  int64_t width = type.getShape().back();
  bool hasFactors = bool(op.getFactors()), relative = op.getRelative();
  Builder builder(op.getContext());
  Type f32 = builder.getF32Type(), element = elementOf(op.getLogits());
  int64_t lanes = getLanes(element, width);
  int64_t threads = getRowThreads(width / lanes);
  KernelSpec spec;
  spec.kind = "cross_entropy_grad";
  spec.key = text(width) + (hasFactors ? " factors" : "") +
             (relative ? " relative" : "");
  spec.source = hasFactors ? "cross_entropy_grad, row_scale, row_dot"
                           : "cross_entropy_grad";
  spec.includes = {"cross_entropy.cuh"};
  // The result may lie over the logits.
  spec.buffers = {{element, "logits"},
                  {builder.getI32Type(), "targets", false, true},
                  {f32, "lse", false, true},
                  {f32, "grad", false, true}};
  if (hasFactors)
    spec.buffers.push_back({f32, "factors", false, true});
  spec.buffers.push_back({element, "result", true});
  if (hasFactors)
    spec.buffers.push_back({f32, "factorsGrad", true, true});
  spec.threads = threads;
  spec.sharedBytes = hasFactors ? threads / 32 * 4 : 0;
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel = set.getKernel(
      spec, printCall("crossEntropyGrad",
                      {getTypeName(element).str(), text(width), text(lanes),
                       text(threads), hasFactors ? "true" : "false",
                       relative ? "true" : "false"},
                      {"logits", "targets", "lse", "grad",
                       hasFactors ? "factors" : "nullptr", "result",
                       hasFactors ? "factorsGrad" : "nullptr"}));
  launch.value(op.getLogits()).value(op.getTargets());
  launch.value(op.getLse()).value(op.getGrad());
  if (hasFactors)
    launch.value(op.getFactors());
  launch.value(op.getResult());
  if (hasFactors)
    launch.value(op.getFactorsGrad());
  launch.grid(getRows(type));
  launches.push_back(std::move(launch.launch));
  return success();
}

LogicalResult cuda::lowerMean(MeanOp op, KernelSet &set, Launches &launches) {
  Type element = elementOf(op.getInput());
  KernelSpec spec;
  spec.kind = "mean";
  spec.source = "mean";
  spec.includes = {"flat.cuh"};
  spec.buffers = {{element, "input", false, true},
                  {elementOf(op.getResult()), "result", true, true}};
  spec.ints = {"elements"};
  spec.threads = kMeanThreads;
  spec.sharedBytes = kMeanThreads / 32 * sizeof(double);
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel = set.getKernel(
      spec, printCall("mean", {getTypeName(element).str(), text(kMeanThreads)},
                      {"input", "result", "elements"}));
  launch.value(op.getInput()).value(op.getResult());
  launch.count(countElements(op.getInput())).grid(1);
  launches.push_back(std::move(launch.launch));
  return success();
}

/// A launch that writes one value everywhere: `value`, or what `share` has
/// divided by the number of elements.
static void fill(Value result, Value share, double value, KernelSet &set,
                 Launches &launches) {
  Type element = elementOf(result);
  int64_t lanes = element.isBF16() ? 8 : 4, elements = countElements(result);
  KernelSpec spec;
  spec.kind = share ? "mean_grad" : "fill";
  spec.source = share ? "mean_grad" : "constant";
  spec.includes = {"flat.cuh"};
  if (share)
    spec.buffers.push_back({elementOf(share), "grad", false, true});
  else
    spec.floats = {"value"};
  spec.buffers.push_back({element, "result", true, true});
  spec.ints = {"elements"};
  spec.threads = kFillThreads;
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel = set.getKernel(
      spec,
      printCall(
          "fill", {getTypeName(element).str(), text(lanes), text(kFillThreads)},
          {"result", share ? "grad[0] / static_cast<float>(elements)" : "value",
           "elements"}));
  if (share)
    launch.value(share);
  else
    launch.number(value);
  launch.value(result).count(elements);
  launch.grid(llvm::divideCeil(elements, lanes * kFillThreads));
  launches.push_back(std::move(launch.launch));
}

LogicalResult cuda::lowerMeanGrad(MeanGradOp op, KernelSet &set,
                                  Launches &launches) {
  fill(op.getResult(), op.getGrad(), 0, set, launches);
  return success();
}

LogicalResult cuda::lowerConstant(lns::ConstantOp op, KernelSet &set,
                                  Launches &launches) {
  fill(op.getResult(), Value(), op.getValue().convertToDouble(), set, launches);
  return success();
}
