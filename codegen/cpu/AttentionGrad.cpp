//===- AttentionGrad.cpp - The backward attention kernel ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One work item is one key/value head of one sequence with all query heads that
// read it, in order: dk and dv add up in scratch, without atomics. With
// q' = scale * q, for every query head and block of queries:
//   P  = exp(q' k^T - lse)          recomputed, never kept
//   dS = P * (dout v^T - rowsum(dout * out))
//   dv += P^T dout,  dk += dS^T q',  dq = scale * (dS k).
// With a soft-cap c and t = tanh(q' k^T / c), P = exp(c t - lse) and dS is
// times 1 - t^2. Blocks of keys that lie before a window, or before the
// document of the block's first query, are not looked at.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/AttentionShape.h"

using namespace mlir;
using namespace lns;
using namespace lns::cpu;

namespace {

enum Buffer : unsigned {
  Query,
  Key,
  Val,
  Output,
  Lse,
  Grad,
  Starts ///< if there are any
};
enum Gradient : unsigned { QueryGrad, KeyGrad, ValGrad };

class AttentionGradEmitter {
public:
  explicit AttentionGradEmitter(const AttentionShape &shape) : shape(shape) {
    int64_t packed = shape.paddedTime() * shape.depth();
    int64_t rows = shape.paddedTime() * shape.columns();
    // Keys are also rows of tiles, six at a time, from where a window begins.
    int64_t tileRows = shape.isBounded()
                           ? shape.paddedTime() + kTileRows
                           : roundUp(shape.paddedTime(), kTileRows);
    int64_t gradRows = tileRows * shape.columns();
    int64_t block = kQueryBlock * shape.columns();
    int64_t blockScores = kQueryBlock * shape.scoreRow();
    keysTransposed = layout.take(packed);
    valuesTransposed = layout.take(packed);
    keys = layout.take(rows);
    keyGrads = layout.take(gradRows);
    valueGrads = layout.take(gradRows);
    queries = layout.take(block);
    grads = layout.take(block);
    queryPanels = layout.take(block);
    gradPanels = layout.take(block);
    queryGrads = layout.take(block);
    scores = layout.take(blockScores);
    scoreGrads = layout.take(blockScores);
    gradRowCount = gradRows;
  }

  int64_t getScratchFloats() const { return layout.size; }

  void emit(CodeBuilder &b, KernelFrame &frame) {
    this->frame = &frame;
    scratch = frame.scratch;
    AttentionArguments own(b, shape, frame, Starts);
    arguments = &own;
    b.loop(frame.begin, frame.end, 1, [&](Value item) {
      Value batch = b.divI(item, shape.kvHeads);
      Value kvHead = b.remI(item, shape.kvHeads);
      Value keyStart = b.addI(b.mulI(batch, shape.time * shape.keyRow()),
                              b.mulI(kvHead, shape.headDim));
      packKeysAndValues(b, keyStart);
      for (int64_t offset : {keyGrads, valueGrads})
        emitClear(b, scratch, b.index(offset), b.index(gradRowCount));
      b.loop(b.index(0), b.index(shape.group()), 1, [&](Value member) {
        Value head = b.addI(b.mulI(kvHead, shape.group()), member);
        queryStart = b.addI(b.mulI(batch, shape.time * shape.queryRow()),
                            b.mulI(head, shape.headDim));
        lseStart = b.mulI(b.addI(b.mulI(batch, shape.heads), head), shape.time);
        forQueryBlocks(b, shape, own, batch,
                       [&](const QueryBlock &block) { emitBlock(b, block); });
      });
      storeRows(b, keyGrads, b.index(shape.time), KeyGrad, keyStart,
                shape.keyRow(), Value());
      storeRows(b, valueGrads, b.index(shape.time), ValGrad, keyStart,
                shape.keyRow(), Value());
    });
  }

private:
  void packKeysAndValues(CodeBuilder &b, Value keyStart) {
    for (auto [buffer, offset] :
         {std::pair(Key, keysTransposed), std::pair(Val, valuesTransposed)})
      emitPackTransposed(b,
                         {frame->buffers[buffer], keyStart, shape.keyRow(),
                          shape.time, shape.headDim, scratch, b.index(offset)});
    emitPackRows(b, {frame->buffers[Key], keyStart, shape.keyRow(),
                     shape.headDim, scratch, b.index(keys), shape.paddedTime(),
                     b.index(shape.time), b.index(shape.paddedTime())});
  }

