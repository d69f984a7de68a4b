//===- encoder.cpp - Text to tokens ---------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/tokenizer.h"
#include "tokenizer/unicode.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

namespace lns::tokenizer {

Result<Encoding> Tokenizer::encode(std::string_view text,
                                   const EncodeOptions &options) const {
  Encoder encoder(*this);
  Encoding encoding;
  if (MaybeError error = encoder.encode(text, options, encoding))
    return *error;
  return encoding;
}

MaybeError Encoder::encode(std::string_view text, const EncodeOptions &options,
                           Encoding &encoding) {
  // Normalizers may make three bytes of one, and positions have 32 bits.
  if (text.size() > std::numeric_limits<uint32_t>::max())
    return Error{fmt::format("the text has {} bytes, at most {} can be "
                             "tokenized at once; give it in parts",
                             text.size(),
                             std::numeric_limits<uint32_t>::max())};
  if (std::optional<size_t> broken = findBrokenUtf8(text))
    return Error{fmt::format("the text is not UTF-8 at byte {}; convert it, "
                             "e.g. with iconv",
                             *broken)};
  chosen = options;
  out = &encoding;
  auto size = static_cast<uint32_t>(text.size());
  if (options.withTemplate)
    for (uint32_t id : tokenizer.postProcessor.before) {
      out->ids.push_back(id);
      out->spans.push_back({0, 0});
    }
  for (size_t from = 0, taken = 0; taken < text.size();) {
    TokenFinder::Found found{text.size(), text.size(), nullptr};
    if (!tokenizer.rawFinder.empty())
      do
        found =
            tokenizer.rawFinder.next(text, from, taken, chosen.specialInText);
      while (found.token && isLiteral(*found.token, from - 1));
    if (found.begin > taken) {
      SourceText source(text.substr(taken, found.begin - taken), taken);
      LNS_TOKENIZER_TRY(normalize(0, source));
    }
    if (found.token) {
      out->ids.push_back(found.token->id);
      out->spans.push_back({static_cast<uint32_t>(found.begin),
                            static_cast<uint32_t>(found.end)});
    }
    taken = found.end;
  }
  if (options.withTemplate)
    for (uint32_t id : tokenizer.postProcessor.behind) {
      out->ids.push_back(id);
      out->spans.push_back({size, size});
    }
  return std::nullopt;
}

/// Whether a token that ends with this byte of the text is text there.
bool Encoder::isLiteral(const AddedToken &token, size_t byte) const {
  if (!token.special)
    return false;
  auto next = std::upper_bound(
      chosen.literal.begin(), chosen.literal.end(), byte,
      [](size_t place, const Span &span) { return place < span.begin; });
  return next != chosen.literal.begin() && byte < std::prev(next)->end;
}

MaybeError Encoder::normalize(size_t step, SourceText &source) {
  if (step == tokenizer.normalizer.size())
    return findNormalized(source);
  TextEditor editor(source.text());
  if (!tokenizer.normalizer.apply(step, editor, source.text()))
    return normalize(step + 1, source);
  SourceText changed(source, 0, std::move(editor.text),
                     std::move(editor.edits));
  return normalize(step + 1, changed);
}

/// Tokens that are looked for in normalized text, and what is between them.
MaybeError Encoder::findNormalized(SourceText &source) {
  std::string_view text = source.text();
  if (tokenizer.normalizedFinder.empty())
    return text.empty() ? std::nullopt : addPieces(source, 0, text.size());
  for (size_t from = 0, taken = 0; taken < text.size();) {
    TokenFinder::Found found;
    do
      found = tokenizer.normalizedFinder.next(text, from, taken,
                                              chosen.specialInText);
    while (found.token && !chosen.literal.empty() &&
           isLiteral(*found.token, source.findOriginal(from - 1)));
    if (found.begin > taken)
      LNS_TOKENIZER_TRY(addPieces(source, taken, found.begin));
    if (found.token) {
      auto begin = static_cast<uint32_t>(source.toOriginal(found.begin));
      auto end = static_cast<uint32_t>(source.toOriginal(found.end));
      out->ids.push_back(found.token->id);
      out->spans.push_back({begin, end});
    }
    taken = found.end;
  }
  return std::nullopt;
}

MaybeError Encoder::addPieces(SourceText &source, size_t begin, size_t end) {
  return tokenizer.preTokenizer.run(
      source, begin, end, matchState,
      [&](SourceText &piece, size_t from, size_t to) -> MaybeError {
        // A replacement may have made it longer than a text may be.
        if (to - from > std::numeric_limits<uint32_t>::max())
          return Error{"the normalized text is too long; give it in parts"};
        bpeState.symbols.clear();
        tokenizer.bpe.tokenize(piece.text().substr(from, to - from), bpeState);
        auto first = static_cast<uint32_t>(piece.toOriginal(from));
        for (const Symbol &symbol : bpeState.symbols) {
          from += symbol.bytes;
          auto next = static_cast<uint32_t>(piece.toOriginal(from));
          out->ids.push_back(symbol.id);
          out->spans.push_back({first, next});
          first = next;
        }
        return std::nullopt;
      });
}

} // namespace lns::tokenizer
