//===- hf_class.h - Which class computes a model ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EXCHANGE_HF_CLASS_H
#define LNS_TOOLS_LNS_EXCHANGE_HF_CLASS_H

#include "tools/lns/checkpoint/fold_mark.h"
#include "tools/lns/exchange/source_model.h"

#include <nlohmann/json.hpp>
#include <optional>

namespace lns::tool {

/// The class of transformers that a model is exported as.
struct ExportClass {
  const FamilyInfo *family = nullptr;
  /// It is the one that the model's config.json came from.
  bool isOwn = false;
  /// The gates of the scheme, and its factor, go into the output projections.
  bool foldsBranch = false;
  /// Gains are stored as w of 1 + w, and the embedding without the factor
  /// sqrt(hidden_size) that the class multiplies it by: Gemma 2.
  bool isGemma = false;

  /// The embedding is not what it is in the model, so that a head that shares
  /// it needs a tensor of its own.
  bool changesEmbedding(const SourceModel &source) const {
    return isGemma || source.embeddingNorm;
  }
};

/// The family's own class if it computes the scheme, else another one. Where
/// there is none the error says of every class with such norms what it lacks.
Expected<ExportClass> chooseClass(const SourceModel &source);

/// What has been folded, for the files to say; none where the file is exactly
/// what its model_type says, and nothing was lost.
std::optional<FoldMark> makeMark(const SourceModel &source,
                                 const ExportClass &target);

/// config.json; `dtype` is "float32" or "bfloat16".
nlohmann::json makeConfig(const SourceModel &source, const ExportClass &target,
                          const std::string &dtype);

/// generation_config.json: the tokens at which a text begins and ends, as far
/// as `config` has them. Without the file transformers would take a class's
/// own.
nlohmann::json makeGenerationConfig(const nlohmann::json &config);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EXCHANGE_HF_CLASS_H
