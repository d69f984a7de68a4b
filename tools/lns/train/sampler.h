//===- sampler.h - Choosing the next token ----------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_TRAIN_SAMPLER_H
#define LNS_TOOLS_LNS_TRAIN_SAMPLER_H

#include <cstdint>
#include <span>
#include <string>

namespace lns::tool {

struct SamplerOptions {
  double temperature = 1.0; ///< 0: always the most likely token
  uint64_t topK = 0;        ///< 0: all tokens
  double topP = 1.0;        ///< 1: all tokens
  uint64_t seed = 0;
  uint32_t text = 0; ///< number of the text, when several are drawn at once
};

/// Draws a token from softmax(logits / temperature) over the `topK` largest
/// logits, and of these over the fewest, the largest first, that have `topP` of
/// the probability together (Holtzman et al., arXiv 1904.09751). The draw
/// depends on seed, text and `position` only. Ties go to the smaller token.
/// Logits that are not finite count as impossible; if all are, returns -1.
int32_t sampleToken(std::span<const float> logits,
                    const SamplerOptions &options, uint64_t position);

/// Turns bytes, one after another, into text that is safe to print: valid
/// UTF-8 passes, control characters other than newline and tab and broken
/// sequences become U+FFFD.
class TextSanitizer {
public:
  /// Returns what can be printed now.
  std::string push(unsigned char byte);
  /// What an unfinished sequence at the end turns into.
  std::string finish();

private:
  std::string pending;
  int missing = 0;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_TRAIN_SAMPLER_H
