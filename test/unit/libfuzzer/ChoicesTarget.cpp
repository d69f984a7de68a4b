//===- ChoicesTarget.cpp - Questions of others ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A file of questions, and what a model would see of it.
//
//===----------------------------------------------------------------------===//

#include "TinyStore.h"

#include "tools/lns/eval/choice_rows.h"
#include "tools/lns/eval/row_layout.h"

using namespace lns;

static std::vector<std::string> seeds() {
  return {R"({"context": "a ", "choices": ["b", "\u00e9c"], "gold": 1})"
          "\n",
          R"({"contexts": ["a", ""], "continuation": "c", "gold": [0, 1],)"
          R"( "task": "t", "id": 3, "delimiter": ""})"
          "\n\n"
          R"({"context": "", "choices": ["0123", "a"], "gold": 0, "id": "x"})"};
}

static void run(std::string_view bytes) {
  constexpr uint32_t sequence = 8;
  auto questions = tool::parseChoices(std::string(bytes), "f", "t");
  if (!questions)
    return fuzz::requireError(questions.status());
  size_t answers = 0;
  for (const tool::ChoiceQuestion &question : *questions) {
    fuzz::require(question.answers() >= 2 && !question.gold.empty() &&
                  question.gold.back() < question.answers());
    answers += question.answers() * (question.hasChoices() ? 2 : 1);
  }
  tool::TextEncoder encoder = tool::TextEncoder::ofBytes();
  auto all = tool::encodeChoices(*questions, encoder, sequence, true, "f");
  if (!all)
    return fuzz::requireError(all.status());
  fuzz::require(all->texts.size() == answers);
  for (const tool::ScoredText &text : all->texts)
    fuzz::require(text.inputs() <= sequence && !text.continuation().empty() &&
                  text.inputs() >= text.continuation().size());
  for (const tool::RowLayout::Place &place :
       tool::packRows(all->texts, sequence, 1).places)
    fuzz::require(place.begin < sequence);
}

static const fuzz::RegisterTarget registered({"choices", seeds, run});
