//===- data_prepare.h - Text to token shards --------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_DATA_PREPARE_H
#define LNS_TOOLS_LNS_DATA_DATA_PREPARE_H

#include "tools/lns/base/status.h"
#include "tools/lns/data/shard.h"
#include "tools/lns/tokens/tokenizer_file.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lns::tool {

struct Document {
  std::string name;   ///< e.g. "emma"
  std::string source; ///< package or file that it comes from
  std::string text;
};

/// Where the packages of the set "classic" put their files; tests point it
/// elsewhere.
struct ClassicPaths {
  std::string bible = "/usr/lib/bible.data";
  std::string austen = "/usr/lib/R/site-library/janeaustenr/data/Rdata";
};

/// The King James Bible (Debian package bible-kjv-text) and the novels of Jane
/// Austen (r-cran-janeaustenr), always in the same order and bytes. An absent
/// package is an error that names it.
Expected<std::vector<Document>> loadClassicSet(const ClassicPaths &paths);

/// One document per file; "-" is the standard input, and pipes are read.
Expected<std::vector<Document>>
loadTextFiles(const std::vector<std::string> &paths);

struct PrepareSummary {
  uint64_t trainTokens = 0;
  uint64_t valTokens = 0;
  uint64_t documents = 0;
};

struct PrepareOptions {
  double heldOut = 0.04; ///< tail of every document that goes to val.bin
  std::string folder;
  /// Files of an earlier call are an error otherwise.
  bool replace = false;
};

/// Writes train.bin, val.bin and meta.json: byte tokens (vocabulary 256). All
/// three files appear, or none.
Expected<PrepareSummary> writeDataset(const std::vector<Document> &documents,
                                      const std::string &setName,
                                      const PrepareOptions &options);

/// The same in the tokens of a tokenizer, with what its template puts around
/// each document; 16-bit shards where the vocabulary fits, else 32-bit ones.
/// meta.json has the tokenizer's checksum, and the bytes that tokens stand for.
Expected<PrepareSummary>
writeTokenizedDataset(const std::vector<Document> &documents,
                      const std::string &setName, const TokenizerFile &file,
                      const PrepareOptions &options);

/// Files of tokens, with llm.c's header or, if `type` is given, without.
struct TokenFiles {
  std::vector<std::string> paths;
  std::optional<TokenType> type;
  uint64_t vocabulary = 0; ///< every token is below it
};

/// The same for tokens that are there already, each file a document: 16-bit
/// shards, or 32-bit ones if the vocabulary is larger than 65536.
Expected<PrepareSummary> writeTokenDataset(const TokenFiles &files,
                                           const PrepareOptions &options);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_DATA_PREPARE_H
