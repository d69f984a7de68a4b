//===- row_dataset.h - Rows to shards with masks and documents --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_ROW_DATASET_H
#define LNS_TOOLS_LNS_DATA_ROW_DATASET_H

#include "tools/lns/base/status.h"
#include "tools/lns/data/data_prepare.h"
#include "tools/lns/data/training_rows.h"
#include "tools/lns/tokens/tokenizer_file.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

/// What special tokens are that a row's own text spells out.
enum class SpecialInText { Error, Token, Text };
/// What becomes of rows with more tokens than are wanted.
enum class TooLong { Error, Skip, Cut };

struct RowOptions {
  /// chatml, ...; empty: the tokenizer's own, or plain without a tokenizer, for
  /// conversations, and alpaca for instructions.
  std::string templateName;
  std::string end; ///< token behind a document; empty: the tokenizer's own
  bool trainOnPrompt = false;
  bool lastAnswer = false;
  SpecialInText special = SpecialInText::Error;
  uint64_t maxTokens = 0; ///< of a row; 0: any number
  TooLong tooLong = TooLong::Error;
};

struct RowSummary {
  uint64_t documents[2] = {}; ///< training, held out
  uint64_t tokens[2] = {};
  uint64_t targets[2] = {};
  uint64_t skipped = 0; ///< too long, or without a target when cut
  uint64_t cut = 0;
  uint64_t straddling = 0;
  std::vector<std::string> notes;
};

/// Writes {train,val}.{bin,mask,docs} and meta.json: one row is one document.
/// Without `tokenizer` bytes are tokens, and byte 0 ends a document. Whole rows
/// are held out, which ones their text alone tells, so that equal rows are on
/// the same side. With anything in `errors` afterwards nothing was written, and
/// the Status is an error that counts them.
Expected<RowSummary> writeRowDataset(const TrainingRows &rows,
                                     const TokenizerFile *tokenizer,
                                     const RowOptions &chosen,
                                     const PrepareOptions &options,
                                     FirstErrors &errors);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_ROW_DATASET_H
