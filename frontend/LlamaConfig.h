//===- LlamaConfig.h - What a LLaMA's config.json says ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_LLAMACONFIG_H
#define LNS_FRONTEND_LLAMACONFIG_H

#include "dialect/LnsEnums.h"
#include "frontend/HuggingFaceConfig.h"
#include "frontend/JsonConfig.h"
#include "frontend/NormSchemes.h"
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

/// A LLaMA, checked: all sizes are positive and fit each other.
struct LlamaConfig {
  bool isMistral = false;
  /// In a file of ours (CheckpointConfig.h): what its norms are.
  std::optional<NormChoice> own;
  int64_t hidden = 0, intermediate = 0, layers = 0, vocabulary = 0;
  int64_t heads = 0, kvHeads = 0, headDim = 0;
  double normEps = 1e-6, initStd = 0.02;
  bool tiedHead = false;
  bool attentionBias = false, mlpBias = false;
  Activation activation = Activation::silu;
  RopeConfig rope;
};

/// Reads `root`, the whole config.json, of which `options` override parts.
/// Emits errors and warnings, and fails as said at importHuggingFaceConfig.
llvm::FailureOr<LlamaConfig> readLlamaConfig(JsonSection &root,
                                             JsonConfig &config,
                                             const HuggingFaceOptions &options);

/// Reads `rope_parameters` (one object with everything), or `rope_theta` and
/// `rope_scaling` (older files), for heads of `headDim` columns. Emits errors.
RopeConfig readRopeConfig(JsonSection &root, int64_t headDim);

} // namespace lns

#endif // LNS_FRONTEND_LLAMACONFIG_H
