//===- chat_files.h - What lies beside a tokenizer --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_TOKENS_CHAT_FILES_H
#define LNS_TOOLS_LNS_TOKENS_CHAT_FILES_H

#include "tools/lns/base/status.h"
#include "tools/lns/data/chat_template.h"
#include "tools/lns/tokens/tokenizer_file.h"

#include <optional>
#include <string>

namespace lns::tool {

/// The template of conversations that a tokenizer's folder has:
/// chat_template.jinja, or `chat_template` of tokenizer_config.json. None if
/// there is none; an error, which lists the built-in ones, if it is not a known
/// one.
Expected<std::optional<ChatTemplate>>
findChatTemplate(const TokenizerFile &tokenizer);

/// The token that ends a document: `eos_token` of tokenizer_config.json,
/// `eos_token_id` of generation_config.json or config.json, or the one that the
/// tokenizer itself puts behind a text. An error if there is none.
Expected<std::string> findEndToken(const TokenizerFile &tokenizer);

/// That `token` is one that the tokenizer cuts out of a text; `why` it has to
/// is for the message, which ends with `remedy`.
Status requireToken(const TokenizerFile &tokenizer, const std::string &token,
                    const std::string &why, const std::string &remedy);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_TOKENS_CHAT_FILES_H
