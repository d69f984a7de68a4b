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

/// Threads of a block that fills, and of the one that takes a mean or counts.
static constexpr int64_t kFillThreads = 256, kSumThreads = 1024;

/// Threads for a row: four vectors each where there are enough.
static int64_t getRowThreads(int64_t vectors) {
  return std::clamp<int64_t>(llvm::alignTo(llvm::divideCeil(vectors, 4), 32),
                             32, 512);
}

namespace {

/// A kernel with a block for each row of logits.
struct RowLoss {
  template <typename Op>
  RowLoss(Op op, StringRef kind)
      : builder(op.getContext()), element(elementOf(op.getLogits())),
        rows(getRows(cast<RankedTensorType>(op.getLogits().getType()))),
        width(
            cast<RankedTensorType>(op.getLogits().getType()).getShape().back()),
        lanes(getLanes(element, width)), threads(getRowThreads(width / lanes)),
        hasFactors(bool(op.getFactors())) {
    spec.kind = kind.str();
    spec.includes = {"cross_entropy.cuh"};
    spec.threads = threads;
    spec.noSpills = true;
    launch.grid(rows);
  }

  void add(Type type, StringRef name, Value value, bool isWritten = false,
           bool isAlone = true) {
    spec.buffers.push_back({type, name.str(), isWritten, isAlone});
    launch.value(value);
  }

  /// Launches FUNCTION<T, width, lanes, threads, FACTORS[, RELATIVE]>.
  void finish(StringRef function, std::optional<bool> relative,
              ArrayRef<StringRef> arguments, KernelSet &set,
              Launches &launches) {
    SmallVector<std::string> parameters = {
        getTypeName(element).str(), text(width), text(lanes), text(threads),
        hasFactors ? "true" : "false"};
    if (relative)
      parameters.push_back(*relative ? "true" : "false");
    launch.launch.kernel =
        set.getKernel(spec, printCall(function, parameters, arguments));
    launches.push_back(std::move(launch.launch));
  }

  Builder builder;
  Type element;
  int64_t rows, width, lanes, threads;
  bool hasFactors;
  KernelSpec spec;
  LaunchBuilder launch;
};

} // namespace
LogicalResult cuda::lowerCrossEntropy(CrossEntropyOp op, KernelSet &set,
                                      Launches &launches) {
  RowLoss row(op, "cross_entropy");
  Type f32 = row.builder.getF32Type();
  row.spec.source =
      row.hasFactors ? "row_scale, cross_entropy" : "cross_entropy";
  row.spec.sharedBytes = row.threads / 32 * 8;
  row.add(row.element, "logits", op.getLogits());
  row.add(row.builder.getI32Type(), "targets", op.getTargets());
  if (row.hasFactors)
    row.add(f32, "factors", op.getFactors());
  row.add(f32, "losses", op.getLosses(), /*isWritten=*/true);
  row.add(f32, "lse", op.getLse(), /*isWritten=*/true);
  row.finish("crossEntropy", std::nullopt,
             {"logits", "targets", row.hasFactors ? "factors" : "nullptr",
              "losses", "lse"},
             set, launches);
  return success();
}

LogicalResult cuda::lowerCrossEntropyGrad(CrossEntropyGradOp op, KernelSet &set,
                                          Launches &launches) {
  RowLoss row(op, "cross_entropy_grad");
  Type f32 = row.builder.getF32Type();
  row.spec.source = row.hasFactors ? "cross_entropy_grad, row_scale, row_dot"
                                   : "cross_entropy_grad";
  row.spec.sharedBytes = row.hasFactors ? row.threads / 32 * 4 : 0;
  // The result may lie over the logits.
  row.add(row.element, "logits", op.getLogits(), false, /*isAlone=*/false);
  row.add(row.builder.getI32Type(), "targets", op.getTargets());
  row.add(f32, "lse", op.getLse());
  row.add(f32, "grad", op.getGrad());
  if (row.hasFactors)
    row.add(f32, "factors", op.getFactors());
  row.add(row.element, "result", op.getResult(), true, /*isAlone=*/false);
  if (row.hasFactors)
    row.add(f32, "factorsGrad", op.getFactorsGrad(), /*isWritten=*/true);
  row.finish("crossEntropyGrad", op.getRelative(),
             {"logits", "targets", "lse", "grad",
              row.hasFactors ? "factors" : "nullptr", "result",
              row.hasFactors ? "factorsGrad" : "nullptr"},
             set, launches);
  return success();
}

