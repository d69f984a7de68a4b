//===- Families.h - Model families of config.json files
//--------------------===//
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
  Never
};

/// Attention to the last tokens alone, which lnsc has not.
enum class WindowRule {
  ByFlag, ///< with use_sliding_window, which is off unless it is there
  Always, ///< of every layer, whatever the flag says
  ByKey   ///< sliding_window, unless a flag switches it off
};

/// What a key means that is not there.
struct FamilyDefaults {
  double normEps = 1e-6, ropeBase = 1e4;
  bool tiedHead = false;
  /// Key/value heads; none: as many as heads.
  std::optional<int64_t> kvHeads = std::nullopt;
  /// Columns of a head; none: those of the model over its heads.
  std::optional<int64_t> headDim = std::nullopt;
};

/// A key whose default most people do not expect, and which so must be there.
struct RequiredKey {
  llvm::StringLiteral key, reason; ///< ", because ..."
};

struct Family {
  llvm::StringLiteral modelType, architecture;
  NormChoice norm = {};
  QkNorm qkNorm = QkNorm::Off; ///< unless the scheme has others
  BiasRule biases = BiasRule::ByKeys;
  WindowRule window = WindowRule::ByKey;
  FamilyDefaults defaults = {};
  llvm::ArrayRef<RequiredKey> required = {};
  /// Reads the keys that only this family has.
  void (*readOwn)(JsonSection &root, DecoderConfig &config) = nullptr;
};

extern const Family kLlama, kMistral, kQwen2, kQwen3, kOlmo2, kGranite,
    kSmolLm3, kExaone4;

/// All of them.
llvm::ArrayRef<const Family *> getFamilies();

/// Null for a model type that is none.
const Family *findFamily(llvm::StringRef modelType);

} // namespace lns

#endif // LNS_FRONTEND_FAMILIES_H
