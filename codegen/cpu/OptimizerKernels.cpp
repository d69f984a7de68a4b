//===- OptimizerKernels.cpp - Gradient clipping and AdamW -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One kernel each for all parameters: sizes, and what a parameter's learning
// rate, epsilon and decay are multiplied by, are launch arguments.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/FlatKernel.h"
#include "codegen/cpu/KernelSet.h"
#include "runtime/plan/kernel_abi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace mlir;
using namespace lns;
using namespace lns::cpu;

/// Elements whose squares make one partial sum; part of clip_factor's
/// definition.
static constexpr int64_t kSquaresChunk = 65536;
/// Elements of a parameter per work item.
static constexpr int64_t kUpdateChunk = 4096;

static int64_t countItems(int64_t elements, int64_t chunk) {
  return roundUp(elements, chunk) / chunk;
}

/// partials[first + item] = sum of squares of the item's chunk, in f64.
static unsigned getSumSquaresKernel(ClipFactorOp op, KernelSet &set) {
  Builder builder(set.getContext());
  KernelSpec spec("sum_squares", getKernelKey(op, KeyExtents::none));
  spec.source = "clip_factor";
  spec.buffers = {flatBuffer(builder.getF32Type()),
                  flatBuffer(builder.getF64Type())};
  spec.ints = 2; // elements, first
  return set.getKernel(
      spec, op.getLoc(), [](CodeBuilder &b, KernelFrame &frame) {
        b.loop(frame.begin, frame.end, 1, [&](Value item) {
          Value from = b.mulI(item, kSquaresChunk);
          Value to = b.minI(b.addI(from, kSquaresChunk), frame.ints[0]);
          Value sum = sumInDouble(b, from, to, [&](Value i, int64_t lanes) {
            Value x = b.toDouble(b.loadVector(frame.buffers[0], i, lanes));
            return b.mul(x, x);
          });
          b.store(sum, frame.buffers[1], b.addI(item, frame.ints[1]));
        });
      });
}

/// Whether x is a number below infinity.
static Value isFinite(CodeBuilder &b, Value x) {
  constexpr double largest = std::numeric_limits<float>::max();
  Value above = arith::CmpFOp::create(b, b.loc, arith::CmpFPredicate::OGE, x,
                                      b.real(-largest));
  Value below = arith::CmpFOp::create(b, b.loc, arith::CmpFPredicate::OLE, x,
                                      b.real(largest));
  return arith::AndIOp::create(b, b.loc, above, below);
}

/// norm and factor from all partial sums and the loss; one item.
static unsigned getClipKernel(ClipFactorOp op, KernelSet &set) {
  Builder builder(set.getContext());
  MemRefType flat = flatBuffer(builder.getF32Type());
  KernelSpec spec("clip_factor", getKernelKey(op, KeyExtents::none));
  spec.source = "clip_factor";
  spec.buffers = {flat, flatBuffer(builder.getF64Type()), flat, flat, flat};
  spec.ints = 1; // partial sums
  return set.getKernel(
      spec, op.getLoc(), [](CodeBuilder &b, KernelFrame &frame) {
        b.loop(frame.begin, frame.end, 1, [&](Value) {
          Value zero =
              arith::ConstantOp::create(b, b.loc, b.getF64FloatAttr(0.0));
          Value sum = b.loop(b.index(0), frame.ints[0], 1, zero,
                             [&](Value i, ValueRange carried) {
                               return SmallVector<Value>{b.add(
                                   carried[0], b.load(frame.buffers[1], i))};
                             })[0];
          Value norm = b.toFloat(b.sqrt(sum));
          Value clip = b.load(frame.buffers[0], b.index(LNS_OPT_CLIP));
          auto greater = [&](Value x, Value y) -> Value {
            return arith::CmpFOp::create(b, b.loc, arith::CmpFPredicate::OGT, x,
                                         y);
          };
          Value one = b.real(1.0);
          Value factor = b.select(greater(norm, clip), b.div(clip, norm), one);
          factor = b.select(greater(clip, b.real(0.0)), factor, one);
          // Tells adamW to change nothing.
          Value skip = b.real(std::numeric_limits<double>::quiet_NaN());
          Value loss = b.load(frame.buffers[4], b.index(0));
          factor = b.select(isFinite(b, norm), factor, skip);
          factor = b.select(isFinite(b, loss), factor, skip);
          b.store(norm, frame.buffers[2], b.index(0));
          b.store(factor, frame.buffers[3], b.index(0));
        });
      });
}

