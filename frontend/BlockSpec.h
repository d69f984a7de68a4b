//===- BlockSpec.h - What a norm scheme makes of a block --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// With N a norm and F attention or feed-forward, a sublayer of any scheme is
//
//     stream(skip * x + branch * behind(F(before(x))))
//
// with each of the three norms there or not. The equations are those of
// docs/schemes.md.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_BLOCKSPEC_H
#define LNS_FRONTEND_BLOCKSPEC_H

#include "dialect/LnsEnums.h"
#include "frontend/NormSchemes.h"

#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace lns {

/// Where norms stand, each by its parameter's name without `.weight`; an empty
/// name is a norm that is not there.
struct SublayerSpec {
  llvm::StringRef before, behind, stream;
  llvm::StringRef inner; ///< of what the output projection reads
  /// The parameter by which the branch is multiplied, if any.
  llvm::StringRef gate;
};

struct BlockSpec {
  SublayerSpec attention, feedForward;
  double skip = 1, branch = 1;
  DepthScale depthScale = DepthScale::none; ///< of the norms before sublayers
  std::optional<NormKind> normKind = std::nullopt; ///< none: the family's
  double alpha = 0; ///< of norms of kind tanh and erf: where it starts
  std::optional<QkNorm> qkNorm = std::nullopt; ///< none: the family's
  bool valueNorm = false; ///< of each head, as its query and key
  bool headGate = false;
  /// Branches are multiplied by min(t / (openingSteps l), 1), t the steps done;
  /// 0: they are open.
  double openingSteps = 0;
  /// The stream, or the skip before a norm on the stream, is x - silu(c) x, x
  /// with the gradient as it is; c is one number for both sublayers.
  bool gpas = false;
  double gateStart = 0;      ///< of what branches are multiplied by
  bool gatesColumns = false; ///< which is a vector, and no number
  /// nGPT: the sublayer is L2(x + |c gate| (L2(F(x)) - x)), its gate a vector,
  /// and what F computes on its way has length 1 times learned vectors, too.
  bool hasLength1 = false;
  /// What gains start from: one, or that scaled with depth.
  DepthScale gainInit = DepthScale::none;
};

/// `depth` equal blocks.
struct BlockRun {
  int64_t depth;
  BlockSpec block;
};

struct ModelSpec {
  bool embeddingNorm = false, finalNorm = true;
  bool embeddingScale = false; ///< learned, from sqrt(hidden)
  /// Values are mixed with those of the first block.
  bool valueResidual = false;
  /// nGPT: logits are multiplied by a learned vector, and rows or columns of
  /// matrices have length 1.
  bool hasLength1 = false;
  llvm::SmallVector<BlockRun, 2> runs;
};

/// Of a model of `layers` blocks.
ModelSpec getModelSpec(const NormChoice &choice, int64_t layers);

/// Which of a model's matrices one is, as far as initialization asks.
enum class MatrixKind {
  Embedding, ///< and a head
  QueryKey,
  Value,
  AttentionOutput,
  Gate,
  Up,
  Down
};

/// Which lines of such a matrix have length 1 in nGPT: those that are as long
/// as the stream is wide.
Projection getProjection(MatrixKind matrix);

/// What optimizers multiply a parameter's values by.
struct UpdateFactors {
  double lr = 1, eps = 1, decay = 1;
};

/// What CompleteP makes of a model that is larger than the one whose rates it
/// takes; all is 1 for other schemes.
struct SizeFactors {
  UpdateFactors blockVectors, blockMatrices;
  UpdateFactors outer;  ///< of the embedding, the head and the last norm
  double matrixStd = 1; ///< of what matrices of blocks start from
  double logits = 1;
};
SizeFactors getSizeFactors(const NormChoice &choice, int64_t layers,
                           int64_t hidden);

/// Normal, with mean 0; the standard deviation in block l is `std` times the
/// depth scale.
struct NormalInit {
  double std;
  InitKind kind = InitKind::normal;
  DepthScale depthScale = DepthScale::none;
};

/// How matrices start: as `choice` or its scheme says, else as those of the
/// family do, but for LNS, whose paper has plain ones.
InitRule getInitRule(const NormChoice &choice, InitRule family);

/// How a matrix [out, in] starts. `family` is the family's rule, `std` the
/// config's initializer_range.
NormalInit getMatrixInit(const NormChoice &choice, InitRule family,
                         MatrixKind matrix, int64_t layers, int64_t out,
                         int64_t in, double std);

} // namespace lns

#endif // LNS_FRONTEND_BLOCKSPEC_H
