//===- data_prepare.h - Text to token shards --------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_PREPARE_H
#define LNS_TOOLS_LNS_DATA_PREPARE_H

#include "status.h"

#include <cstdint>
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

/// One document per file.
Expected<std::vector<Document>>
loadTextFiles(const std::vector<std::string> &paths);

struct PrepareSummary {
  uint64_t trainTokens = 0;
  uint64_t valTokens = 0;
  uint64_t documents = 0;
};

/// Writes `folder`/train.bin, val.bin and meta.json: byte tokens (vocabulary
/// 256), the last `heldOut` part of every document in val.bin. All three files
/// appear, or none.
Expected<PrepareSummary> writeDataset(const std::vector<Document> &documents,
                                      double heldOut,
                                      const std::string &setName,
                                      const std::string &folder);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_PREPARE_H
