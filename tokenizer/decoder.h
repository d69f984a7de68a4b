//===- decoder.h - Tokens to text -------------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_DECODER_H
#define LNS_TOKENIZER_DECODER_H

#include "tokenizer/json_file.h"

#include <string>
#include <string_view>
#include <vector>

namespace lns::tokenizer {

/// How the strings of tokens become text.
class Decoder {
public:
  static Result<Decoder> read(const Node &node);

  bool byteLevel() const { return bytes; }

private:
  friend class DecoderState;
  enum class Kind { Replace, ByteFallback, Strip, Metaspace };
  struct Step {
    Kind kind;
    std::string what = {}; ///< Strip: a character
    std::string with = {};
    size_t start = 0, stop = 0; ///< Strip: at most so many on each side
    bool dropFirst = false;     ///< Metaspace
  };

  MaybeError add(const Node &node, size_t depth);
  MaybeError addStrip(const Node &node);

  bool bytes = false;
  bool fused = false;
  std::vector<Step> steps; ///< on each token's string
  std::vector<Step> ends;  ///< Strip, on the whole text
};

/// Takes one token after another and gives text as soon as it is certain: a
/// character is held back until it is whole. All that it gave, and finish(), is
/// the text of all tokens.
class DecoderState {
public:
  explicit DecoderState(const Decoder &decoder);

  /// `added`: the string of an added token, which is text as it stands in a
  /// byte-level vocabulary.
  std::string push(std::string_view token, bool added);
  std::string finish();

private:
  void runStep(size_t step, std::string token);
  void flushBytes(size_t step);
  void give(std::string_view text);

  const Decoder &decoder;
  std::string out;
  std::string pending; ///< bytes that are no whole character, or no whole run
  std::vector<size_t> seen;  ///< strings that a step has had
  std::vector<size_t> toCut; ///< of `ends`: characters that may still go
};

} // namespace lns::tokenizer

#endif // LNS_TOKENIZER_DECODER_H
