//===- training_rows.h - Rows of JSON for fine-tuning -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_TRAINING_ROWS_H
#define LNS_TOOLS_LNS_DATA_TRAINING_ROWS_H

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

/// What is wrong with rows: all of it, as far as it is told.
class RowErrors {
public:
  static constexpr size_t maxTold = 20;

  /// `message` names the place.
  void add(std::string message) {
    if (first.size() < maxTold)
      first.push_back(std::move(message));
    ++all;
  }
  uint64_t count() const { return all; }
  const std::vector<std::string> &told() const { return first; }

private:
  std::vector<std::string> first;
  uint64_t all = 0;
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
                         TrainingRows &rows, RowErrors &errors);

/// The same for files; "-" is the standard input.
Status readTrainingRows(const std::vector<std::string> &paths,
                        TrainingRows &rows, RowErrors &errors);

/// Whether there is nothing but white space, of Unicode's too.
bool isBlank(std::string_view text);
/// `text` without white space at both ends: what Python's strip() leaves.
std::string_view trim(std::string_view text);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_TRAINING_ROWS_H
