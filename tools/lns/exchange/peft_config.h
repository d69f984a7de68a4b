//===- peft_config.h - adapter_config.json ----------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EXCHANGE_PEFT_CONFIG_H
#define LNS_TOOLS_LNS_EXCHANGE_PEFT_CONFIG_H

#include "tools/lns/base/status.h"
#include "tools/lns/checkpoint/lora_fact.h"

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// What PEFT (0.21) says of an adapter beside its tensors.
struct PeftConfig {
  int64_t rank = 0;
  double alpha = 0;
  bool rslora = false;
  /// Of single modules, by their names or what follows a dot of these.
  std::map<std::string, int64_t> ranks;
  std::map<std::string, double> alphas;
  std::vector<std::string> saved; ///< modules that are whole

  int64_t rankOf(std::string_view module) const;
  /// What B A is multiplied by.
  double scaleOf(std::string_view module) const;
};

/// Reads the text of the file `place`. What changes what an adapter computes
/// and is not done here (DoRA, biases, dropout, other initializations that
/// change the base), and every other key that is set and not known, is an error
/// that names it.
Expected<PeftConfig> readPeftConfig(const std::string &text,
                                    const std::string &place);

/// The file for adapters of these targets, as PEFT 0.21 writes it.
nlohmann::json makePeftConfig(const LoraFact &lora,
                              const std::vector<std::string> &targets,
                              const std::string &baseName);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EXCHANGE_PEFT_CONFIG_H
