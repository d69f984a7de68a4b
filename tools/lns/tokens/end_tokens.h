//===- end_tokens.h - Tokens that end a text --------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_TOKENS_END_TOKENS_H
#define LNS_TOOLS_LNS_TOKENS_END_TOKENS_H

#include "tools/lns/base/status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

/// What `key`, a token's id or a list of ids, is in the first of these that has
/// it: generation_config.json and config.json beside the weights that
/// `checkpoint` names (as WeightFiles takes it), and the plan's own config.
/// Empty if none does.
Expected<std::vector<uint32_t>> findConfigTokens(const char *key,
                                                 const std::string &checkpoint,
                                                 const std::string &planPath,
                                                 const std::string &planConfig);

/// The `eos_token_id`, at which a text ends.
Expected<std::vector<uint32_t>> findEndTokens(const std::string &checkpoint,
                                              const std::string &planPath,
                                              const std::string &planConfig);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_TOKENS_END_TOKENS_H
