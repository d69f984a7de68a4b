//===- training_rows.h - Rows of JSON for fine-tuning -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_TRAINING_ROWS_H
#define LNS_TOOLS_LNS_DATA_TRAINING_ROWS_H

#include "tools/lns/base/first_errors.h"
#include "tools/lns/base/status.h"

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

struct Message {
  enum class Role { System, User, Assistant };
  Role role = Role::User;
  std::string content;
};

const char *roleName(Message::Role role);

/// One example, as its keys tell what it is.
struct TrainingRow {
  enum class Kind {
    Messages,    ///< `messages`: [{`role`, `content`}]
    Instruction, ///< `instruction`, `input` (may be absent), `output`
    Completion,  ///< `prompt`, `completion`
    Text         ///< `text`
  };
  Kind kind = Kind::Text;
  std::vector<Message> messages;
  std::string prompt; ///< also the instruction
  std::string input;  ///< of an instruction; may be empty
  std::string answer; ///< output, completion, or the text
  std::string place;  ///< "FILE:LINE", for messages
};

struct TrainingRows {
  std::vector<TrainingRow> rows;
  uint64_t seen = 0; ///< rows, wrong ones too
  /// Keys that are there beside those that make a row, and are not used.
  std::set<std::string> unused;
};

/// Reads `text`, one JSON object a line or one JSON array of objects, and
/// appends its rows; `name` is for places. A row that is wrong goes to `errors`
/// and not to `rows`; an error that is returned is of the file as a whole.
Status parseTrainingRows(std::string_view text, const std::string &name,
                         TrainingRows &rows, FirstErrors &errors);

/// The same for files; "-" is the standard input.
Status readTrainingRows(const std::vector<std::string> &paths,
                        TrainingRows &rows, FirstErrors &errors);
} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_TRAINING_ROWS_H
