//===- CheckpointConfig.h - The config.json of checkpoints ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Whoever finds a checkpoint reads the config.json beside it. With LayerNorm
// Scaling the model is no LLaMA, although all tensors fit one: loaded as that
// it computes other numbers. So the file has a model_type and an architecture
// of its own, which Hugging Face's Auto classes do not know, and an activation
// that LlamaForCausalLM, called by its name, does not know either: it only
// warns of another model_type.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_CHECKPOINTCONFIG_H
#define LNS_FRONTEND_CHECKPOINTCONFIG_H

#include "frontend/DecoderConfig.h"
#include "frontend/HuggingFaceConfig.h"
#include "llvm/Support/JSON.h"
#include <string>

namespace lns {

/// What model_type and hidden_act begin with in a config of ours, which Hugging
/// Face so takes for no model that it knows: of any scheme but the family's.
/// The object `lnsc` then has the scheme as `norm`; without it, that is LNS.
inline constexpr llvm::StringLiteral kLnsPrefix = "lns_";

/// "LlamaForCausalLM", or "LnsMistralForCausalLM".
std::string getArchitecture(const Family &family, bool isOurs);

/// The config.json of a model that was read from `text`, which says `object`,
/// as `decoder` with these norms: `text` itself where it says so already.
std::string getCheckpointConfig(const llvm::json::Object &object,
                                llvm::StringRef text,
                                const DecoderConfig &decoder,
                                const NormChoice &norm);

} // namespace lns

#endif // LNS_FRONTEND_CHECKPOINTCONFIG_H
