//===- OptimizerKernels.cpp - Gradient clipping and AdamW -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One kernel each for all parameters: sizes, and what a parameter's learning
// rate, epsilon and decay are multiplied by, are launch arguments; those with a
// compute weight have another, for one type of it.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/FlatKernel.h"
#include "runtime/plan/kernel_abi.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

// kernels/optimizer.cuh reads the optimizer's values by these places.
static_assert(LNS_OPT_LR == 0 && LNS_OPT_BETA1 == 1 && LNS_OPT_BETA2 == 2 &&
              LNS_OPT_EPS == 3 && LNS_OPT_WEIGHT_DECAY == 4 &&
              LNS_OPT_CLIP == 5 && LNS_OPT_BIAS_CORRECTION1 == 6 &&
              LNS_OPT_BIAS_CORRECTION2 == 7);

/// Elements whose squares make one partial sum; part of clip_factor's
/// definition.
static constexpr int64_t kSquaresChunk = 65536;
/// Gradients that one launch takes, so that small ones do not cost one each.
static constexpr int64_t kGradients = 8;
static constexpr int64_t kSquaresThreads = 512, kUpdateThreads = 256,
                         kUpdateLanes = 4;

/// partials[first + block] = sum of squares of the block's chunk, in f64.
static unsigned getSumSquaresKernel(KernelSet &set, MLIRContext *context) {
  Builder builder(context);
  KernelSpec spec;
  spec.kind = "sum_squares";
  spec.source = "clip_factor";
  spec.includes = {"optimizer.cuh"};
  std::string pointers, sizes;
  for (int64_t i = 0; i < kGradients; ++i) {
    spec.buffers.push_back(
        {builder.getF32Type(), "gradient" + text(i), false, true});
    spec.ints.push_back("size" + text(i));
    pointers += (i ? ", gradient" : "gradient") + text(i);
    sizes += (i ? ", size" : "size") + text(i);
  }
  spec.buffers.push_back({builder.getF64Type(), "partials", true, true});
  spec.ints.push_back("first");
  spec.threads = kSquaresThreads;
  spec.sharedBytes = kSquaresThreads / 32 * sizeof(double);
  spec.noSpills = true;
  return set.getKernel(spec, [&](llvm::raw_ostream &, llvm::raw_ostream &body) {
    body << "  const float *const gradients[] = {" << pointers << "};\n"
         << "  const long long sizes[] = {" << sizes << "};\n"
         << "  lns::sumSquares<" << kSquaresChunk << ", " << kSquaresThreads
         << ">(gradients, sizes, partials, first);\n";
  });
}

/// norm and factor from all partial sums and the loss; one warp.
static unsigned getClipKernel(KernelSet &set, MLIRContext *context) {
  Builder builder(context);
  Type f32 = builder.getF32Type();
  KernelSpec spec;
  spec.kind = "clip_factor";
  spec.source = "clip_factor";
  spec.includes = {"optimizer.cuh"};
  spec.buffers = {{f32, "optimizer", false, true},
                  {builder.getF64Type(), "partials", false, true},
                  {f32, "norm", true, true},
                  {f32, "factor", true, true},
                  {f32, "loss"}};
  spec.ints = {"count"};
  spec.threads = 32;
  spec.noSpills = true;
  return set.getKernel(spec, [&](llvm::raw_ostream &, llvm::raw_ostream &body) {
    body << "  lns::clipFactor(optimizer, partials, norm, factor, loss, "
            "count);\n";
  });
}

LogicalResult cuda::lowerClipFactor(ClipFactorOp op, KernelSet &set,
                                    Launches &launches) {
  int64_t partials = 0;
  SmallVector<Value> gradients(op.getGradients());
  for (size_t begin = 0; begin < gradients.size(); begin += kGradients) {
    LaunchBuilder launch;
    launch.launch.kernel = getSumSquaresKernel(set, op.getContext());
    int64_t blocks = 0;
    for (size_t i = begin; i < begin + kGradients; ++i) {
      // The last launch takes some gradient again, of no elements.
      bool isOne = i < gradients.size();
      Value gradient = isOne ? gradients[i] : gradients.back();
      int64_t elements = isOne ? countElements(gradient) : 0;
      launch.value(gradient).count(elements);
      blocks += llvm::divideCeil(elements, kSquaresChunk);
    }
    launch.value(op.getPartials()).count(partials).grid(blocks);
    partials += blocks;
    launches.push_back(std::move(launch.launch));
  }
  LaunchBuilder launch;
  launch.launch.kernel = getClipKernel(set, op.getContext());
  launch.value(op.getOptimizer())
      .value(op.getPartials())
      .value(op.getNorm())
      .value(op.getFactor())
      // Where there is no loss, the learning rate, which is always finite.
      .value(op.getLoss() ? op.getLoss() : op.getOptimizer());
  launch.count(partials).grid(1);
  launches.push_back(std::move(launch.launch));
  return success();
}

