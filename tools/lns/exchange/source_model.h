//===- source_model.h - What a checkpoint to be exported is -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Names and shapes of tensors do not show what a model computes, and an export
// never guesses it: family and scheme come from the config.json that the plan
// was compiled from, which lnsc has compared with the model, and sizes from the
// identity. Where the two disagree there is no export.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EXCHANGE_SOURCE_MODEL_H
#define LNS_TOOLS_LNS_EXCHANGE_SOURCE_MODEL_H

#include "tools/lns/base/status.h"
#include "tools/lns/checkpoint/families.h"
#include "tools/lns/checkpoint/schemes.h"
#include "tools/lns/checkpoint/weight_files.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace lns::tool {

/// A model in the form that config.json files describe.
struct SourceModel {
  WeightFiles files;
  std::string place; ///< the checkpoint, for messages
  std::string identity;
  nlohmann::json config; ///< with the family's own model_type and activation
  const FamilyInfo *family = nullptr;
  const SchemeInfo *scheme = nullptr;
  /// As lnsc writes it, and apart; empty: the family's own.
  std::string schemeText;
  SchemeText choice;
  HeadNorm headNorm = HeadNorm::None;
  bool queryBias = false, outputBias = false, mlpBias = false;
  int64_t layers = 0, hidden = 0, intermediate = 0, vocabulary = 0;
  int64_t heads = 0, kvHeads = 0, headDim = 0;
  int64_t positions = 0; ///< that have a learned vector
  double eps = 0;        ///< of all norms
  double branch = 1;     ///< what branches are multiplied by
  bool isTied = false, embeddingNorm = false;

  bool has(const std::string &name) const {
    return files.tensors().contains(name);
  }
};

/// Text of a plan of the model, for checkpoints without a config.json.
struct PlanTexts {
  std::string path, identity, config;
};

/// Opens the checkpoint or run `path`. Without a config.json in it, that of
/// `plan`, whose model must be the checkpoint's, is taken.
Expected<SourceModel> readSource(const std::string &path,
                                 const std::optional<PlanTexts> &plan);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EXCHANGE_SOURCE_MODEL_H