  void emitBlock(CodeBuilder &b, const QueryBlock &block) {
    Value start = b.addI(queryStart, b.mulI(block.start, shape.queryRow()));
    Value tileRows = b.mulI(block.rowTiles, kTileRows);
    // Rows as the depth of P^T dout and dS^T q'.
    Value depthRows = b.mulI(b.ceilDivI(block.rows, kTileDepth), kTileDepth);
    Value scale = arguments->scale;
    emitCopyRows(b,
                 {frame->buffers[Query], start, shape.queryRow(), shape.headDim,
                  scratch, b.index(queries), block.rows, tileRows, scale});
    emitCopyRows(b,
                 {frame->buffers[Grad], start, shape.queryRow(), shape.headDim,
                  scratch, b.index(grads), block.rows, tileRows, Value()});
    for (auto [source, target] :
         {std::pair(queries, queryPanels), std::pair(grads, gradPanels)})
      emitPackRows(b, {scratch, b.index(source), shape.columns(),
                       shape.columns(), scratch, b.index(target), kQueryBlock,
                       block.rows, depthRows});

    // S = q' k^T and dout v^T.
    for (auto [a, panels, c] :
         {std::tuple(queries, keysTransposed, scores),
          std::tuple(grads, valuesTransposed, scoreGrads)}) {
      TileGemm gemm{scratch,
                    b.index(a),
                    shape.columns(),
                    1,
                    scratch,
                    b.addI(b.mulI(block.firstKey, shape.depth()), panels),
                    shape.depth() * kLanes,
                    scratch,
                    b.index(c),
                    shape.scoreRow(),
                    block.rowTiles,
                    block.keyPanels,
                    b.index(shape.depth())};
      skipScores(b, shape, block, gemm);
      emitTileGemm(b, gemm);
    }
    b.loop(b.index(0), block.rows, 1,
           [&](Value row) { emitScoreGrads(b, block, start, row); });
    b.loop(block.rows, depthRows, 1, [&](Value row) {
      Value offset = b.mulI(row, shape.scoreRow());
      for (int64_t matrix : {scores, scoreGrads})
        emitClear(b, scratch, b.addI(offset, matrix),
                  b.addI(block.keys, kLanes));
    });

    // dv += P^T dout and dk += dS^T q'.
    Value keyTiles = b.ceilDivI(block.keys, kTileRows);
    for (auto [a, panels, c] :
         {std::tuple(scores, gradPanels, valueGrads),
          std::tuple(scoreGrads, queryPanels, keyGrads)}) {
      TileGemm gemm{scratch,
                    b.index(a),
                    1,
                    shape.scoreRow(),
                    scratch,
                    b.index(panels),
                    kQueryBlock * kLanes,
                    scratch,
                    b.addI(b.mulI(block.firstKey, shape.columns()), c),
                    shape.columns(),
                    keyTiles,
                    b.index(shape.columns() / kLanes),
                    depthRows,
                    /*accumulate=*/true};
      skipQueries(b, shape, block, gemm);
      emitTileGemm(b, gemm);
    }
    // dq = scale * (dS k).
    TileGemm gemm{scratch,
                  b.index(scoreGrads),
                  shape.scoreRow(),
                  1,
                  scratch,
                  b.addI(b.mulI(block.firstKey, kLanes), keys),
                  shape.paddedTime() * kLanes,
                  scratch,
                  b.index(queryGrads),
                  shape.columns(),
                  block.rowTiles,
                  b.index(shape.columns() / kLanes),
                  block.keys};
    skipKeys(b, shape, block, gemm);
    emitTileGemm(b, gemm);
    storeRows(b, queryGrads, block.rows, QueryGrad, start, shape.queryRow(),
              scale);
  }

