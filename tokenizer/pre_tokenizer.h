//===- pre_tokenizer.h - Text to pieces -------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_PRE_TOKENIZER_H
#define LNS_TOKENIZER_PRE_TOKENIZER_H

#include "tokenizer/json_file.h"
#include "tokenizer/pattern.h"
#include "tokenizer/source_text.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lns::tokenizer {

/// Cuts a text into the pieces that no token crosses. No list of pieces is
/// made: each is cut further, and handed out, as it is found.
class PreTokenizer {
public:
  static Result<PreTokenizer> read(const Node &node);

  /// The last step is `ByteLevel`: the vocabulary is of bytes, written as
  /// symbols. Pieces are bytes all the same.
  bool byteLevel() const { return bytes; }

  /// Takes the piece [begin, end) of a text.
  using Sink = std::function<MaybeError(SourceText &, size_t, size_t)>;
  MaybeError run(SourceText &source, size_t begin, size_t end,
                 MatchState &state, const Sink &sink) const {
    return runStep(0, source, begin, end, state, sink);
  }

private:
  enum class Kind { Split, Digits, Metaspace, ByteLevel };
  enum class Prepend { Always, First, Never };
  struct Step {
    Kind kind;
    std::optional<Pattern> pattern = {}; ///< Split, ByteLevel
    std::string literal = {}; ///< Split of a string; Metaspace's sign
    bool matchesOnly = false; ///< Split: what is between goes
    bool each = false;        ///< Digits: one by one; Metaspace: is cut, too
    Prepend prepend = Prepend::Never; ///< ByteLevel: Always or Never
  };

  MaybeError add(const Node &node, size_t depth);
  MaybeError addByteLevel(const Node &node);
  MaybeError addSplit(const Node &node);
  MaybeError addMetaspace(const Node &node);

  MaybeError runStep(size_t index, SourceText &source, size_t begin, size_t end,
                     MatchState &state, const Sink &sink) const;
  template <typename Find>
  MaybeError cut(size_t index, SourceText &source, size_t begin, size_t end,
                 MatchState &state, const Sink &sink, Find &&find) const;
  MaybeError cutBySpaces(size_t index, SourceText &source, size_t begin,
                         size_t end, MatchState &state, const Sink &sink) const;

  std::vector<Step> steps;
  bool bytes = false;
};

} // namespace lns::tokenizer

#endif // LNS_TOKENIZER_PRE_TOKENIZER_H
