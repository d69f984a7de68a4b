//===- choice_rows.h - Questions to texts that are scored -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EVAL_CHOICE_ROWS_H
#define LNS_TOOLS_LNS_EVAL_CHOICE_ROWS_H

#include "tools/lns/eval/choices_file.h"
#include "tools/lns/eval/scored_text.h"
#include "tools/lns/eval/text_encoder.h"

namespace lns::tool {

/// Where a question's answers are among the texts.
struct QuestionTexts {
  size_t first = 0; ///< answer i is text first + i
  /// The same without the context, of those that have them.
  size_t alone = 0;
  bool hasAlone = false;
};

struct ChoiceTexts {
  std::vector<ScoredText> texts;
  std::vector<QuestionTexts> questions;
};

/// Tokens of a continuation behind a context, as lm-evaluation-harness cuts
/// them: white space at the end of the context belongs to the continuation;
/// both are encoded as one text, of which the continuation is what is behind as
/// many tokens as the context by itself has. Where there is no context its
/// place is taken by the encoder's prefix token, unless the continuation begins
/// with it. An error if no token of its own is left to the continuation, or
/// more than `sequence`; without the place.
Expected<ScoredText> encodePair(TextEncoder &encoder, std::string_view context,
                                std::string_view continuation,
                                uint32_t sequence);

/// All answers of all questions, and with `withAlone` the choices without their
/// context, for acc_mutual_info. `sequence` is the plan's T. Errors name lines
/// of `path`, up to 20.
Expected<ChoiceTexts>
encodeChoices(const std::vector<ChoiceQuestion> &questions,
              TextEncoder &encoder, uint32_t sequence, bool withAlone,
              const std::string &path);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EVAL_CHOICE_ROWS_H
