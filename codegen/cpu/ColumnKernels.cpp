//===- ColumnKernels.cpp - Embeddings and sums over rows ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Sums over rows (column_dot, embedding_grad, add_positions_grad) give each
// work item a block of columns and go through the rows in order: no atomics,
// and the same bits for any number of threads.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/KernelSet.h"

using namespace mlir;
using namespace lns;
using namespace lns::cpu;

namespace {

/// How `width` columns are cut into work items: up to four vectors each, fewer
/// where that would leave threads without work.
struct ColumnBlocks {
  explicit ColumnBlocks(int64_t width)
      : width(width),
        block(kLanes * std::clamp<int64_t>(width / (8 * kLanes), 1, 4)) {}

  int64_t items() const { return roundUp(width, block) / block; }

  /// Emits the loop over items. The body gets the block's first column and the
  /// lanes of its vectors; it is emitted again for a last, narrower block.
  void emit(CodeBuilder &b, KernelFrame &frame,
            llvm::function_ref<void(Value, ArrayRef<int64_t>)> body) const {
    SmallVector<int64_t> full(block / kLanes, kLanes), last;
    for (int64_t rest = width % block; rest > 0; rest -= kLanes)
      last.push_back(std::min(rest, kLanes));
    b.loop(frame.begin, frame.end, 1, [&](Value item) {
      Value column = b.mulI(item, block);
      if (last.empty())
        body(column, full);
      else if (width < block)
        body(column, last);
      else
        b.ifLess(
            item, b.index(items() - 1), [&] { body(column, full); },
            [&] { body(column, last); });
    });
  }

  int64_t width, block;
};

} // namespace

LogicalResult cpu::lowerColumnDot(ColumnDotOp op, KernelSet &set,
                                  Launches &launches) {
  auto type = cast<RankedTensorType>(op.getA().getType());
  ColumnBlocks blocks(type.getShape().back());
  bool isDot = bool(op.getB());
  Type f32 = Float32Type::get(op.getContext());
  KernelSpec spec("column_dot", getKernelKey(op, KeyExtents::columns));
  spec.source = isDot ? "column_dot" : "column_dot of one operand";
  spec.buffers.assign(isDot ? 2 : 1,
                      rowBuffer(elementOf(op.getA()), blocks.width));
  spec.buffers.push_back(flatBuffer(f32));
  spec.floats = 1; // scale
  spec.ints = 1;   // rows
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        blocks.emit(b, frame, [&](Value first, ArrayRef<int64_t> lanes) {
          SmallVector<Value> sums;
          for (int64_t n : lanes)
            sums.push_back(b.splat(0.0, n));
          sums = b.loop(
              b.index(0), frame.ints[0], 1, sums,
              [&](Value row, ValueRange carried) {
                SmallVector<Value> next;
                for (auto [i, n] : llvm::enumerate(lanes)) {
                  Value column = b.addI(first, i * kLanes);
                  Value x = b.loadVector(frame.buffers[0], {row, column}, n);
                  if (!isDot) {
                    next.push_back(b.add(carried[i], x));
                    continue;
                  }
                  Value y = b.loadVector(frame.buffers[1], {row, column}, n);
                  next.push_back(b.fma(x, y, carried[i]));
                }
                return next;
              });
          for (auto [i, n] : llvm::enumerate(lanes))
            b.storeVector(b.mul(b.broadcast(frame.floats[0], n), sums[i]),
                          frame.buffers.back(), b.addI(first, i * kLanes));
        });
      });
  launch.value(op.getA());
  if (isDot)
    launch.value(op.getB());
  launch.value(op.getResult());
  launch.launch.floats = {static_cast<float>(op.getScale().convertToDouble())};
  launch.launch.ints = {getRows(type)};
  launch.launch.items = blocks.items();
  launches.push_back(std::move(launch.launch));
  return success();
}

LogicalResult cpu::lowerEmbedding(EmbeddingOp op, KernelSet &set,
                                  Launches &launches) {
  int64_t width =
      cast<RankedTensorType>(op.getTable().getType()).getShape().back();
  Builder builder(op.getContext());
  KernelSpec spec("embedding", getKernelKey(op, KeyExtents::columns));
  spec.source = "embedding";
  spec.buffers = {rowBuffer(builder.getF32Type(), width),
                  flatBuffer(builder.getI32Type()),
                  rowBuffer(elementOf(op.getResult()), width)};
  LaunchBuilder launch;
  // The runtime has checked that tokens are within the table.
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        b.loop(frame.begin, frame.end, 1, [&](Value row) {
          Value token = b.loadIndex(frame.buffers[1], row);
          b.chunks(width, 4, [&](Value column, int64_t lanes) {
            Value x = b.loadVector(frame.buffers[0], {token, column}, lanes);
            b.storeVector(x, frame.buffers[2], {row, column});
          });
        });
      });
  launch.value(op.getTable()).value(op.getTokens()).value(op.getResult());
  launch.launch.items =
      cast<RankedTensorType>(op.getTokens().getType()).getNumElements();
  launches.push_back(std::move(launch.launch));
  return success();
}

