//===- AttentionShape.h - Extents and scratch of attention kernels -*- C++
//-*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Internal to codegen/cpu. Attention works on blocks of kQueryBlock queries
// against all keys that they see. The block's scores are in scratch, never a
// T x T matrix. K and V of a head are packed once per work item.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CPU_ATTENTIONSHAPE_H
#define LNS_CODEGEN_CPU_ATTENTIONSHAPE_H

#include "codegen/cpu/KernelSet.h"
#include "codegen/cpu/TileGemm.h"

namespace lns::cpu {

/// A multiple of kLanes, kTileRows and kTileDepth: a full block of a causal
/// head then ends on a full key tile, whichever way scores are read.
constexpr int64_t kQueryBlock = 48;

struct AttentionShape {
  int64_t batch, time, heads, kvHeads, headDim;
  bool causal;

  template <typename Op> static AttentionShape of(Op op) {
    auto query = mlir::cast<mlir::RankedTensorType>(op.getQuery().getType());
    return {query.getDimSize(0),
            query.getDimSize(1),
            static_cast<int64_t>(op.getHeads()),
            static_cast<int64_t>(op.getKvHeads()),
            op.getHeadDim(),
            op.getCausal()};
  }

  int64_t group() const { return heads / kvHeads; }
  /// Floats from one time to the next.
  int64_t queryRow() const { return heads * headDim; }
  int64_t keyRow() const { return kvHeads * headDim; }
  /// Head size as the depth and as the columns of a tile gemm.
  int64_t depth() const { return roundUp(headDim, kTileDepth); }
  int64_t columns() const { return roundUp(headDim, kLanes); }
  int64_t paddedTime() const { return roundUp(time, kLanes); }
  /// Row stride of a block of scores. One vector more than needed: reading
  /// keys by tiles of six may go up to five columns beyond, and power-of-two
  /// strides would collide in the cache.
  int64_t scoreRow() const { return paddedTime() + kLanes; }
};

/// The queries of one block: rows of the score matrix and the keys they see.
struct QueryBlock {
  mlir::Value start, rows; ///< queries [start, start + rows)
  mlir::Value rowTiles;    ///< tiles of kTileRows over the rows
  mlir::Value keyPanels;   ///< panels of kLanes keys that any row sees
  mlir::Value keys;        ///< keyPanels * kLanes
};

/// Bounds that leave out what no query of a causal head sees; none for a full
/// one. `skipScores`: C is the block's scores. `skipKeys`: the depth goes over
/// keys, tiles over queries. `skipQueries`: the other way round.
void skipScores(CodeBuilder &b, const AttentionShape &shape,
                const QueryBlock &block, TileGemm &gemm);
void skipKeys(CodeBuilder &b, const AttentionShape &shape,
              const QueryBlock &block, TileGemm &gemm);
void skipQueries(CodeBuilder &b, const AttentionShape &shape,
                 const QueryBlock &block, TileGemm &gemm);

/// Emits the loop over query blocks of one head.
void forQueryBlocks(CodeBuilder &b, const AttentionShape &shape,
                    llvm::function_ref<void(const QueryBlock &)> body);

/// Walks over the panels of `row` of a block: `full` for panels that the row
/// sees whole, then `masked` for the others, with the mask of keys it sees.
/// Both carry vectors and return their next values.
llvm::SmallVector<mlir::Value> overSeenKeys(
    CodeBuilder &b, const AttentionShape &shape, const QueryBlock &block,
    mlir::Value row, mlir::ValueRange inits,
    llvm::function_ref<llvm::SmallVector<mlir::Value>(
        mlir::Value column, mlir::Value mask, mlir::ValueRange carried)>
        body);

/// Hands out pieces of scratch as constant offsets.
class ScratchLayout {
public:
  int64_t take(int64_t floats) {
    int64_t offset = size;
    size += roundUp(floats, kLanes);
    return offset;
  }
  int64_t size = 0;
};

} // namespace lns::cpu

#endif // LNS_CODEGEN_CPU_ATTENTIONSHAPE_H
