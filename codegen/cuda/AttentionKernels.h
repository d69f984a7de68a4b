//===- AttentionKernels.h - Attention's kernels and their tiles -*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Internal to codegen/cuda. An attention is three kernels: the forward one, the
// gradient of queries, which leaves D = rowsum(dout * out) for the last, and
// the gradients of keys and values. They are templates in
// kernels/attention_*.cuh; here are the tiles that they are instantiated with,
// and the text that does it.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CUDA_ATTENTIONKERNELS_H
#define LNS_CODEGEN_CUDA_ATTENTIONKERNELS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdint>
#include <string>

namespace lns::cuda {

enum class AttentionPart { Forward, GradQ, GradKv };

/// What tells attention's kernels apart; batch and time do not.
struct AttentionShape {
  bool isBf16 = false;
  int64_t headDim = 0, heads = 1, kvHeads = 1;
  bool causal = true;

  /// Elements of a row in shared memory that count: kDepth of the kernels.
  int64_t depth() const;
  int64_t elementBytes() const { return isBf16 ? 2 : 4; }
};

/// The largest head that a kernel has registers for.
constexpr int64_t kMaxHeadDim = 256;

/// Arguments of the kernels' AttentionTiles.
struct AttentionTiles {
  unsigned warps, rowTiles, columns, stages, groups;

  unsigned threads() const { return 32 * warps; }
  unsigned rows() const { return warps / groups * 16 * rowTiles; }
};

AttentionTiles getTiles(AttentionPart part, const AttentionShape &shape);

/// Dynamic shared memory of a block, at most 99 KB.
uint64_t getSharedBytes(AttentionPart part, const AttentionShape &shape);

/// Prints a kernel, with the headers that it includes. Parameters, with time as
/// the only integer and the scale of scores as the only float:
///   Forward: query, key, value, result, lse if `hasLse`
///   GradQ:   query, key, value, result, lse, grad; query_grad, delta
///   GradKv:  query, key, value, lse, grad, delta; key_grad, value_grad
/// Grid: heads (GradKv: kv_heads), time / rows() rounded up, batch.
void printAttention(llvm::raw_ostream &os, llvm::StringRef symbol,
                    AttentionPart part, const AttentionShape &shape,
                    bool hasLse = false);

} // namespace lns::cuda

#endif // LNS_CODEGEN_CUDA_ATTENTIONKERNELS_H
