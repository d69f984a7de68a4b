//===- LossKernels.cpp - Cross entropy, means and constants ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/FlatKernel.h"
#include "codegen/cpu/KernelSet.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <limits>

using namespace mlir;
using namespace lns;
using namespace lns::cpu;

/// Elements of a filled tensor per work item.
static constexpr int64_t kFillChunk = 16384;

/// A row's target is a column, or one that is ignored: no column, since as an
/// unsigned number it is larger than all.
static void ifCounts(CodeBuilder &b, Value targets, Value row, int64_t width,
                     llvm::function_ref<void(Value target)> counts,
                     llvm::function_ref<void()> isIgnored) {
  Value target = b.loadIndex(targets, row);
  b.ifLess(target, b.index(width), [&] { counts(target); }, isIgnored);
}

LogicalResult cpu::lowerCrossEntropy(CrossEntropyOp op, KernelSet &set,
                                     Launches &launches) {
  auto type = cast<RankedTensorType>(op.getLogits().getType());
  int64_t width = type.getShape().back();
  bool hasFactors = bool(op.getFactors());
  Builder builder(op.getContext());
  MemRefType flat = flatBuffer(builder.getF32Type());
  KernelSpec spec("cross_entropy", getKernelKey(op, KeyExtents::columns));
  spec.source = hasFactors ? "row_scale, cross_entropy" : "cross_entropy";
  spec.buffers = {rowBuffer(elementOf(op.getLogits()), width),
                  flatBuffer(builder.getI32Type()), flat, flat};
  if (hasFactors)
    spec.buffers.push_back(flat);
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        Value logits = frame.buffers[0];
        Value lowest = b.splat(-std::numeric_limits<double>::infinity());
        b.loop(frame.begin, frame.end, 1, [&](Value row) {
          Value factor = hasFactors ? b.load(frame.buffers[4], row) : Value();
          auto scaled = [&](Value x, int64_t lanes) {
            return factor ? b.mul(b.broadcast(factor, lanes), x) : x;
          };
          auto scalar = [&](Value column) {
            Value x = b.load(logits, {row, column});
            return factor ? b.mul(factor, x) : x;
          };
          auto vector = [&](Value column, int64_t lanes) {
            return scaled(b.loadVector(logits, {row, column}, lanes), lanes);
          };
          // A tail is loaded a second time as the last full vector where there
          // is one: the maximum does not mind.
          auto maximum = [&](Value x, Value y) { return b.max(x, y); };
          Value most;
          if (width >= kLanes) {
            most = b.reduceChunks(
                width / kLanes * kLanes, 4, lowest,
                [&](Value column, int64_t lanes, Value acc) {
                  return b.max(vector(column, lanes), acc);
                },
                maximum);
            if (width % kLanes != 0)
              most = b.max(vector(b.index(width - kLanes), kLanes), most);
            most = b.maxAcross(most);
          } else {
            most = scalar(b.index(0));
            for (int64_t i = 1; i < width; ++i)
              most = b.max(scalar(b.index(i)), most);
          }
          Value sums = b.reduceChunks(
              width, 2, b.splat(0.0),
              [&](Value column, int64_t lanes, Value acc) {
                Value x = vector(column, lanes);
                Value p = b.exp(b.sub(x, b.broadcast(most, lanes)));
                return b.add(acc, b.padWithZeros(p));
              },
              [&](Value x, Value y) { return b.add(x, y); });
          Value lse = b.add(most, b.log(b.sumAcross(sums)));
          b.store(lse, frame.buffers[3], row);
          ifCounts(
              b, frame.buffers[1], row, width,
              [&](Value target) {
                b.store(b.sub(lse, scalar(target)), frame.buffers[2], row);
              },
              [&] { b.store(b.real(0.0), frame.buffers[2], row); });
        });
      });
  launch.value(op.getLogits())
      .value(op.getTargets())
      .value(op.getLosses())
      .value(op.getLse());
  if (hasFactors)
    launch.value(op.getFactors());
  launch.launch.items = getRows(type);
  launches.push_back(std::move(launch.launch));
  return success();
}

