//===- CachedAttention.cpp - Decoding a token at a time -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Few queries, and keys and values that are where they are: nothing is packed.
// One work item is one head of one sequence; the scores of a query are in
// scratch. How many keys a query sees is data, so a step costs what its
// positions cost, not what the cache has room for.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/KernelSet.h"
#include <limits>

using namespace mlir;
using namespace lns;
using namespace lns::cpu;

/// Vectors of a head that are summed at a time.
static constexpr int64_t kSumsAtOnce = 4;

static MemRefType startsBuffer(Operation *op) {
  return flatBuffer(IntegerType::get(op->getContext(), 32));
}

/// The position of sequence `b`'s row at `time`: `row` is its number.
static Value getPosition(CodeBuilder &b, Value starts, Value row, Value time) {
  return b.subI(time, b.loadIndex(starts, row));
}

LogicalResult cpu::lowerAppend(AppendOp op, KernelSet &set,
                               Launches &launches) {
  auto cache = cast<RankedTensorType>(op.getCache().getType());
  auto rows = cast<RankedTensorType>(op.getRows().getType());
  int64_t positions = cache.getDimSize(1), time = rows.getDimSize(1),
          width = cache.getDimSize(2);
  KernelSpec spec("append", getKernelKey(op, KeyExtents::all));
  spec.source = "append";
  MemRefType buffer = flatBuffer(rows.getElementType());
  spec.buffers = {buffer, startsBuffer(op), buffer};
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        b.loop(frame.begin, frame.end, 1, [&](Value row) {
          Value position =
              getPosition(b, frame.buffers[1], row, b.remI(row, time));
          Value place = b.addI(b.mulI(b.divI(row, time), positions), position);
          Value from = b.mulI(row, width), to = b.mulI(place, width);
          b.chunks(width, 2, [&](Value column, int64_t lanes) {
            Value x =
                b.loadVector(frame.buffers[0], b.addI(from, column), lanes);
            b.storeVector(x, frame.buffers[2], b.addI(to, column));
          });
        });
      });
  // What is not replaced stands there already.
  launch.value(op.getRows()).value(op.getStarts()).value(op.getResult());
  launch.launch.items = getRows(rows);
  launches.push_back(std::move(launch.launch));
  return success();
}

namespace {

class CachedAttentionEmitter {
public:
  explicit CachedAttentionEmitter(CachedAttentionOp op)
      : heads(op.getHeads()), group(heads / int64_t(op.getKvHeads())),
        headDim(op.getHeadDim()), isWindowed(op.getWindow().has_value()),
        isCapped(op.getSoftcap().has_value()) {
    time = cast<RankedTensorType>(op.getQuery().getType()).getDimSize(1);
    auto key = cast<RankedTensorType>(op.getKey().getType());
    positions = key.getDimSize(1);
    keyRow = key.getDimSize(2);
  }

  /// Scores of all positions.
  int64_t getScratchFloats() const { return roundUp(positions, kLanes); }

  void emit(CodeBuilder &b, KernelFrame &frame) {
    this->frame = &frame;
    b.loop(frame.begin, frame.end, 1, [&](Value item) {
      Value sequence = b.divI(item, heads), head = b.remI(item, heads);
      Value column = b.mulI(b.divI(head, group), headDim);
      keys = b.addI(b.mulI(sequence, positions * keyRow), column);
      b.loop(b.index(0), b.index(time), 1, [&](Value t) {
        Value row = b.addI(b.mulI(sequence, time), t);
        query = b.addI(b.mulI(row, heads * headDim), b.mulI(head, headDim));
        Value seen = b.addI(getPosition(b, frame.buffers[3], row, t), 1);
        first =
            isWindowed ? b.subI(seen, b.minI(seen, frame.ints[0])) : b.index(0);
        count = b.subI(seen, first);
        emitQuery(b);
      });
    });
  }

private:
  /// Where the head's part of the key, or value, of the nth key that is seen
  /// begins.
  Value getKey(CodeBuilder &b, Value n) {
    return b.addI(keys, b.mulI(b.addI(first, n), keyRow));
  }

  void emitQuery(CodeBuilder &b) {
    Value maximum = emitScores(b);
    Value sum = emitExponentials(b, maximum);
    Value inverse = b.div(b.real(1.0), sum);
    for (int64_t from = 0; from < headDim; from += kSumsAtOnce * kLanes)
      emitAverage(b, from, std::min(from + kSumsAtOnce * kLanes, headDim),
                  inverse);
  }

