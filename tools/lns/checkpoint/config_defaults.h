//===- config_defaults.h - What keys mean that are not there ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_CONFIG_DEFAULTS_H
#define LNS_TOOLS_LNS_CHECKPOINT_CONFIG_DEFAULTS_H

#include "tools/lns/checkpoint/families.h"

#include <nlohmann/json_fwd.hpp>

namespace lns::tool {

/// The family that the model_type of a config.json names, one of ours or not;
/// null for a value that is no config of a family known here.
const FamilyInfo *familyOf(const nlohmann::json &config);

/// `config`, of that family, with a value for each key that changes what the
/// model computes and that no tensor's shape tells of: where it leaves one out,
/// the value that the class takes. Windows and RoPE's exceptions stand there
/// layer by layer: a window that no layer has is null. What is of another type
/// than it should be is left as it is.
nlohmann::json withDefaults(nlohmann::json config, const FamilyInfo &family);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_CONFIG_DEFAULTS_H
