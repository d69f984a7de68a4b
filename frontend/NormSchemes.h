//===- NormSchemes.h - The norm schemes that have a name --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A scheme says where a block's norms stand, what its skips and branches are
// multiplied by, and how its matrices start. docs/schemes.md has the equations
// and where they come from; BlockSpec.h is what they mean for one block.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_NORMSCHEMES_H
#define LNS_FRONTEND_NORMSCHEMES_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace lns {

/// In the order of the list that people see.
enum class NormScheme {
  Pre,
  Lns,
  LnsFoldedInit,
  Post,
  DeepNorm,
  Mix,
  Sandwich,
  Peri,
  Reordered,
  Keel,
  SubLn,
  ScaledInit,
  DepthScaledInit,
  Mitchell,
  ResidualMultiplier,
  LayerScale,
  SkipInit,
  ReZero,
  DyT,
  Derf,
  Gpas,
  ProRes,
  Hybrid,
  HybridStar,
  NGpt,
  CompleteP
};

/// Norms of query and key, before RoPE.
enum class QkNorm {
  Off,
  Head, ///< of each head; one gain, as wide as a head
  Full, ///< of all heads together; a gain of that width
  Free  ///< of each head, without a gain
};

/// How matrices start, where a scheme does not say so itself. `std` is the
/// config's initializer_range, L the number of blocks, l the block.
enum class InitRule {
  Plain,         ///< std
  Scaled,        ///< output projections std / sqrt(2 L)
  DepthScaled,   ///< output projections std / sqrt(2 l)
  DepthScaledUp, ///< and the up projection too
  Mitchell       ///< by widths, and 1 / sqrt(2 l) at output projections
};

/// Of prores, where no number is given.
inline constexpr double kDefaultOpeningSteps = 1000;

/// Blocks of the models that CompleteP's authors tuned.
inline constexpr int64_t kDefaultBaseLayers = 2;

/// A scheme and its options. `--norm=SCHEME[,KEY=VALUE]...` as text.
struct NormChoice {
  NormScheme scheme = NormScheme::Pre;
  /// By default, what the scheme has, or else the family.
  std::optional<InitRule> init = std::nullopt;
  /// mix: the share of blocks, from the first, that are Post-LN.
  double fraction = 0.25;
  /// keel: what the skip is multiplied by; by default 2 L.
  std::optional<double> skip = std::nullopt;
  /// residual-multiplier: what branches are multiplied by; by default
  /// 1 / sqrt(L).
  std::optional<double> branch = std::nullopt;
  /// layerscale, skipinit, rezero: where what branches are multiplied by
  /// starts; by default 1e-4, 1 / sqrt(L), 0.
  std::optional<double> start = std::nullopt;
  /// dyt, derf: where alphas start.
  double alpha = 0.5;
  /// completep: a of (L / L0)^-a, and the sizes of the model that was tuned, by
  /// default kDefaultBaseLayers and this model's width.
  double depthExponent = 1;
  std::optional<int64_t> baseLayers = std::nullopt;
  std::optional<int64_t> baseWidth = std::nullopt;
  /// Norm of the last block's output, before the head; by default, what the
  /// scheme has.
  std::optional<bool> finalNorm = std::nullopt;
  /// peri: norm of the embedding.
  bool embeddingNorm = true;
  /// By default, what the scheme has, or else the family.
  std::optional<QkNorm> qkNorm = std::nullopt;
  /// post, deepnorm, mix, sandwich: the stream is scaled as by `gpas`.
  bool gpas = false;
  /// prores, and post, deepnorm, sandwich with it: the first block's branch
  /// opens over so many steps, that of block l over l times as many. prores
  /// without it: 1000.
  std::optional<double> openingSteps = std::nullopt;
  /// Values of the attention are mixed with those of the first block.
  bool valueResidual = false;
  /// Heads are multiplied by 2 sigmoid(G x) before the output projection, x
  /// being what the projections of the attention read.
  bool headGate = false;

  bool operator==(const NormChoice &) const = default;
};

/// Reads "mix,fraction=0.5". On failure `error` says what is wrong, which
/// schemes or options there are, and the nearest name.
std::optional<NormChoice> parseNormChoice(llvm::StringRef text,
                                          std::string &error);

/// The shortest text that parseNormChoice reads as `choice`.
std::string formatNormChoice(const NormChoice &choice);

/// "sandwich".
llvm::StringRef getName(NormScheme scheme);

/// All of them.
llvm::SmallVector<NormScheme> getNormSchemes();

/// One line for every scheme, and the options.
void printNormSchemes(llvm::raw_ostream &os);

} // namespace lns

#endif // LNS_FRONTEND_NORMSCHEMES_H
