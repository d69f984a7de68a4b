//===- entry_points.h - What entry points take and give ----------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Stated once: the compiler asks it of functions, the runtime of files.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_PLAN_ENTRY_POINTS_H
#define LNS_RUNTIME_PLAN_ENTRY_POINTS_H

#include <cstdint>
#include <span>
#include <string_view>

namespace lns {

enum class BindingKind : uint8_t {
  Tokens,       ///< i32 [batch, sequence]
  Targets,      ///< i32 [batch, sequence]
  Starts,       ///< i32 [batch, sequence], of plans for documents in a row, and
                ///< of what takes one token of each row
  TargetCount,  ///< i32, of the whole step
  Optimizer,    ///< f32 [LNS_OPT_SLOTS]
  Loss,         ///< f32
  GradientNorm, ///< f32
  Logits,       ///< f32 [batch, sequence, vocabulary]
  Stream,       ///< f32 [batch, sequence, width]
  Branch        ///< f32 [batch, sequence, width]
};

constexpr std::string_view getName(BindingKind kind) {
  switch (kind) {
  case BindingKind::Tokens:
    return "tokens";
  case BindingKind::Targets:
    return "targets";
  case BindingKind::Starts:
    return "starts";
  case BindingKind::TargetCount:
    return "target_count";
  case BindingKind::Optimizer:
    return "optimizer";
  case BindingKind::Loss:
    return "loss";
  case BindingKind::GradientNorm:
    return "gradient_norm";
  case BindingKind::Logits:
    return "logits";
  case BindingKind::Stream:
    return "stream";
  case BindingKind::Branch:
    return "branch";
  }
  return "";
}

struct EntryPointRule {
  std::string_view name;
  bool isOfPart; ///< its batch is that of one part of a step
  std::span<const BindingKind> inputs, outputs;
  /// Inputs in a plan that takes the starts of documents.
  std::span<const BindingKind> documentInputs;

  constexpr std::span<const BindingKind> getInputs(bool documents) const {
    return documents ? documentInputs : inputs;
  }
  /// Has a stream for each block and one more. Behind each but the last stand
  /// the branches of the block, however many: `outputs` does not say.
  bool isTrace = false;
  /// Its sequence is one token, whose document started at minus its position.
  bool isOfToken = false;
};

namespace entry_points {
using enum BindingKind;
inline constexpr BindingKind kTokens[] = {Tokens};
inline constexpr BindingKind kBatch[] = {Tokens, Targets};
inline constexpr BindingKind kPart[] = {Tokens, Targets, TargetCount};
inline constexpr BindingKind kStep[] = {Tokens, Targets, Optimizer};
inline constexpr BindingKind kTokensOfDocuments[] = {Tokens, Starts};
inline constexpr BindingKind kBatchOfDocuments[] = {Tokens, Targets, Starts};
inline constexpr BindingKind kPartOfDocuments[] = {Tokens, Targets, Starts,
                                                   TargetCount};
inline constexpr BindingKind kStepOfDocuments[] = {Tokens, Targets, Starts,
                                                   Optimizer};
inline constexpr BindingKind kOptimizer[] = {Optimizer};
inline constexpr BindingKind kLoss[] = {Loss};
inline constexpr BindingKind kNorm[] = {GradientNorm};
inline constexpr BindingKind kLossAndNorm[] = {Loss, GradientNorm};
inline constexpr BindingKind kLogits[] = {Logits};
} // namespace entry_points

/// All that a plan may have; "refresh" only for CUDA, "project" where lines of
/// parameters have length 1.
inline constexpr EntryPointRule kEntryPoints[] = {
    {"logits", true, entry_points::kTokens, entry_points::kLogits,
     entry_points::kTokensOfDocuments},
    {"eval", false, entry_points::kBatch, entry_points::kLoss,
     entry_points::kBatchOfDocuments},
    {"grads", false, entry_points::kBatch, entry_points::kLoss,
     entry_points::kBatchOfDocuments},
    {"apply", false, entry_points::kOptimizer, entry_points::kNorm,
     entry_points::kOptimizer},
    {"train_step", false, entry_points::kStep, entry_points::kLossAndNorm,
     entry_points::kStepOfDocuments},
    {"micro_eval", true, entry_points::kPart, entry_points::kLoss,
     entry_points::kPartOfDocuments},
    {"micro_grads", true, entry_points::kPart, entry_points::kLoss,
     entry_points::kPartOfDocuments},
    {"trace",
     true,
     entry_points::kTokens,
     {},
     entry_points::kTokensOfDocuments,
     true},
    {"decode", false, entry_points::kTokensOfDocuments, entry_points::kLogits,
     entry_points::kTokensOfDocuments, false, true},
    {"refresh", false, {}, {}, {}},
    {"project", false, {}, {}, {}},
};

/// Null for a name that is none.
constexpr const EntryPointRule *findEntryPoint(std::string_view name) {
  for (const EntryPointRule &rule : kEntryPoints)
    if (rule.name == name)
      return &rule;
  return nullptr;
}

} // namespace lns

#endif // LNS_RUNTIME_PLAN_ENTRY_POINTS_H
