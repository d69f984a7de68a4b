//===- choices_file.h - Questions with answers to choose from ---*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EVAL_CHOICES_FILE_H
#define LNS_TOOLS_LNS_EVAL_CHOICES_FILE_H

#include "tools/lns/base/status.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

/// A question. Either one context has several continuations, the choices, or
/// several contexts have one continuation (as WinoGrande's); of the other there
/// is one then. Answer i is context i with continuation i.
struct ChoiceQuestion {
  uint64_t line = 0; ///< of the file, from 1
  std::string task;
  std::string id; ///< as the file has it; the line's number if it has none
  std::vector<std::string> contexts;      ///< may be empty texts
  std::vector<std::string> continuations; ///< without the delimiter; not empty
  std::string delimiter = " ";            ///< between context and continuation
  std::vector<uint32_t> gold; ///< right answers, at least one; rising

  size_t answers() const {
    return std::max(contexts.size(), continuations.size());
  }
  const std::string &context(size_t answer) const {
    return contexts[contexts.size() == 1 ? 0 : answer];
  }
  const std::string &continuation(size_t answer) const {
    return continuations[continuations.size() == 1 ? 0 : answer];
  }
  /// The answers are different texts, whose lengths and likelihoods on their
  /// own can be compared.
  bool hasChoices() const { return continuations.size() > 1; }
  bool isGold(size_t answer) const;
};

/// Reads JSONL: an object a line, with "context" and "choices", or "contexts"
/// and "continuation", with "gold" (a number from 0, or a list of such), and
/// maybe "task" (else `defaultTask`), "id" (text or number) and "delimiter".
/// Other keys are errors: a misspelt delimiter would change every number. So
/// are keys that a line has twice, empty continuations, fewer than two answers
/// or more than 1024. All lines are read; the error names up to 20. `path` is
/// for messages.
Expected<std::vector<ChoiceQuestion>>
parseChoices(const std::string &text, const std::string &path,
             const std::string &defaultTask);

/// The same of a file, whose name without folder and last ending is the default
/// task; "-" is the standard input.
Expected<std::vector<ChoiceQuestion>> readChoices(const std::string &path);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EVAL_CHOICES_FILE_H