LogicalResult cpu::lowerCrossEntropyGrad(CrossEntropyGradOp op, KernelSet &set,
                                         Launches &launches) {
  auto type = cast<RankedTensorType>(op.getLogits().getType());
  int64_t width = type.getShape().back();
  bool hasFactors = bool(op.getFactors()), relative = op.getRelative();
  Builder builder(op.getContext());
  MemRefType rows = rowBuffer(elementOf(op.getLogits()), width);
  MemRefType flat = flatBuffer(builder.getF32Type());
  KernelSpec spec("cross_entropy_grad", getKernelKey(op, KeyExtents::columns));
  spec.source = hasFactors ? "cross_entropy_grad, row_scale, row_dot"
                           : "cross_entropy_grad";
  spec.buffers = {rows, flatBuffer(builder.getI32Type()), flat, flat, rows};
  if (hasFactors)
    spec.buffers.append({flat, flat});
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        // The result may lie over the logits: every element is read just
        // before it is written. The target's is p - 1 before it is rounded, not
        // a correction of what was stored: where p is near one, rounding p
        // would leave nothing of the difference.
        Value logits = frame.buffers[0], result = frame.buffers[4];
        auto addGradient = [&](Value row, Value target) {
          Value lse = b.load(frame.buffers[2], row);
          Value grad = b.load(frame.buffers[3], row);
          // With z the logits, x = f z and dx = (p - onehot) grad: dz = f dx,
          // df = sum dx z.
          Value factor = hasFactors ? b.load(frame.buffers[5], row) : Value();
          Value scaledGrad = hasFactors ? b.mul(factor, grad) : grad;
          auto probability = [&](Value z, int64_t lanes) {
            Value x = hasFactors ? b.mul(b.broadcast(factor, lanes), z) : z;
            return b.exp(b.sub(x, b.broadcast(lse, lanes)));
          };
          Value zTarget = b.loadVector(logits, {row, target}, 1);
          Value atTarget =
              b.mul(b.sub(probability(zTarget, 1), b.splat(1.0, 1)),
                    b.broadcast(scaledGrad, 1));
          if (!hasFactors) {
            b.chunks(width, 2, [&](Value column, int64_t lanes) {
              Value z = b.loadVector(logits, {row, column}, lanes);
              b.storeVector(
                  b.mul(probability(z, lanes), b.broadcast(grad, lanes)),
                  result, {row, column});
            });
            b.storeVector(atTarget, result, {row, target});
            return;
          }
          Value sums = b.reduceChunks(
              width, 2, b.splat(0.0),
              [&](Value column, int64_t lanes, Value acc) {
                Value z = b.loadVector(logits, {row, column}, lanes);
                Value p = probability(z, lanes);
                b.storeVector(b.mul(p, b.broadcast(scaledGrad, lanes)), result,
                              {row, column});
                return b.add(acc, b.padWithZeros(b.mul(p, z)));
              },
              [&](Value x, Value y) { return b.add(x, y); });
          b.storeVector(atTarget, result, {row, target});
          Value sum = b.sumAcross(b.sub(sums, b.padWithZeros(zTarget)));
          b.store(b.mul(relative ? scaledGrad : grad, sum), frame.buffers[6],
                  row);
        };
        b.loop(frame.begin, frame.end, 1, [&](Value row) {
          ifCounts(
              b, frame.buffers[1], row, width,
              [&](Value target) { addGradient(row, target); },
              [&] {
                b.chunks(width, 2, [&](Value column, int64_t lanes) {
                  b.storeVector(b.splat(0.0, lanes), result, {row, column});
                });
                if (hasFactors)
                  b.store(b.real(0.0), frame.buffers[6], row);
              });
        });
      });
  launch.value(op.getLogits())
      .value(op.getTargets())
      .value(op.getLse())
      .value(op.getGrad())
      .value(op.getResult());
  if (hasFactors)
    launch.value(op.getFactors()).value(op.getFactorsGrad());
  launch.launch.items = getRows(type);
  launches.push_back(std::move(launch.launch));
  return success();
}

LogicalResult cpu::lowerTargetCount(TargetCountOp op, KernelSet &set,
                                    Launches &launches) {
  KernelSpec spec("target_count", getKernelKey(op, KeyExtents::none));
  spec.source = "target_count";
  spec.buffers = {flatBuffer(elementOf(op.getTargets())),
                  flatBuffer(elementOf(op.getResult()))};
  spec.ints = 1; // targets
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        b.loop(frame.begin, frame.end, 1, [&](Value) {
          Value ignored = b.index(kIgnoredTarget);
          Value count = b.loop(
              b.index(0), frame.ints[0], 1, b.index(0),
              [&](Value i, ValueRange carried) -> SmallVector<Value> {
                Value isIgnored = arith::CmpIOp::create(
                    b, b.loc, arith::CmpIPredicate::eq,
                    b.loadIndex(frame.buffers[0], i), ignored);
                return {b.select(isIgnored, carried[0], b.addI(carried[0], 1))};
              })[0];
          b.store(arith::IndexCastOp::create(b, b.loc, b.getI32Type(), count),
                  frame.buffers[1], b.index(0));
        });
      });
  launch.value(op.getTargets()).value(op.getResult());
  launch.launch.ints = {
      cast<RankedTensorType>(op.getTargets().getType()).getNumElements()};
  launch.launch.items = 1;
  launches.push_back(std::move(launch.launch));
  return success();
}

