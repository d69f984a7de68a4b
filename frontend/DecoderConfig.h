//===- DecoderConfig.h - What a config.json says ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_DECODERCONFIG_H
#define LNS_FRONTEND_DECODERCONFIG_H

#include "dialect/LnsEnums.h"
#include "frontend/Families.h"
#include "frontend/HuggingFaceConfig.h"
#include "frontend/JsonConfig.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/LogicalResult.h"
#include <cstdint>
#include <optional>
#include <string>

namespace lns {

/// Rotary position embedding.
struct RopeConfig {
  double base = 10000.0;
  /// One angular frequency per pair of a head's columns, when they are not
  /// base^(-2j / head_dim).
  std::optional<llvm::SmallVector<double>> frequencies;
  std::string key; ///< where the file speaks of it
};

/// A decoder of one of the families, checked: all sizes are positive and fit
/// each other.
struct DecoderConfig {
  const Family *family = nullptr;
  SizeKeys keys; ///< as the file names them: the family's, or aliases
  /// In a file of ours (CheckpointConfig.h): what its norms are.
  std::optional<NormChoice> own;
  /// The file is one that `lns ckpt export-hf` wrote, with what a scheme
  /// multiplies by in the parameters beside it. `own` is then LNS, or none.
  bool isFolded = false;
  int64_t hidden = 0, intermediate = 0, layers = 0, vocabulary = 0;
  int64_t heads = 0, kvHeads = 0, headDim = 0;
  int64_t positions = 0; ///< that have a learned vector; 0: none has
  double normEps = 1e-6, initStd = 0.02;
  bool tiedHead = false;
  bool queryBias = false, outputBias = false, mlpBias = false; ///< q: k, v too
  Activation activation = Activation::silu;
  RopeConfig rope;
  llvm::SmallVector<bool> rotates; ///< by layer, whether it has RoPE; none: all
  std::optional<int64_t> window;   ///< of the layers that have one
  llvm::SmallVector<bool> slides;  ///< by layer, whether it does; none: none
  std::optional<RopeConfig>
      localRope; ///< of layers with a window; none: `rope`
  std::optional<double> scoreCap, logitCap; ///< soft-caps
  double embeddingScale = 1, residualScale = 1, logitScale = 1;
  std::optional<double> attentionScale; ///< none: 1/sqrt(headDim)
  /// By layer, where each has a scale of its own; none: attentionScale.
  llvm::SmallVector<double> layerAttentionScales;
};

/// Reads `root`, the whole config.json, of which `options` override parts.
/// Emits errors and warnings, and fails as said at importHuggingFaceConfig.
llvm::FailureOr<DecoderConfig>
readDecoderConfig(JsonSection &root, JsonConfig &config,
                  const HuggingFaceOptions &options);

/// base^(-2j / head_dim).
llvm::SmallVector<double> getPlainFrequencies(double base, int64_t headDim);

/// Reads which layers have a window, once it is known how many there are. Emits
/// errors.
void readLayerTypes(JsonSection &root, JsonConfig &config,
                    DecoderConfig &decoder);

/// Reads `rope_parameters` (one object with everything), or `rope_theta` and
/// `rope_scaling` (older files), for heads of `headDim` columns. Emits errors.
/// `base` is what the family takes where the file says nothing.
RopeConfig readRopeConfig(JsonSection &root, int64_t headDim, double base);

/// The same of a family whose layers with a window have a RoPE of their own,
/// `local`: `rope_parameters` has an object for either type, and older files
/// have `rope_local_base_freq`, and mean `rope_scaling` for the others alone.
RopeConfig readRopeConfigs(JsonSection &root, int64_t headDim, double base,
                           double localBase, RopeConfig &local);

} // namespace lns

#endif // LNS_FRONTEND_DECODERCONFIG_H