/// Of an update, as its kernels' floats.
static constexpr llvm::StringLiteral kFactors = "{decay, lrFactor, epsFactor}";

LogicalResult cuda::lowerAdamW(AdamWOp op, KernelSet &set, Launches &launches) {
  Type f32 = Float32Type::get(op.getContext());
  auto weight = op.getComputeAttr()
                    ? set.symbols.lookupNearestSymbolFrom<ComputeWeightOp>(
                          op, op.getComputeAttr())
                    : ComputeWeightOp();
  KernelSpec spec;
  spec.kind = "adamw";
  spec.source = "adamw";
  spec.includes = {"optimizer.cuh"};
  spec.buffers = {
      {f32, "parameter", true, true}, {f32, "expAvg", true, true},
      {f32, "expAvgSq", true, true},  {f32, "gradient", false, true},
      {f32, "factor", false, true},   {f32, "optimizer", false, true}};
  spec.floats = {"decay", "lrFactor", "epsFactor"};
  spec.ints = {"elements"};
  spec.threads = kUpdateThreads;
  spec.noSpills = true;
  using Kind = KernelArgument::Kind;
  LaunchBuilder launch;
  launch.parameter(Kind::Parameter, op.getSymbol())
      .parameter(Kind::ExpAvg, op.getSymbol())
      .parameter(Kind::ExpAvgSq, op.getSymbol())
      .value(op.getGradient())
      .value(op.getFactor())
      .value(op.getOptimizer());
  int64_t elements = countElements(op.getGradient());
  launch.number(op.getDecay() ? op.getDecayFactor().convertToDouble() : 0)
      .number(op.getLrFactor().convertToDouble())
      .number(op.getEpsFactor().convertToDouble())
      .count(elements);
  launch.grid(llvm::divideCeil(elements, kUpdateLanes * kUpdateThreads));
  if (!weight) {
    launch.launch.kernel = set.getKernel(
        spec, printCall("adamW", {text(kUpdateThreads)},
                        {"parameter", "expAvg", "expAvgSq", "gradient",
                         "factor", "optimizer", kFactors, "elements"}));
    launches.push_back(std::move(launch.launch));
    return success();
  }
  auto type = cast<RankedTensorType>(weight.getType());
  spec.source = "adamw compute";
  spec.hint = "compute";
  // The gain may be no buffer of its own.
  spec.buffers.push_back({f32, "gain"});
  spec.buffers.push_back({type.getElementType(), "compute", true, true});
  spec.ints.append({"width", "inverse", "hasGain"});
  SmallVector<StringRef> arguments = {
      "parameter",
      "expAvg",
      "expAvgSq",
      "gradient",
      "factor",
      "optimizer",
      "hasGain ? gain : nullptr",
      "compute",
      kFactors,
      "elements",
      "lns::RowWidth{static_cast<unsigned long long>("
      "width), static_cast<unsigned long long>(inverse)}"};
  // A gain that is stored less a number is another kernel's.
  if (double offset = weight.getGainOffset().convertToDouble(); offset != 0) {
    spec.source = "adamw compute gain_offset";
    spec.floats.push_back("gainOffset");
    arguments.push_back("gainOffset");
    launch.number(offset);
  }
  launch.launch.kernel =
      set.getKernel(spec, printCall("adamWAndCompute",
                                    {getTypeName(type.getElementType()).str(),
                                     text(kUpdateThreads)},
                                    arguments));
  if (std::optional<StringRef> gain = weight.getGain())
    launch.parameter(Kind::Parameter, *gain);
  else
    launch.value(op.getOptimizer());
  launch.parameter(Kind::Compute, weight.getSymName());
  uint64_t width = type.getDimSize(1);
  launch.count(width).count(UINT64_MAX / width).count(bool(weight.getGain()));
  launches.push_back(std::move(launch.launch));
  return success();
}