/// What a mean divides by: a count in memory, the last buffer but one, or the
/// number of elements.
static Value getDivisor(CodeBuilder &b, const KernelFrame &frame, bool counts) {
  Value number =
      counts ? b.loadIndex(frame.buffers[1], b.index(0)) : frame.ints[0];
  return toReal(b, number);
}

/// The sum of all elements in one work item, `finished` in f64. `key` tells its
/// kernel apart.
static void
sumUp(Operation *op, StringRef kind, const std::string &key, KernelSet &set,
      Launches &launches,
      llvm::function_ref<Value(CodeBuilder &, const KernelFrame &, Value)>
          finish) {
  Value input = op->getOperand(0);
  KernelSpec spec(kind.str(), key);
  spec.source = kind.str();
  LaunchBuilder launch;
  for (Value operand : op->getOperands()) {
    spec.buffers.push_back(flatBuffer(elementOf(operand)));
    launch.value(operand);
  }
  spec.buffers.push_back(flatBuffer(elementOf(op->getResult(0))));
  launch.value(op->getResult(0));
  spec.ints = 1; // elements
  launch.launch.kernel = set.getKernel(
      spec, op->getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        b.loop(frame.begin, frame.end, 1, [&](Value) {
          Value sum = sumInDouble(
              b, b.index(0), frame.ints[0], [&](Value i, int64_t lanes) {
                return b.toDouble(b.loadVector(frame.buffers[0], i, lanes));
              });
          b.store(b.toFloat(finish(b, frame, sum)), frame.buffers.back(),
                  b.index(0));
        });
      });
  launch.launch.ints = {
      cast<RankedTensorType>(input.getType()).getNumElements()};
  launch.launch.items = 1;
  launches.push_back(std::move(launch.launch));
}

LogicalResult cpu::lowerMean(MeanOp op, KernelSet &set, Launches &launches) {
  bool counts = bool(op.getCount());
  sumUp(op, "mean", getKernelKey(op, KeyExtents::none), set, launches,
        [&](CodeBuilder &b, const KernelFrame &frame, Value sum) {
          return b.div(sum, b.toDouble(getDivisor(b, frame, counts)));
        });
  return success();
}

LogicalResult cpu::lowerSum(SumOp op, KernelSet &set, Launches &launches) {
  sumUp(op, "sum", getKernelKey(op, KeyExtents::none), set, launches,
        [](CodeBuilder &, const KernelFrame &, Value sum) { return sum; });
  return success();
}

LogicalResult cpu::lowerMeanGrad(MeanGradOp op, KernelSet &set,
                                 Launches &launches) {
  bool counts = bool(op.getCount());
  KernelSpec spec("mean_grad", getKernelKey(op, KeyExtents::none));
  spec.source = "mean_grad";
  spec.buffers = {flatBuffer(elementOf(op.getGrad()))};
  if (counts)
    spec.buffers.push_back(flatBuffer(elementOf(op.getCount())));
  spec.buffers.push_back(flatBuffer(elementOf(op.getResult())));
  spec.ints = 1; // elements
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        Value share = b.div(b.load(frame.buffers[0], b.index(0)),
                            getDivisor(b, frame, counts));
        overChunks(
            b, frame, kFillChunk, frame.ints[0], [&](Value i, int64_t lanes) {
              b.storeVector(b.broadcast(share, lanes), frame.buffers.back(), i);
            });
      });
  launch.value(op.getGrad());
  if (counts)
    launch.value(op.getCount());
  launch.value(op.getResult());
  int64_t elements =
      cast<RankedTensorType>(op.getResult().getType()).getNumElements();
  launch.launch.ints = {elements};
  launch.launch.items = roundUp(elements, kFillChunk) / kFillChunk;
  launches.push_back(std::move(launch.launch));
  return success();
}

LogicalResult cpu::lowerConstant(lns::ConstantOp op, KernelSet &set,
                                 Launches &launches) {
  KernelSpec spec("fill", getKernelKey(op, KeyExtents::none));
  spec.source = "constant";
  spec.buffers = {flatBuffer(elementOf(op.getResult()))};
  spec.floats = 1; // value
  spec.ints = 1;   // elements
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        overChunks(b, frame, kFillChunk, frame.ints[0],
                   [&](Value i, int64_t lanes) {
                     b.storeVector(b.broadcast(frame.floats[0], lanes),
                                   frame.buffers[0], i);
                   });
      });
  launch.value(op.getResult());
  int64_t elements =
      cast<RankedTensorType>(op.getResult().getType()).getNumElements();
  launch.launch.floats = {static_cast<float>(op.getValue().convertToDouble())};
  launch.launch.ints = {elements};
  launch.launch.items = roundUp(elements, kFillChunk) / kFillChunk;
  launches.push_back(std::move(launch.launch));
  return success();
}