  /// Puts the scores into scratch; gives the greatest.
  Value emitScores(CodeBuilder &b) {
    Value lowest = b.real(-std::numeric_limits<double>::infinity());
    return b.loop(
        b.index(0), count, 1, lowest, [&](Value n, ValueRange carried) {
          Value key = getKey(b, n);
          Value sums = b.reduceChunks(
              headDim, 2, b.splat(0.0),
              [&](Value column, int64_t lanes, Value acc) {
                auto load = [&](unsigned buffer, Value from) {
                  return b.padWithZeros(b.loadVector(
                      frame->buffers[buffer], b.addI(from, column), lanes));
                };
                return b.fma(load(0, query), load(1, key), acc);
              },
              [&](Value x, Value y) { return b.add(x, y); });
          Value score = b.mul(b.sumAcross(sums), frame->floats[0]);
          if (isCapped) {
            Value cap = frame->floats[1];
            score = b.mul(cap, b.tanh(b.mul(score, b.div(b.real(1.0), cap))));
          }
          b.store(score, frame->scratch, n);
          return SmallVector<Value>{b.max(score, carried[0])};
        })[0];
  }

  /// Turns scores into exp(score - maximum); gives their sum.
  Value emitExponentials(CodeBuilder &b, Value maximum) {
    auto exponential = [&](Value n, int64_t lanes) {
      Value p = b.exp(b.sub(b.loadVector(frame->scratch, n, lanes),
                            b.broadcast(maximum, lanes)));
      b.storeVector(p, frame->scratch, n);
      return b.padWithZeros(p);
    };
    auto add = [&](int64_t lanes) {
      return [&b, exponential, lanes](Value n, ValueRange carried) {
        return SmallVector<Value>{b.add(carried[0], exponential(n, lanes))};
      };
    };
    Value middle = b.mulI(b.divI(count, kLanes), kLanes);
    Value sums =
        b.loop(b.index(0), middle, kLanes, b.splat(0.0), add(kLanes))[0];
    sums = b.loop(middle, count, 1, sums, add(1))[0];
    return b.sumAcross(sums);
  }

  /// Columns [from, to) of the head's result.
  void emitAverage(CodeBuilder &b, int64_t from, int64_t to, Value inverse) {
    SmallVector<std::pair<int64_t, int64_t>> parts; // column, lanes
    for (int64_t column = from; column < to; column += kLanes)
      parts.push_back({column, std::min(kLanes, to - column)});
    SmallVector<Value> zeros;
    for (auto [column, lanes] : parts)
      zeros.push_back(b.splat(0.0, lanes));
    SmallVector<Value> sums =
        b.loop(b.index(0), count, 1, zeros, [&](Value n, ValueRange carried) {
          Value p = b.load(frame->scratch, n), value = getKey(b, n);
          SmallVector<Value> next;
          for (auto [part, acc] : llvm::zip(parts, carried)) {
            Value x = b.loadVector(frame->buffers[2], b.addI(value, part.first),
                                   part.second);
            next.push_back(b.fma(b.broadcast(p, part.second), x, acc));
          }
          return next;
        });
    for (auto [part, sum] : llvm::zip(parts, sums))
      b.storeVector(b.mul(sum, b.broadcast(inverse, part.second)),
                    frame->buffers[4], b.addI(query, part.first));
  }

  int64_t heads, group, headDim, time, positions, keyRow;
  bool isWindowed, isCapped;
  KernelFrame *frame = nullptr;
  // Of the query that is emitted: elements of buffers, and positions.
  Value query, keys, first, count;
};

} // namespace

LogicalResult cpu::lowerCachedAttention(CachedAttentionOp op, KernelSet &set,
                                        Launches &launches) {
  CachedAttentionEmitter emitter(op);
  KernelSpec spec("attention", getKernelKey(op, KeyExtents::all));
  spec.source = "cached_attention";
  MemRefType buffer = flatBuffer(elementOf(op.getQuery()));
  spec.buffers = {buffer, buffer, buffer, startsBuffer(op), buffer};
  spec.scratchFloats = emitter.getScratchFloats();
  LaunchBuilder launch;
  spec.floats = 1;
  launch.number(op.getEffectiveScale());
  if (std::optional<llvm::APFloat> cap = op.getSoftcap()) {
    ++spec.floats;
    launch.number(cap->convertToDouble());
  }
  auto key = cast<RankedTensorType>(op.getKey().getType());
  if (std::optional<uint64_t> window = op.getWindow()) {
    // Sums must not overflow.
    spec.ints = 1;
    launch.count(std::min(static_cast<int64_t>(*window), key.getDimSize(1)));
  }
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        emitter.emit(b, frame);
      });
  for (Value operand : op->getOperands())
    launch.value(operand);
  launch.value(op.getResult());
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  launch.launch.items =
      query.getDimSize(0) * static_cast<int64_t>(op.getHeads());
  launches.push_back(std::move(launch.launch));
  return success();
}
