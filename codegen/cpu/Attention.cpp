//===- Attention.cpp - The forward attention kernel -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One work item is one head of one sequence. For every block of queries:
//   S = (scale * Q) K^T,  P = exp(S - rowmax),  out = P V / rowsum(P),
// with c tanh(S / c) in place of S where there is a soft-cap c. Blocks of keys
// that lie before a window, or before the document of the block's first query,
// are not looked at.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/AttentionShape.h"
#include <limits>

using namespace mlir;
using namespace lns;
using namespace lns::cpu;

namespace {

class AttentionEmitter {
public:
  AttentionEmitter(const AttentionShape &shape, bool hasLse)
      : shape(shape), hasLse(hasLse) {
    keys = layout.take(shape.paddedTime() * shape.depth());
    values = layout.take(shape.paddedTime() * shape.columns());
    queries = layout.take(kQueryBlock * shape.columns());
    scores = layout.take(kQueryBlock * shape.scoreRow());
    outputs = layout.take(kQueryBlock * shape.columns());
    inverseSums = layout.take(kQueryBlock);
  }

  int64_t getScratchFloats() const { return layout.size; }

  void emit(CodeBuilder &b, KernelFrame &frame) {
    this->frame = &frame;
    AttentionArguments own(b, shape, frame, /*startsBuffer=*/3);
    arguments = &own;
    b.loop(frame.begin, frame.end, 1, [&](Value item) {
      Value batch = b.divI(item, shape.heads);
      Value head = b.remI(item, shape.heads);
      Value kvHead = b.divI(head, shape.group());
      queryStart = b.addI(b.mulI(batch, shape.time * shape.queryRow()),
                          b.mulI(head, shape.headDim));
      Value keyStart = b.addI(b.mulI(batch, shape.time * shape.keyRow()),
                              b.mulI(kvHead, shape.headDim));
      lseStart = b.mulI(item, shape.time);
      emitPackTransposed(b, {frame.buffers[1], keyStart, shape.keyRow(),
                             shape.time, shape.headDim, frame.scratch,
                             b.index(keys)});
      emitPackRows(b,
                   {frame.buffers[2], keyStart, shape.keyRow(), shape.headDim,
                    frame.scratch, b.index(values), shape.paddedTime(),
                    b.index(shape.time), b.index(shape.paddedTime())});
      forQueryBlocks(b, shape, own, batch,
                     [&](const QueryBlock &block) { emitBlock(b, block); });
    });
  }

private:
  /// The buffer of a result; those of the operands come before.
  Value getOutput(unsigned result) const {
    return frame->buffers[(shape.documents ? 4 : 3) + result];
  }

  void emitBlock(CodeBuilder &b, const QueryBlock &block) {
    Value scratch = frame->scratch;
    Value start = b.addI(queryStart, b.mulI(block.start, shape.queryRow()));
    emitCopyRows(b, {frame->buffers[0], start, shape.queryRow(), shape.headDim,
                     scratch, b.index(queries), block.rows,
                     b.mulI(block.rowTiles, kTileRows), arguments->scale});
    TileGemm product{scratch,
                     b.index(queries),
                     shape.columns(),
                     1,
                     scratch,
                     b.addI(b.mulI(block.firstKey, shape.depth()), keys),
                     shape.depth() * kLanes,
                     scratch,
                     b.index(scores),
                     shape.scoreRow(),
                     block.rowTiles,
                     block.keyPanels,
                     b.index(shape.depth())};
    skipScores(b, shape, block, product);
    emitTileGemm(b, product);
    b.loop(b.index(0), block.rows, 1,
           [&](Value row) { emitSoftmax(b, block, row); });
    TileGemm average{scratch,
                     b.index(scores),
                     shape.scoreRow(),
                     1,
                     scratch,
                     b.addI(b.mulI(block.firstKey, kLanes), values),
                     shape.paddedTime() * kLanes,
                     scratch,
                     b.index(outputs),
                     shape.columns(),
                     block.rowTiles,
                     b.index(shape.columns() / kLanes),
                     block.keys};
    skipKeys(b, shape, block, average);
    emitTileGemm(b, average);
    b.loop(b.index(0), block.rows, 1, [&](Value row) {
      Value inverse = b.load(scratch, b.addI(row, inverseSums));
      Value source = b.addI(b.mulI(row, shape.columns()), outputs);
      Value target = b.addI(start, b.mulI(row, shape.queryRow()));
      b.chunks(shape.headDim, 1, [&](Value column, int64_t lanes) {
        Value x = b.loadVector(scratch, b.addI(source, column), lanes);
        b.storeVector(b.mul(x, b.broadcast(inverse, lanes)), getOutput(0),
                      b.addI(target, column));
      });
    });
  }

