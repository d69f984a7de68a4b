//===- AttentionShape.h - Extents and scratch of attention kernels --------===//
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
  bool windowed, capped; ///< with a window, with a soft-cap of scores
  bool documents;        ///< with starts of documents in a row

  template <typename Op> static AttentionShape of(Op op) {
    auto query = mlir::cast<mlir::RankedTensorType>(op.getQuery().getType());
    return {query.getDimSize(0),
            query.getDimSize(1),
            static_cast<int64_t>(op.getHeads()),
            static_cast<int64_t>(op.getKvHeads()),
            op.getHeadDim(),
            op.getCausal(),
            op.getWindow().has_value(),
            op.getSoftcap().has_value(),
            bool(op.getStarts())};
  }

  /// Whether queries do not see all keys before them.
  bool isBounded() const { return windowed || documents; }

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

/// What a launch tells a kernel of an attention. Scores are what products with
/// scaled queries are, or with a soft-cap c, c tanh(product / c).
struct AttentionArguments {
  /// `startsBuffer` is the number of the starts' buffer, if there is one.
  AttentionArguments(CodeBuilder &b, const AttentionShape &shape,
                     const KernelFrame &frame, unsigned startsBuffer);

  mlir::Value scale;
  mlir::Value cap, inverseCap; ///< vectors, if scores are capped
  mlir::Value window;          ///< how many keys a query sees; null: all
  mlir::Value starts; ///< buffer [batch, time], of documents; null: none

  /// tanh(product / c).
  mlir::Value squash(CodeBuilder &b, mlir::Value product) const {
    return b.tanh(b.mul(product, inverseCap));
  }
};

/// Gives `spec` and `launch` the arguments of `op`.
template <typename Op>
void addArguments(Op op, KernelSpec &spec, KernelLaunch &launch) {
  spec.floats = 1;
  launch.floats = {static_cast<float>(op.getEffectiveScale())};
  if (std::optional<llvm::APFloat> cap = op.getSoftcap()) {
    ++spec.floats;
    launch.floats.push_back(static_cast<float>(cap->convertToDouble()));
  }
  if (std::optional<uint64_t> window = op.getWindow()) {
    // No query sees more keys than there are, and sums must not overflow.
    int64_t time = AttentionShape::of(op).time;
    spec.ints = 1;
    launch.ints = {std::min(static_cast<int64_t>(*window), time)};
  }
}

/// The queries of one block: rows of the score matrix and the keys they see,
/// counted from `firstKey` on.
struct QueryBlock {
  mlir::Value start, rows; ///< queries [start, start + rows)
  mlir::Value rowTiles;    ///< tiles of kTileRows over the rows
  /// A multiple of kLanes, no greater than any key that a row sees.
  mlir::Value firstKey;
  mlir::Value keyPanels; ///< panels of kLanes keys that any row sees
  mlir::Value keys;      ///< keyPanels * kLanes
  mlir::Value window;    ///< as AttentionArguments has it
  mlir::Value starts;    ///< as well
  mlir::Value sequence;  ///< element of the starts that time 0 has

  /// Whether `firstKey` may be another than 0.
  bool isBounded() const { return window || starts; }
};

/// Bounds that leave out what no query of a causal head sees, with a window or
/// documents also on the other side; none for a full one. `skipScores`: C is
/// the block's scores. `skipKeys`: the depth goes over keys, tiles over
/// queries. `skipQueries`: the other way round.
void skipScores(CodeBuilder &b, const AttentionShape &shape,
                const QueryBlock &block, TileGemm &gemm);
void skipKeys(CodeBuilder &b, const AttentionShape &shape,
              const QueryBlock &block, TileGemm &gemm);
void skipQueries(CodeBuilder &b, const AttentionShape &shape,
                 const QueryBlock &block, TileGemm &gemm);

/// Emits the loop over query blocks of one head, of sequence `batch`.
void forQueryBlocks(CodeBuilder &b, const AttentionShape &shape,
                    const AttentionArguments &arguments, mlir::Value batch,
                    llvm::function_ref<void(const QueryBlock &)> body);

/// Walks over all panels of `row` of a block, in order: with a null mask those
/// that the row sees whole, the others with the mask of keys it sees. `column`
/// counts from the block's first key. Carries vectors: the body returns their
/// next values.
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