LogicalResult cpu::lowerEmbeddingGrad(EmbeddingGradOp op, KernelSet &set,
                                      Launches &launches) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  ColumnBlocks blocks(type.getShape().back());
  Builder builder(op.getContext());
  KernelSpec spec("embedding_grad", getKernelKey(op, KeyExtents::columns));
  spec.source = "embedding_grad";
  spec.buffers = {rowBuffer(elementOf(op.getGrad()), blocks.width),
                  flatBuffer(builder.getI32Type()),
                  rowBuffer(builder.getF32Type(), blocks.width)};
  spec.ints = 2; // tokens, rows of the table to clear
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        Value table = frame.buffers[2];
        blocks.emit(b, frame, [&](Value first, ArrayRef<int64_t> lanes) {
          b.loop(b.index(0), frame.ints[1], 1, [&](Value row) {
            for (auto [i, n] : llvm::enumerate(lanes))
              b.storeVector(b.splat(0.0, n), table,
                            {row, b.addI(first, i * kLanes)});
          });
          b.loop(b.index(0), frame.ints[0], 1, [&](Value position) {
            Value token = b.loadIndex(frame.buffers[1], position);
            for (auto [i, n] : llvm::enumerate(lanes)) {
              Value column = b.addI(first, i * kLanes);
              Value sum = b.loadVector(table, {token, column}, n);
              Value grad =
                  b.loadVector(frame.buffers[0], {position, column}, n);
              b.storeVector(b.add(sum, grad), table, {token, column});
            }
          });
        });
      });
  launch.value(op.getGrad()).value(op.getTokens()).value(op.getResult());
  // An addend stands where the result will be, so there is nothing to clear.
  launch.launch.ints = {
      cast<RankedTensorType>(op.getTokens().getType()).getNumElements(),
      op.getAddend() ? 0 : type.getDimSize(0)};
  launch.launch.items = blocks.items();
  launches.push_back(std::move(launch.launch));
  return success();
}

/// With starts rows of one position may stand anywhere: an item goes through
/// all rows, and adds up columns of the table. From zero on and in the order of
/// the rows, sums are those of the kernel without starts.
static LogicalResult lowerPositionsOfDocuments(AddPositionsGradOp op,
                                               KernelSet &set,
                                               Launches &launches) {
  auto grad = cast<RankedTensorType>(op.getGrad().getType());
  auto table = cast<RankedTensorType>(op.getResult().getType());
  ColumnBlocks blocks(table.getShape().back());
  int64_t time = grad.getDimSize(1);
  Builder builder(op.getContext());
  KernelSpec spec("positions_grad", getKernelKey(op, KeyExtents::all));
  spec.source = "add_positions_grad";
  spec.buffers = {rowBuffer(elementOf(op.getGrad()), blocks.width),
                  flatBuffer(builder.getI32Type()),
                  rowBuffer(elementOf(op.getResult()), blocks.width)};
  spec.ints = 2; // rows, rows of the table to clear
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        Value sums = frame.buffers[2];
        blocks.emit(b, frame, [&](Value first, ArrayRef<int64_t> lanes) {
          b.loop(b.index(0), frame.ints[1], 1, [&](Value position) {
            for (auto [i, n] : llvm::enumerate(lanes))
              b.storeVector(b.splat(0.0, n), sums,
                            {position, b.addI(first, i * kLanes)});
          });
          b.loop(b.index(0), frame.ints[0], 1, [&](Value row) {
            Value position =
                b.subI(b.remI(row, time), b.loadIndex(frame.buffers[1], row));
            for (auto [i, n] : llvm::enumerate(lanes)) {
              Value column = b.addI(first, i * kLanes);
              Value sum = b.loadVector(sums, {position, column}, n);
              Value x = b.loadVector(frame.buffers[0], {row, column}, n);
              b.storeVector(b.add(sum, x), sums, {position, column});
            }
          });
        });
      });
  launch.value(op.getGrad()).value(op.getStarts()).value(op.getResult());
  launch.launch.ints = {getRows(grad), table.getDimSize(0)};
  launch.launch.items = blocks.items();
  launches.push_back(std::move(launch.launch));
  return success();
}

LogicalResult cpu::lowerAddPositionsGrad(AddPositionsGradOp op, KernelSet &set,
                                         Launches &launches) {
  if (op.getStarts())
    return lowerPositionsOfDocuments(op, set, launches);
  auto grad = cast<RankedTensorType>(op.getGrad().getType());
  auto table = cast<RankedTensorType>(op.getResult().getType());
  int64_t width = table.getShape().back();
  int64_t time = grad.getDimSize(1);
  KernelSpec spec("positions_grad", getKernelKey(op, KeyExtents::all));
  spec.source = "add_positions_grad";
  spec.buffers = {rowBuffer(elementOf(op.getGrad()), width),
                  rowBuffer(elementOf(op.getResult()), width)};
  spec.ints = 1; // sequences
  LaunchBuilder launch;
  // One item a position, whose rows are `time` apart; a position beyond the
  // sequence has none.
  launch.launch.kernel =
      set.getKernel(spec, op.getLoc(), [&](CodeBuilder &b, KernelFrame &frame) {
        auto store = [&](Value sum, Value position, Value column) {
          b.storeVector(sum, frame.buffers[1], {position, column});
        };
        b.loop(frame.begin, frame.end, 1, [&](Value position) {
          b.chunks(width, 1, [&](Value column, int64_t lanes) {
            Value zero = b.splat(0.0, lanes);
            b.ifLess(
                position, b.index(time),
                [&] {
                  auto addRow = [&](Value sequence, ValueRange sum) {
                    Value row = b.addI(b.mulI(sequence, time), position);
                    Value x =
                        b.loadVector(frame.buffers[0], {row, column}, lanes);
                    return SmallVector<Value>{b.add(sum[0], x)};
                  };
                  SmallVector<Value> sum =
                      b.loop(b.index(0), frame.ints[0], 1, zero, addRow);
                  store(sum[0], position, column);
                },
                [&] { store(zero, position, column); });
          });
        });
      });
  launch.value(op.getGrad()).value(op.getResult());
  launch.launch.ints = {grad.getDimSize(0)};
  launch.launch.items = table.getDimSize(0);
  launches.push_back(std::move(launch.launch));
  return success();
}