LogicalResult cuda::lowerCrossEntropyWithGrad(CrossEntropyWithGradOp op,
                                              KernelSet &set,
                                              Launches &launches) {
  RowLoss row(op, "cross_entropy_with_grad");
  Type f32 = row.builder.getF32Type();
  row.spec.source =
      row.hasFactors
          ? "row_scale, cross_entropy, cross_entropy_grad, row_scale, row_dot"
          : "cross_entropy, cross_entropy_grad";
  row.spec.sharedBytes = row.threads / 32 * 8;
  row.add(row.element, "logits", op.getLogits(), false, /*isAlone=*/false);
  row.add(row.builder.getI32Type(), "targets", op.getTargets());
  row.add(f32, "grad", op.getGrad());
  if (row.hasFactors)
    row.add(f32, "factors", op.getFactors());
  row.add(f32, "losses", op.getLosses(), /*isWritten=*/true);
  row.add(row.element, "result", op.getResult(), true, /*isAlone=*/false);
  if (row.hasFactors)
    row.add(f32, "factorsGrad", op.getFactorsGrad(), /*isWritten=*/true);
  row.finish("crossEntropyWithGrad", op.getRelative(),
             {"logits", "targets", "grad",
              row.hasFactors ? "factors" : "nullptr", "losses", "result",
              row.hasFactors ? "factorsGrad" : "nullptr"},
             set, launches);
  return success();
}

/// One block that makes a number of `input`, and of `count` where that is
/// given, or of a number in the text.
static void reduce(StringRef function, StringRef kind, Value input, Value count,
                   Value result, ArrayRef<std::string> types, KernelSet &set,
                   Launches &launches, StringRef number = {}) {
  KernelSpec spec;
  spec.kind = kind.str();
  spec.source = kind.str();
  spec.includes = {"flat.cuh"};
  spec.ints = {"elements"};
  spec.threads = kSumThreads;
  spec.sharedBytes = kSumThreads / 32 * sizeof(double);
  spec.noSpills = true;
  LaunchBuilder launch;
  SmallVector<StringRef> arguments;
  auto add = [&](Value value, StringRef name) {
    spec.buffers.push_back(
        {elementOf(value), name.str(), /*isWritten=*/value == result, true});
    launch.value(value);
    arguments.push_back(name);
  };
  add(input, "input");
  if (count)
    add(count, "count");
  if (!number.empty())
    arguments.push_back(number);
  add(result, "result");
  arguments.push_back("elements");
  launch.launch.kernel =
      set.getKernel(spec, printCall(function, types, arguments));
  launch.count(countElements(input)).grid(1);
  launches.push_back(std::move(launch.launch));
}

LogicalResult cuda::lowerTargetCount(TargetCountOp op, KernelSet &set,
                                     Launches &launches) {
  reduce("countTargets", "target_count", op.getTargets(), Value(),
         op.getResult(), {text(kIgnoredTarget), text(kSumThreads)}, set,
         launches);
  return success();
}

LogicalResult cuda::lowerMean(MeanOp op, KernelSet &set, Launches &launches) {
  reduce("mean", "mean", op.getInput(), op.getCount(), op.getResult(),
         {getTypeName(elementOf(op.getInput())).str(), text(kSumThreads)}, set,
         launches);
  return success();
}

LogicalResult cuda::lowerSum(SumOp op, KernelSet &set, Launches &launches) {
  reduce("meanOver", "sum", op.getInput(), Value(), op.getResult(),
         {getTypeName(elementOf(op.getInput())).str(), text(kSumThreads)}, set,
         launches, "1.0");
  return success();
}

/// A launch that writes one value everywhere: `value`, or what `share` has
/// divided by `count` or, without one, by the number of elements.
static void fill(Value result, Value share, Value count, double value,
                 KernelSet &set, Launches &launches) {
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
  if (count)
    spec.buffers.push_back({elementOf(count), "count", false, true});
  spec.buffers.push_back({element, "result", true, true});
  spec.ints = {"elements"};
  spec.threads = kFillThreads;
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel = set.getKernel(
      spec,
      printCall("fill",
                {getTypeName(element).str(), text(lanes), text(kFillThreads)},
                {"result",
                 !share  ? "value"
                 : count ? "grad[0] / static_cast<float>(count[0])"
                         : "grad[0] / static_cast<float>(elements)",
                 "elements"}));
  if (share)
    launch.value(share);
  else
    launch.number(value);
  if (count)
    launch.value(count);
  launch.value(result).count(elements);
  launch.grid(llvm::divideCeil(elements, lanes * kFillThreads));
  launches.push_back(std::move(launch.launch));
}

LogicalResult cuda::lowerMeanGrad(MeanGradOp op, KernelSet &set,
                                  Launches &launches) {
  fill(op.getResult(), op.getGrad(), op.getCount(), 0, set, launches);
  return success();
}

LogicalResult cuda::lowerConstant(lns::ConstantOp op, KernelSet &set,
                                  Launches &launches) {
  fill(op.getResult(), Value(), Value(), op.getValue().convertToDouble(), set,
       launches);
  return success();
}
