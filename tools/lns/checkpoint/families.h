//===- families.h - Model types of Hugging Face files -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What the trainer has to know of a model_type to take its files and to write
// some: where norms stand, and which parameters there can be. Defaults of keys
// are the compiler's business (frontend/families): sizes come from a plan's
// identity.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_FAMILIES_H
#define LNS_TOOLS_LNS_CHECKPOINT_FAMILIES_H

#include "tools/lns/checkpoint/file_layout.h"

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

namespace lns::tool {

/// What lnsc puts before model_type and hidden_act in a config.json of a model
/// with another scheme than its family's.
inline constexpr std::string_view ownPrefix = "lns_";

/// Where the norms of a block stand.
enum class NormStand {
  Before, ///< of what sublayers read
  Behind, ///< of what they add to the stream
  Around, ///< both
  Inside  ///< before, and of what the output projections read
};

/// Norms of query and key.
enum class HeadNorm {
  None,
  Head, ///< of each head, one gain for all
  Full, ///< of all heads together
  Free  ///< of each head, without a gain
};

/// Which linears can have biases.
enum class BiasKind {
  None,
  Attention,     ///< q, k, v and o, if attention_bias says so
  AttentionMlp,  ///< these, and gate, up and down, if mlp_bias says so
  QueryKeyValue, ///< q, k and v, always
  All            ///< of all linears but the head, always
};

/// What keys of config.json are called.
struct ConfigKeys {
  const char *hidden = "hidden_size", *intermediate = "intermediate_size",
             *layers = "num_hidden_layers", *heads = "num_attention_heads",
             *positions = "max_position_embeddings", *eps = "rms_norm_eps",
             *activation = "hidden_act";
};

/// All that ConfigKeys::activation is.
inline constexpr const char *activationKeys[] = {
    "hidden_act", "hidden_activation", "activation_function"};

struct FamilyInfo {
  const char *modelType, *architecture;
  ConfigKeys keys = {};
  NormStand stand = NormStand::Before;
  HeadNorm headNorm = HeadNorm::None;
  BiasKind biases = BiasKind::None;
  /// The class checks that num_attention_heads divides hidden_size, even where
  /// head_dim says how wide a head is.
  bool headsDivideWidth = false;
  /// Its config.json has what branches are multiplied by, residual_multiplier.
  bool hasBranchFactor = false;
  /// Gains are stored as w of 1 + w.
  bool hasGainOffset = false;
  /// Norms are LayerNorms with biases, no RMSNorms.
  bool hasLayerNorm = false;
  /// A learned vector of each position, in the place of RoPE; key/value heads
  /// are as many as heads, which are their share of the width.
  bool hasLearnedPositions = false;
  /// The feed-forward has a gate.
  bool isGated = true;
  /// The inner width over the model's, where the key is not there; 0: it must
  /// be.
  int innerFactor = 0;
  /// How files hold the parameters; null: under the names and in the shapes of
  /// the model.
  const FileLayout *layout = nullptr;
  /// What its config.json says no other class computes: a model that came from
  /// it goes back to it, or nowhere.
  bool isSpecial = false;
  /// Models of other families can be exported as this one.
  bool isTarget = true;
};

std::span<const FamilyInfo> allFamilies();

/// Null for a model_type that is none; `ownPrefix` is not part of it.
const FamilyInfo *findFamily(std::string_view modelType);

/// Under which name `config` has what the family calls `key`: that, or, if only
/// that is there, the name that other families have for it.
const char *keyIn(const nlohmann::json &config, const FamilyInfo &family,
                  const char *ConfigKeys::*key);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_FAMILIES_H
