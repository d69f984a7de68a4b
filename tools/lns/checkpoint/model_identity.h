//===- model_identity.h - Whose parameters a checkpoint holds ---*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Names and shapes do not show which model parameters were trained in: with LNS
// or without, with how many heads, with which RoPE. A plan has its model's
// identity, a text (docs/plan-format.md); a checkpoint keeps it, and here the
// two are compared.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_MODEL_IDENTITY_H
#define LNS_TOOLS_LNS_CHECKPOINT_MODEL_IDENTITY_H

#include "tools/lns/base/status.h"
#include "tools/lns/checkpoint/fold_mark.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// The key in trainer_state.json, and in the metadata of a safetensors file.
inline constexpr const char *identityKey = "lns_identity";

/// Compares the identity of a plan with that of the checkpoint at `place`,
/// which may be facts alone (identityOfConfig): then only what both speak of
/// counts. An empty one is that of a file that does not say.
///
/// Fails, naming every difference, when they are of different models and
/// `force` is not given. Otherwise gives a line for the user, empty where there
/// is nothing to say: that they differ, or that there was nothing to compare
/// with.
Expected<std::string> checkIdentity(std::string_view plan,
                                    std::string_view checkpoint,
                                    const std::string &place, bool force);

/// The value of a fact of an identity, "lns" for "norm".
std::optional<std::string> findFact(std::string_view identity,
                                    std::string_view key);

/// Of a model with adapters (LoRA), the identity of the model that they are
/// on, which a plan of it without them has; nothing for other models.
std::optional<std::string> identityOfBase(std::string_view identity);

/// The keys of all facts, in their order.
std::vector<std::string> factKeys(std::string_view identity);

/// "KEY: VALUE {inA}, VALUE {inB}" for everything in which two identities
/// differ; where one has facts alone, what both speak of counts.
std::vector<std::string> describeDifferences(std::string_view a,
                                             std::string_view b,
                                             std::string_view inA,
                                             std::string_view inB);

/// What a Hugging Face config.json beside parameters says of their model, as an
/// identity's facts; empty for text that is no config of a model known here.
std::string identityOfConfig(std::string_view config);

/// What the mark of a file says, which is not in a folder with a config.json.
std::string identityOfMark(const FoldMark &mark);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_MODEL_IDENTITY_H
