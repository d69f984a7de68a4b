//===- lora_fact.h - The adapters of a plan's model -------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_LORA_FACT_H
#define LNS_TOOLS_LNS_CHECKPOINT_LORA_FACT_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// The line "lora: rank=8,alpha=16,targets=q_proj:v_proj" of an identity, as
/// lnsc writes it.
struct LoraFact {
  int64_t rank = 0;
  double alpha = 0; ///< PEFT's lora_alpha
  std::vector<std::string> targets, save;
  bool rslora = false;
};

/// Nothing where the identity has no such line, or one that lnsc does not
/// write.
std::optional<LoraFact> findLora(std::string_view identity);

/// What B A is multiplied by: alpha / rank, or alpha / sqrt(rank).
double getLoraScale(double alpha, int64_t rank, bool rslora);

/// As PEFT matches the name of a module with one of a list: it is all of it, or
/// what follows a dot.
bool isModuleNamed(std::string_view module, std::string_view name);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_LORA_FACT_H
