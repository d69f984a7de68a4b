//===- families.h - Model types of Hugging Face files -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What the trainer has to know of a model_type to take its files and to write
// some: where norms stand, which parameters there can be, and what a key of
// config.json means that is not there. Sizes come from a plan's identity.
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

/// Which layers see `sliding_window` tokens alone, unless layer_types says it.
enum class WindowKind {
  None,       ///< none, whatever the keys say
  NoneByFlag, ///< none that is known here, unless use_sliding_window asks
  EveryLayer,
  ByFlag,   ///< with use_sliding_window, those from max_window_layers on
  ByPattern ///< all but every so many
};

/// What a class takes for a key of config.json that is not there.
struct ConfigDefaults {
  double eps = 1e-6, ropeBase = 1e4;
  /// Of layers with a window, where that differs; 0: it does not.
  double localRopeBase = 0;
  int kvHeads = 0; ///< 0: as many as heads
  int headDim = 0; ///< 0: their share of the width
  const char *activation = "silu";
  /// Of keys that few families read, as a JSON object.
  const char *others = "{}";
};

struct FamilyInfo {
  const char *modelType, *architecture;
  ConfigKeys keys = {};
  /// hidden_size, num_hidden_layers, num_attention_heads and
  /// max_position_embeddings are other names of `keys`.
  bool hasUsualNames = false;
  ConfigDefaults defaults = {};
  WindowKind window = WindowKind::None;
  /// With ByPattern: every so manieth layer sees all tokens, and whether
  /// sliding_window_pattern says another number.
  int windowPattern = 0;
  bool readsWindowPattern = false;
  /// Where there is a window, layers without it have no RoPE.
  bool ropeWithWindowOnly = false;
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
/// that is there, the usual name, where the family's class knows it too.
const char *keyIn(const nlohmann::json &config, const FamilyInfo &family,
                  const char *ConfigKeys::*key);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_FAMILIES_H
