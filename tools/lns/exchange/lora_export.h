//===- lora_export.h - Adapters for PEFT ------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EXCHANGE_LORA_EXPORT_H
#define LNS_TOOLS_LNS_EXCHANGE_LORA_EXPORT_H

#include "tools/lns/base/status.h"
#include "tools/lns/exchange/source_model.h"

#include <cstdint>
#include <string>

namespace lns::tool {

struct LoraExportSummary {
  uint64_t modules = 0, saved = 0, bytes = 0;
};

/// Writes the folder `out` with adapter_config.json and
/// adapter_model.safetensors, which PEFT 0.21 puts on the class that `lns ckpt
/// export-hf` writes the base as. `baseName` is what the config calls that
/// base; it may be empty.
///
/// Refused are checkpoints without adapters, models that no class computes,
/// those in whose export gates go into weights, which adapters would have to
/// know, and classes that hold parameters otherwise (GPT-2's c_attn).
Expected<LoraExportSummary> exportLora(SourceModel source,
                                       const std::string &baseName,
                                       const std::string &out);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EXCHANGE_LORA_EXPORT_H
