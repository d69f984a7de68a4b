//===- pattern.cpp - Regular expressions of tokenizers --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <fmt/format.h>
#include <new>

namespace lns::tokenizer {

/// Steps back that one match may take: 1 MB of blanks takes as many as it has
/// characters.
static constexpr uint32_t maxSteps = 20'000'000;
/// Kilobytes.
static constexpr uint32_t maxHeap = 64 * 1024;
/// Bytes; the longest known pattern has 300.
static constexpr size_t maxPattern = 4096;

void MatchState::Free::operator()(pcre2_real_match_data_8 *data) const {
  pcre2_match_data_free(data);
}
void MatchState::Free::operator()(pcre2_real_match_context_8 *context) const {
  pcre2_match_context_free(context);
}
void Pattern::Free::operator()(pcre2_real_code_8 *code) const {
  pcre2_code_free(code);
}

MatchState::MatchState()
    : data(pcre2_match_data_create(1, nullptr)),
      context(pcre2_match_context_create(nullptr)) {
  if (!data || !context)
    throw std::bad_alloc();
  pcre2_set_match_limit(context.get(), maxSteps);
  pcre2_set_heap_limit(context.get(), maxHeap);
}

Result<Pattern> Pattern::compile(const std::string &text) {
  if (text.size() > maxPattern)
    return Error{fmt::format("has {} bytes, at most {} are allowed",
                             text.size(), maxPattern)};
  const char *known = findKnownPattern(text);
  if (!known)
    if (std::string what = findForeignSyntax(text); !what.empty())
      return Error{what};
  std::string_view source = text;
  if (known)
    source = known;

  std::unique_ptr<pcre2_compile_context, void (*)(pcre2_compile_context *)>
      context(pcre2_compile_context_create(nullptr),
              pcre2_compile_context_free);
  if (!context)
    throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_bsr(context.get(), PCRE2_BSR_UNICODE);
  int error = 0;
  size_t at = 0;
  pcre2_code *made = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE,
      &error, &at, context.get());
  if (!made) {
    PCRE2_UCHAR reason[128] = {};
    pcre2_get_error_message(error, reason, sizeof reason);
    return Error{fmt::format("is no regular expression: {} at byte {}",
                             reinterpret_cast<const char *>(reason), at)};
  }
  Pattern pattern;
  pattern.code = std::shared_ptr<pcre2_code>(made, Free());
  uint32_t matchesEmpty = 0;
  pcre2_pattern_info(made, PCRE2_INFO_MATCHEMPTY, &matchesEmpty);
  if (matchesEmpty != 0)
    return Error{"can match the empty text, which splits nothing off"};
  pattern.compiled = known && pcre2_jit_compile(made, PCRE2_JIT_COMPLETE) == 0;
  return pattern;
}

Pattern::Found Pattern::find(std::string_view subject, size_t from,
                             MatchState &state, Match &match) const {
  auto text = reinterpret_cast<PCRE2_SPTR>(subject.data());
  int count = PCRE2_ERROR_JIT_STACKLIMIT;
  if (compiled)
    count = pcre2_jit_match(code.get(), text, subject.size(), from, 0,
                            state.data.get(), state.context.get());
  // Machine code has little memory to note in what it may have to go back to.
  if (count == PCRE2_ERROR_JIT_STACKLIMIT)
    count = pcre2_match(code.get(), text, subject.size(), from,
                        PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, state.data.get(),
                        state.context.get());
  if (count == PCRE2_ERROR_NOMATCH)
    return Found::No;
  if (count < 0)
    return Found::TooHard;
  const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(state.data.get());
  match = {ends[0], ends[1]};
  // Behind a look-behind's \K, which is refused, a match could end before it
  // begins; what no match can be must not become an endless loop here.
  return match.begin >= from && match.end > match.begin ? Found::Yes
                                                        : Found::TooHard;
}

} // namespace lns::tokenizer