LogicalResult cpu::lowerClipFactor(ClipFactorOp op, KernelSet &set,
                                   Launches &launches) {
  int64_t partials = 0;
  for (Value gradient : op.getGradients()) {
    int64_t elements =
        cast<RankedTensorType>(gradient.getType()).getNumElements();
    LaunchBuilder launch;
    launch.launch.kernel = getSumSquaresKernel(op, set);
    launch.launch.items = countItems(elements, kSquaresChunk);
    launch.launch.ints = {elements, partials};
    launch.value(gradient).value(op.getPartials());
    partials += launch.launch.items;
    launches.push_back(std::move(launch.launch));
  }
  LaunchBuilder launch;
  launch.launch.kernel = getClipKernel(op, set);
  launch.value(op.getOptimizer())
      .value(op.getPartials())
      .value(op.getNorm())
      .value(op.getFactor())
      // Where there is no loss, the learning rate, which is always finite.
      .value(op.getLoss() ? op.getLoss() : op.getOptimizer());
  launch.launch.ints = {partials};
  launch.launch.items = 1;
  launches.push_back(std::move(launch.launch));
  return success();
}

namespace {

/// Values of the optimizer that are the same for all elements.
struct AdamWScalars {
  AdamWScalars(CodeBuilder &b, KernelFrame &frame) {
    Value decay = frame.floats[0];
    auto slot = [&](int64_t number) {
      return b.load(frame.buffers[5], b.index(number));
    };
    Value one = b.real(1.0);
    Value lr = b.mul(slot(LNS_OPT_LR), frame.floats[1]);
    beta1 = slot(LNS_OPT_BETA1);
    beta2 = slot(LNS_OPT_BETA2);
    eps = b.mul(slot(LNS_OPT_EPS), frame.floats[2]);
    rest1 = b.sub(one, beta1);
    rest2 = b.sub(one, beta2);
    keep = b.sub(one, b.mul(b.mul(lr, slot(LNS_OPT_WEIGHT_DECAY)), decay));
    step = b.div(lr, slot(LNS_OPT_BIAS_CORRECTION1));
    inverseBias2 = b.div(one, slot(LNS_OPT_BIAS_CORRECTION2));
    factor = b.load(frame.buffers[4], b.index(0));
  }
  Value beta1, beta2, eps, rest1, rest2, keep, step, inverseBias2, factor;
};

} // namespace

LogicalResult cpu::lowerAdamW(AdamWOp op, KernelSet &set, Launches &launches) {
  if (op.getComputeAttr())
    return op.emitOpError("writes a compute weight, which is kept for CUDA "
                          "alone; compile without 'lns-keep-weights'");
  KernelSpec spec("adamw", getKernelKey(op, KeyExtents::none));
  spec.source = "adamw";
  spec.buffers.assign(6, flatBuffer(Float32Type::get(op.getContext())));
  spec.floats = 3; // factors of decay, learning rate and epsilon
  spec.ints = 1;   // elements
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        AdamWScalars s(b, frame);
        Value parameter = frame.buffers[0], m = frame.buffers[1],
              v = frame.buffers[2], gradient = frame.buffers[3];
        // A step that must change nothing has no elements.
        Value isStep = arith::CmpFOp::create(
            b, b.loc, arith::CmpFPredicate::ORD, s.factor, s.factor);
        Value elements =
            b.select(isStep, frame.ints[0], b.mulI(frame.begin, kUpdateChunk));
        overChunks(
            b, frame, kUpdateChunk, elements, [&](Value i, int64_t lanes) {
              auto all = [&](Value scalar) {
                return b.broadcast(scalar, lanes);
              };
              Value g = b.mul(b.loadVector(gradient, i, lanes), all(s.factor));
              Value mNew = b.fma(all(s.beta1), b.loadVector(m, i, lanes),
                                 b.mul(all(s.rest1), g));
              Value vNew = b.fma(all(s.beta2), b.loadVector(v, i, lanes),
                                 b.mul(all(s.rest2), b.mul(g, g)));
              b.storeVector(mNew, m, i);
              b.storeVector(vNew, v, i);
              Value root = b.sqrt(b.mul(vNew, all(s.inverseBias2)));
              Value change =
                  b.div(b.mul(all(s.step), mNew), b.add(root, all(s.eps)));
              Value p = b.mul(b.loadVector(parameter, i, lanes), all(s.keep));
              b.storeVector(b.sub(p, change), parameter, i);
            });
      });
  using Kind = KernelArgument::Kind;
  launch.parameter(Kind::Parameter, op.getSymbol())
      .parameter(Kind::ExpAvg, op.getSymbol())
      .parameter(Kind::ExpAvgSq, op.getSymbol())
      .value(op.getGradient())
      .value(op.getFactor())
      .value(op.getOptimizer());
  int64_t elements =
      cast<RankedTensorType>(op.getGradient().getType()).getNumElements();
  auto factor = [](const APFloat &value) {
    return static_cast<float>(value.convertToDouble());
  };
  launch.launch.floats = {op.getDecay() ? factor(op.getDecayFactor()) : 0.0f,
                          factor(op.getLrFactor()), factor(op.getEpsFactor())};
  launch.launch.ints = {elements};
  launch.launch.items = countItems(elements, kUpdateChunk);
  launches.push_back(std::move(launch.launch));
  return success();
}
