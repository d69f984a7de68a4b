//===- normalizer.h - What is done to a text first --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_NORMALIZER_H
#define LNS_TOKENIZER_NORMALIZER_H

#include "tokenizer/json_file.h"
#include "tokenizer/source_text.h"

#include <string>
#include <string_view>
#include <vector>

namespace lns::tokenizer {

/// NFC, Prepend and Replace of a string, one after another.
class Normalizer {
public:
  static Result<Normalizer> read(const Node &node);

  bool empty() const { return steps.empty(); }
  size_t size() const { return steps.size(); }
  /// Applies a step; whether that changed anything.
  bool apply(size_t step, TextEditor &editor, std::string_view text) const;
  /// All steps, for texts whose bytes nobody asks for.
  std::string normalize(std::string_view text) const;

private:
  enum class Kind { Nfc, Prepend, Replace };
  struct Step {
    Kind kind;
    std::string what; ///< Replace: what is searched
    std::string with;
  };

  MaybeError add(const Node &node, size_t depth);

  std::vector<Step> steps;
};

/// Replaces every `what`, which is not empty, from the left.
void replaceAll(TextEditor &editor, std::string_view text,
                std::string_view what, std::string_view with);
std::string replaceAll(std::string_view text, std::string_view what,
                       std::string_view with);

/// Canonical composition (NFC), in linear time. Of a text that is composed the
/// editor takes nothing.
void composeText(TextEditor &editor, std::string_view text);

} // namespace lns::tokenizer

#endif // LNS_TOKENIZER_NORMALIZER_H
