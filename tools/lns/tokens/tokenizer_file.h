//===- tokenizer_file.h - A tokenizer as commands take it -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_TOKENS_TOKENIZER_FILE_H
#define LNS_TOOLS_LNS_TOKENS_TOKENIZER_FILE_H

#include "tools/lns/base/status.h"

#include "tokenizer/tokenizer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

/// The error of a library as one of this tool.
inline Status toStatus(const tokenizer::Error &error) {
  return Status::failure(error.message);
}

/// An open tokenizer.json.
struct TokenizerFile {
  /// `path` is the file, or a folder that has it.
  static Expected<TokenizerFile> open(const std::string &path);

  std::string path;
  uint64_t checksum = 0; ///< XXH64 of the file
  tokenizer::Tokenizer tokenizer;
};

/// A tokenizer may know fewer tokens than the plan at `planPath` has rows for,
/// not more.
Status compareVocabularies(const TokenizerFile &file,
                           const std::string &planPath, uint32_t vocabulary);

/// Ids of a text: decimal numbers between blanks, or a JSON array of them.
/// `place` is for messages.
Expected<std::vector<uint32_t>> parseTokenIds(const std::string &text,
                                              const std::string &place);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_TOKENS_TOKENIZER_FILE_H
