//===- pre_tokenizer.cpp - Text to pieces ---------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/pre_tokenizer.h"

#include "tokenizer/normalizer.h"
#include "tokenizer/unicode.h"

#include <cstring>

namespace lns::tokenizer {

/// Hands out matches and what is between them. `find(text, from, match)` finds
/// the next match in the piece; its result is Pattern::Found.
template <typename Find>
MaybeError PreTokenizer::cut(size_t index, SourceText &source, size_t begin,
                             size_t end, MatchState &state, const Sink &sink,
                             Find &&find) const {
  std::string_view text = source.text().substr(begin, end - begin);
  bool matchesOnly = steps[index].matchesOnly;
  size_t done = 0;
  while (done < text.size()) {
    Pattern::Match match;
    Pattern::Found found = find(text, done, match);
    if (found == Pattern::Found::TooHard)
      return Error{"the tokenizer's pattern takes too many steps on this text; "
                   "give the text in parts"};
    if (found == Pattern::Found::No)
      match = {text.size(), text.size()};
    if (match.begin > done && !matchesOnly)
      LNS_TOKENIZER_TRY(runStep(index + 1, source, begin + done,
                                begin + match.begin, state, sink));
    if (match.end > match.begin)
      LNS_TOKENIZER_TRY(runStep(index + 1, source, begin + match.begin,
                                begin + match.end, state, sink));
    done = match.end;
  }
  return std::nullopt;
}

static Pattern::Found findLiteral(std::string_view text, size_t from,
                                  std::string_view what,
                                  Pattern::Match &match) {
  const void *found = ::memmem(text.data() + from, text.size() - from,
                               what.data(), what.size());
  if (!found)
    return Pattern::Found::No;
  match.begin =
      static_cast<size_t>(static_cast<const char *>(found) - text.data());
  match.end = match.begin + what.size();
  return Pattern::Found::Yes;
}

static Pattern::Found findDigits(std::string_view text, size_t from,
                                 bool oneOnly, Pattern::Match &match) {
  match = {text.size(), text.size()};
  for (size_t at = from; at < text.size();) {
    Character character = decodeCharacter(text, at);
    bool digit = isNumeric(character.code);
    if (digit && match.begin == text.size())
      match.begin = at;
    if (!digit && match.begin < text.size()) {
      match.end = at;
      return Pattern::Found::Yes;
    }
    at += character.bytes;
    if (digit && oneOnly) {
      match.end = at;
      return Pattern::Found::Yes;
    }
  }
  return match.begin < text.size() ? Pattern::Found::Yes : Pattern::Found::No;
}

/// Metaspace: blanks become a visible sign, one is put before, and what follows
/// a sign is a piece of its own.
MaybeError PreTokenizer::cutBySpaces(size_t index, SourceText &source,
                                     size_t begin, size_t end,
                                     MatchState &state,
                                     const Sink &sink) const {
  const Step &step = steps[index];
  std::string_view piece = source.text().substr(begin, end - begin);
  TextEditor editor(piece);
  bool prepend =
      step.prepend == Prepend::Always ||
      (step.prepend == Prepend::First && source.toOriginal(begin) == 0);
  if (prepend && !piece.starts_with(' ') && !piece.starts_with(step.literal))
    editor.replace(0, step.literal);
  replaceAll(editor, piece, " ", step.literal);
  SourceText changed(source, begin, std::move(editor.text),
                     std::move(editor.edits));
  std::string_view text = changed.text();
  if (!step.each)
    return runStep(index + 1, changed, 0, text.size(), state, sink);
  for (size_t done = 0; done < text.size();) {
    Pattern::Match match;
    if (findLiteral(text, done + 1, step.literal, match) != Pattern::Found::Yes)
      match.begin = text.size();
    LNS_TOKENIZER_TRY(
        runStep(index + 1, changed, done, match.begin, state, sink));
    done = match.begin;
  }
  return std::nullopt;
}

MaybeError PreTokenizer::runStep(size_t index, SourceText &source, size_t begin,
                                 size_t end, MatchState &state,
                                 const Sink &sink) const {
  if (index == steps.size())
    return sink(source, begin, end);
  const Step &step = steps[index];
  switch (step.kind) {
  case Kind::Split:
    if (!step.pattern)
      return cut(
          index, source, begin, end, state, sink,
          [&](std::string_view text, size_t from, Pattern::Match &match) {
            return findLiteral(text, from, step.literal, match);
          });
    break;
  case Kind::Digits:
    return cut(index, source, begin, end, state, sink,
               [&](std::string_view text, size_t from, Pattern::Match &match) {
                 return findDigits(text, from, step.each, match);
               });
  case Kind::Metaspace:
    return cutBySpaces(index, source, begin, end, state, sink);
  case Kind::ByteLevel:
    if (step.prepend == Prepend::Always && source.text()[begin] != ' ') {
      TextEditor editor(source.text().substr(begin, end - begin));
      editor.replace(0, " ");
      editor.keepTo(end - begin);
      SourceText changed(source, begin, std::move(editor.text),
                         std::move(editor.edits));
      // With its space the piece comes back here.
      return runStep(index, changed, 0, changed.text().size(), state, sink);
    }
    if (!step.pattern)
      return runStep(index + 1, source, begin, end, state, sink);
    break;
  }
  return cut(index, source, begin, end, state, sink,
             [&](std::string_view text, size_t from, Pattern::Match &match) {
               return step.pattern->find(text, from, state, match);
             });
}

} // namespace lns::tokenizer
