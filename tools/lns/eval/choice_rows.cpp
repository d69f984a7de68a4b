//===- choice_rows.cpp - Questions to texts that are scored ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/eval/choice_rows.h"

#include "tools/lns/base/python_text.h"
#include "tools/lns/eval/line_errors.h"

#include <fmt/format.h>

namespace lns::tool {

namespace {
/// A context, of which several continuations are encoded.
class PairEncoder {
public:
  PairEncoder(TextEncoder &encoder, uint32_t sequence)
      : encoder(encoder), sequence(sequence) {}

  Status setContext(std::string_view context);
  Expected<ScoredText> encode(std::string_view continuation);

private:
  Expected<ScoredText> makeText(ScoredText::Context before,
                                std::vector<int32_t> tokens) const;
  Expected<ScoredText> encodeAlone(const std::string &continuation);

  TextEncoder &encoder;
  uint32_t sequence;
  std::string before;         ///< the context without its last white space
  std::string space;          ///< which belongs to continuations
  ScoredText::Context tokens; ///< of `before`; maybe empty
};
} // namespace

Status PairEncoder::setContext(std::string_view context) {
  size_t trailing = trailingSpaceBytes(context);
  before = context.substr(0, context.size() - trailing);
  space = context.substr(context.size() - trailing);
  tokens = std::make_shared<std::vector<int32_t>>();
  // An empty context has not even what a template puts before it: the prefix
  // token is in that place.
  if (context.empty())
    return Status::success();
  Expected<std::vector<int32_t>> encoded = encoder.encode(before, true);
  if (!encoded)
    return encoded.status();
  tokens = std::make_shared<const std::vector<int32_t>>(std::move(*encoded));
  return Status::success();
}

Expected<ScoredText> PairEncoder::makeText(ScoredText::Context context,
                                           std::vector<int32_t> scored) const {
  if (scored.empty())
    return Status::failure("no token of its own behind the context");
  if (scored.size() > sequence)
    return Status::failure(
        fmt::format("{} tokens, T is {}", scored.size(), sequence));
  return ScoredText(std::move(context), std::move(scored), sequence);
}

/// Behind the prefix token, which may be what the continuation begins with.
Expected<ScoredText> PairEncoder::encodeAlone(const std::string &continuation) {
  Expected<std::vector<int32_t>> encoded = encoder.encode(continuation, false);
  if (!encoded)
    return encoded.status();
  if (!encoded->empty() && encoded->front() == encoder.prefixToken())
    encoded->erase(encoded->begin());
  auto prefix =
      std::make_shared<const std::vector<int32_t>>(1, encoder.prefixToken());
  return makeText(std::move(prefix), std::move(*encoded));
}

Expected<ScoredText> PairEncoder::encode(std::string_view continuation) {
  std::string rest = space + std::string(continuation);
  if (tokens->empty())
    return encodeAlone(rest);
  Expected<std::vector<int32_t>> whole = encoder.encode(before + rest, true);
  if (!whole)
    return whole.status();
  size_t cut = std::min(tokens->size(), whole->size());
  whole->erase(whole->begin(), whole->begin() + static_cast<ptrdiff_t>(cut));
  return makeText(tokens, std::move(*whole));
}

Expected<ScoredText> encodePair(TextEncoder &encoder, std::string_view context,
                                std::string_view continuation,
                                uint32_t sequence) {
  PairEncoder pair(encoder, sequence);
  LNS_RETURN_IF_ERROR(pair.setContext(context));
  return pair.encode(continuation);
}

Expected<ChoiceTexts>
encodeChoices(const std::vector<ChoiceQuestion> &questions,
              TextEncoder &encoder, uint32_t sequence, bool withAlone,
              const std::string &path) {
  ChoiceTexts all;
  LineErrors errors;
  PairEncoder pair(encoder, sequence);
  for (const ChoiceQuestion &question : questions) {
    QuestionTexts place;
    /// Adds answers from 0 on, each behind what `context(i)` is.
    auto add = [&](auto &&context, const char *what) {
      for (size_t i = 0; i < question.answers(); ++i) {
        // Of one context the tokens are made once.
        Status status = i == 0 || !question.hasChoices()
                            ? pair.setContext(context(i))
                            : Status::success();
        Expected<ScoredText> text =
            status.ok()
                ? pair.encode(question.delimiter + question.continuation(i))
                : Expected<ScoredText>(status);
        if (text)
          all.texts.push_back(std::move(*text));
        else
          errors.add(question.line, fmt::format("{} {}: {}", what, i,
                                                text.status().message()));
      }
    };
    place.first = all.texts.size();
    add([&](size_t i) -> std::string_view { return question.context(i); },
        "answer");
    place.hasAlone = withAlone && question.hasChoices();
    place.alone = all.texts.size();
    if (place.hasAlone && errors.empty())
      add([](size_t) -> std::string_view { return ""; }, "bare answer");
    all.questions.push_back(place);
  }
  LNS_RETURN_IF_ERROR(errors.status(
      path, "shorten or change it, or compile a plan with a larger --seq"));
  return all;
}

} // namespace lns::tool