  /// Turns a row of S and of dout v^T into P and dS, zero for keys that the
  /// row does not see and in the vector after the last panel.
  void emitScoreGrads(CodeBuilder &b, const QueryBlock &block, Value start,
                      Value row) {
    Value place = b.addI(start, b.mulI(row, shape.queryRow()));
    Value product = b.reduceChunks(
        shape.headDim, 1, b.splat(0.0),
        [&](Value column, int64_t lanes, Value acc) {
          Value at = b.addI(place, column);
          Value x = b.loadVector(frame->buffers[Output], at, lanes);
          Value y = b.loadVector(frame->buffers[Grad], at, lanes);
          return b.add(acc, b.padWithZeros(b.mul(x, y)));
        },
        [&](Value x, Value y) { return b.add(x, y); });
    Value mean = b.broadcast(b.sumAcross(product));
    Value lse = b.broadcast(b.load(frame->buffers[Lse],
                                   b.addI(b.addI(lseStart, block.start), row)));
    Value offset = b.mulI(row, shape.scoreRow());
    Value scoreStart = b.addI(offset, scores);
    Value gradStart = b.addI(offset, scoreGrads);
    Value zero = b.splat(0.0);
    overSeenKeys(b, shape, block, row, {},
                 [&](Value column, Value mask, ValueRange) {
                   Value scoreAt = b.addI(scoreStart, column);
                   Value gradAt = b.addI(gradStart, column);
                   Value s = b.loadVector(scratch, scoreAt);
                   Value slope;
                   if (shape.capped) {
                     Value t = arguments->squash(b, s);
                     s = b.mul(arguments->cap, t);
                     slope = b.sub(b.splat(1.0), b.mul(t, t));
                   }
                   Value p = b.exp(b.sub(s, lse));
                   Value dp = b.loadVector(scratch, gradAt);
                   Value ds = b.mul(p, b.sub(dp, mean));
                   if (slope)
                     ds = b.mul(ds, slope);
                   if (mask) {
                     p = b.select(mask, p, zero);
                     ds = b.select(mask, ds, zero);
                   }
                   b.storeVector(p, scratch, scoreAt);
                   b.storeVector(ds, scratch, gradAt);
                   return SmallVector<Value>();
                 });
    b.storeVector(zero, scratch, b.addI(scoreStart, block.keys));
    b.storeVector(zero, scratch, b.addI(gradStart, block.keys));
  }

  void storeRows(CodeBuilder &b, int64_t source, Value rows, Gradient gradient,
                 Value target, int64_t targetRow, Value scale) {
    Value buffer =
        frame->buffers[(shape.documents ? Starts + 1 : Starts) + gradient];
    b.loop(b.index(0), rows, 1, [&](Value row) {
      Value from = b.addI(b.mulI(row, shape.columns()), source);
      Value to = b.addI(target, b.mulI(row, targetRow));
      b.chunks(shape.headDim, 1, [&](Value column, int64_t lanes) {
        Value x = b.loadVector(scratch, b.addI(from, column), lanes);
        if (scale)
          x = b.mul(x, b.broadcast(scale, lanes));
        b.storeVector(x, buffer, b.addI(to, column));
      });
    });
  }

  AttentionShape shape;
  ScratchLayout layout;
  int64_t keysTransposed, valuesTransposed, keys, keyGrads, valueGrads;
  int64_t queries, grads, queryPanels, gradPanels, queryGrads;
  int64_t scores, scoreGrads, gradRowCount;
  KernelFrame *frame = nullptr;
  const AttentionArguments *arguments = nullptr;
  Value scratch, queryStart, lseStart;
};

} // namespace

LogicalResult cpu::lowerAttentionGrad(AttentionGradOp op, KernelSet &set,
                                      Launches &launches) {
  AttentionShape shape = AttentionShape::of(op);
  AttentionGradEmitter emitter(shape);
  KernelSpec spec("attention_grad", getKernelKey(op, KeyExtents::all));
  spec.source = "attention_grad";
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
  launch.launch.items = shape.batch * shape.kvHeads;
  launches.push_back(std::move(launch.launch));
  return success();
}
