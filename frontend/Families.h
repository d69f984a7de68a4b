//===- Families.h - Model families of config.json files ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A family is what transformers computes for one model_type: a table row here,
// and what no other family has in a function of its own, one file for each in
// families/. docs/schemes.md lists them.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_FAMILIES_H
#define LNS_FRONTEND_FAMILIES_H

#include "dialect/LnsEnums.h"
#include "frontend/NormSchemes.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>

namespace lns {

struct DecoderConfig;
class JsonSection;

/// Which linears have biases. Keys that a family's code does not read are
/// refused where they contradict it.
enum class BiasRule {
  ByKeys, ///< attention_bias: q, k, v and o; mlp_bias: gate, up and down
  ByAttentionKey, ///< attention_bias alone
  QueryKeyValue,  ///< q, k and v always, nothing else ever
  Always,
  Never
};

/// Which layers attend to the last `sliding_window` tokens alone, unless
/// layer_types says it.
enum class WindowRule {
  None,       ///< refused, unless use_sliding_window switches it off
  NoneByFlag, ///< refused if use_sliding_window switches it on
  EveryLayer,
  ByFlag,   ///< with use_sliding_window, those from max_window_layers on
  ByPattern ///< all but every so many
};

/// What the sizes are called that all families have.
struct SizeKeys {
  llvm::StringRef hidden = "hidden_size", intermediate = "intermediate_size",
                  layers = "num_hidden_layers", heads = "num_attention_heads",
                  positions = "max_position_embeddings",
                  normEps = "rms_norm_eps";
};

/// Another name of a key, which files have in its place.
struct KeyAlias {
  llvm::StringLiteral name, of;
};

/// What a key means that is not there.
struct FamilyDefaults {
  double normEps = 1e-6, ropeBase = 1e4;
  bool tiedHead = false;
  /// Key/value heads; none: as many as heads.
  std::optional<int64_t> kvHeads = std::nullopt;
  /// Columns of a head; none: those of the model over its heads.
  std::optional<int64_t> headDim = std::nullopt;
  /// The inner width over the model's; none: the key must be there.
  std::optional<int64_t> innerFactor = std::nullopt;
};

/// A key whose default most people do not expect, and which so must be there.
struct RequiredKey {
  llvm::StringLiteral key, reason; ///< ", because ..."
};

struct Family {
  llvm::StringLiteral modelType, architecture;
  SizeKeys keys = {};
  llvm::ArrayRef<KeyAlias> aliases = {};
  NormChoice norm = {};
  /// How matrices start where neither --norm nor its scheme says it.
  InitRule init = InitRule::Plain;
  NormKind normKind = NormKind::rms; ///< or layer, whose norms have biases
  QkNorm qkNorm = QkNorm::Off;       ///< unless the scheme has others
  BiasRule biases = BiasRule::ByKeys;
  WindowRule window = WindowRule::None;
  /// With ByPattern: every so manieth layer sees all tokens, and whether the
  /// file may say another number as sliding_window_pattern.
  int64_t windowPattern = 0;
  bool readsWindowPattern = false;
  /// Whether layers that see all tokens have no RoPE where others do not.
  bool ropeWithWindowOnly = false;
  /// A learned vector of each position in the place of RoPE. Then a head is its
  /// share of the width, with a key and a value of its own.
  bool learnedPositions = false;
  bool isGated = true; ///< the feed-forward
  /// What RoPE turns by in layers with a window, where that differs.
  std::optional<double> localRopeBase = std::nullopt;
  llvm::StringLiteral activationKey = "hidden_act";
  Activation activation = Activation::silu; ///< where the key is not there
  double gainOffset = 0; ///< of norms: what is stored is the gain less that
  /// Published files ask for dropout, so that it is worth a warning alone.
  bool asksForDropout = false;
  FamilyDefaults defaults = {};
  llvm::ArrayRef<RequiredKey> required = {};
  /// Reads the keys that only this family has.
  void (*readOwn)(JsonSection &root, DecoderConfig &config) = nullptr;
};

extern const Family kLlama, kMistral, kQwen2, kQwen3, kOlmo2, kGranite,
    kSmolLm3, kExaone4, kGemma2, kGemma3Text, kGpt2;

/// All of them.
llvm::ArrayRef<const Family *> getFamilies();

/// Null for a model type that is none.
const Family *findFamily(llvm::StringRef modelType);

} // namespace lns

#endif // LNS_FRONTEND_FAMILIES_H