  /// Turns a row of scores into exp(score - maximum); the division by the sum
  /// comes after the product with V, on fewer numbers.
  void emitSoftmax(CodeBuilder &b, const QueryBlock &block, Value row) {
    Value scratch = frame->scratch;
    Value scoreStart = b.addI(b.mulI(row, shape.scoreRow()), scores);
    Value lowest = b.splat(-std::numeric_limits<double>::infinity());
    auto hide = [&](Value s, Value mask) {
      return mask ? b.select(mask, s, lowest) : s;
    };
    auto loadScores = [&](Value column, Value mask) {
      return hide(b.loadVector(scratch, b.addI(scoreStart, column)), mask);
    };
    // Where scores are capped, the second pass finds them so.
    auto capScores = [&](Value column, Value mask) {
      Value at = b.addI(scoreStart, column);
      Value s = b.mul(arguments->cap,
                      arguments->squash(b, b.loadVector(scratch, at)));
      b.storeVector(s, scratch, at);
      return hide(s, mask);
    };
    Value most =
        overSeenKeys(b, shape, block, row, lowest,
                     [&](Value column, Value mask, ValueRange carried) {
                       Value s = shape.capped ? capScores(column, mask)
                                              : loadScores(column, mask);
                       return SmallVector<Value>{b.max(s, carried[0])};
                     })[0];
    Value maximum = b.maxAcross(most);
    Value shift = b.broadcast(maximum);
    Value sums =
        overSeenKeys(b, shape, block, row, b.splat(0.0),
                     [&](Value column, Value mask, ValueRange carried) {
                       Value p = b.exp(b.sub(loadScores(column, mask), shift));
                       b.storeVector(p, scratch, b.addI(scoreStart, column));
                       return SmallVector<Value>{b.add(carried[0], p)};
                     })[0];
    Value sum = b.sumAcross(sums);
    b.store(b.div(b.real(1.0), sum), scratch, b.addI(row, inverseSums));
    if (hasLse)
      b.store(b.add(maximum, b.log(sum)), getOutput(1),
              b.addI(b.addI(lseStart, block.start), row));
  }

  AttentionShape shape;
  bool hasLse;
  ScratchLayout layout;
  int64_t keys, values, queries, scores, outputs, inverseSums;
  KernelFrame *frame = nullptr;
  const AttentionArguments *arguments = nullptr;
  Value queryStart, lseStart;
};

} // namespace

LogicalResult cpu::lowerAttention(AttentionOp op, KernelSet &set,
                                  Launches &launches) {
  AttentionShape shape = AttentionShape::of(op);
  bool hasLse = bool(op.getLse());
  AttentionEmitter emitter(shape, hasLse);
  KernelSpec spec("attention", getKernelKey(op, KeyExtents::all));
  spec.source = "attention";
  for (ValueRange values :
       {ValueRange(op->getOperands()), ValueRange(op->getResults())})
    for (Value value : values)
      spec.buffers.push_back(flatBuffer(elementOf(value)));
  spec.scratchFloats = emitter.getScratchFloats();
  LaunchBuilder launch;
  addArguments(op, spec, launch.launch);
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        emitter.emit(b, frame);
      });
  for (Value operand : op->getOperands())
    launch.value(operand);
  for (Value result : op->getResults())
    launch.value(result);
  launch.launch.items = shape.batch * shape.heads;
  launches.push_back(std::move(launch.launch));
  return success();
}
