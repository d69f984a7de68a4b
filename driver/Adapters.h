//===- Adapters.h - LoRA, as the command line and plans say it --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DRIVER_ADAPTERS_H
#define LNS_DRIVER_ADAPTERS_H

#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lns {

/// What `lns-add-adapters` is given.
struct AdapterChoice {
  int64_t rank = 8;
  double alpha = 8; ///< PEFT's lora_alpha, as is the rank's default
  std::vector<std::string> targets, save;
  bool rslora = false;
};

/// "rank=8,alpha=16,targets=q_proj:v_proj,save=lm_head,rslora". Only targets
/// must be there. Nothing, and a message, for any other text.
std::optional<AdapterChoice> parseAdapters(llvm::StringRef text,
                                           std::string &error);

/// The same text with all of its words, in one order.
std::string formatAdapters(const AdapterChoice &choice);

/// The identity of a model with adapters: its facts are those of `base` and
/// `lora`, its graph is that of `adapted`, and behind it stands the graph of
/// the base:
///
///     lnsc model 1
///     norm: lns
///     lora: rank=8,alpha=16,targets=q_proj:v_proj
///     graph:
///     ...
///     base:
///     ...
///
/// So a checkpoint of the base can be compared with a plan of the model.
std::string joinIdentities(const std::string &adapted, const std::string &base,
                           const AdapterChoice &choice);

} // namespace lns

#endif // LNS_DRIVER_ADAPTERS_H
