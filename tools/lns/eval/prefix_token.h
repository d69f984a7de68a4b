//===- prefix_token.h - The token before a text's first ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EVAL_PREFIX_TOKEN_H
#define LNS_TOOLS_LNS_EVAL_PREFIX_TOKEN_H

#include "tools/lns/base/status.h"
#include "tools/lns/tokens/tokenizer_file.h"

#include <cstdint>
#include <optional>
#include <string>

namespace lns::tool {

/// The token that stands where a text has nothing before it, so that its first
/// token is predicted, too: the tokenizer's beginning of a text, or else its
/// end, as lm-evaluation-harness takes them. It is the first of these that is
/// there:
///  1. `given`, from the command line;
///  2. `bos_token`, then `eos_token`, of tokenizer_config.json beside the
///     tokenizer;
///  3. what the tokenizer's template puts before a text;
///  4. `bos_token_id`, then `eos_token_id`, of the configs that findEndTokens()
///     reads.
/// An error if there is none, or if it is no token of the tokenizer.
Expected<uint32_t> findPrefixToken(const TokenizerFile &file,
                                   std::optional<uint32_t> given,
                                   const std::string &checkpoint,
                                   const std::string &planPath,
                                   const std::string &planConfig);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EVAL_PREFIX_TOKEN_H
