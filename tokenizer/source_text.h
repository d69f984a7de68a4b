//===- source_text.h - Text made of text ------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_SOURCE_TEXT_H
#define LNS_TOKENIZER_SOURCE_TEXT_H

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lns::tokenizer {

/// Bytes of a text that were replaced: new ones [begin, end) for old ones.
struct Edit {
  size_t begin = 0, end = 0;
  size_t oldBegin = 0, oldEnd = 0;
};

/// A text, and where its bytes come from: from the text of the user, or from a
/// part of another SourceText, with edits. Tokens are found in the last of
/// several texts, and their spans told in the first.
///
/// Bytes outside of edits map to bytes; inside of an edit, the first byte maps
/// to where the old part begins, and so do the others.
class SourceText {
public:
  explicit SourceText(std::string_view text, size_t begin = 0)
      : shown(text), parentBegin(begin) {}
  /// Made of `parent`'s bytes from `begin` on, whose positions edits name
  /// relative to `begin`. `parent` must outlive it.
  SourceText(SourceText &parent, size_t begin, std::string text,
             std::vector<Edit> edits)
      : owned(std::move(text)), shown(owned), parent(&parent),
        parentBegin(begin), edits(std::move(edits)) {}
  SourceText(const SourceText &) = delete;
  SourceText &operator=(const SourceText &) = delete;

  std::string_view text() const { return shown; }

  /// The byte of the user's text that stands for `position`. Positions must not
  /// fall from call to call, which makes all calls together linear.
  size_t toOriginal(size_t position) {
    while (next < edits.size() && edits[next].begin <= position)
      ++next;
    if (next > 0) {
      const Edit &last = edits[next - 1];
      position = position < last.end ? last.oldBegin
                                     : last.oldEnd + (position - last.end);
    }
    position += parentBegin;
    return parent ? parent->toOriginal(position) : position;
  }
  /// The same for calls in any order, by a search.
  size_t findOriginal(size_t position) const {
    auto after = std::upper_bound(
        edits.begin(), edits.end(), position,
        [](size_t place, const Edit &edit) { return place < edit.begin; });
    if (after != edits.begin()) {
      const Edit &last = *std::prev(after);
      position = position < last.end ? last.oldBegin
                                     : last.oldEnd + (position - last.end);
    }
    position += parentBegin;
    return parent ? parent->findOriginal(position) : position;
  }

private:
  std::string owned;
  std::string_view shown;
  SourceText *parent = nullptr;
  size_t parentBegin = 0;
  std::vector<Edit> edits;
  size_t next = 0; ///< the first edit behind the last position
};

/// Writes an edited copy of a text.
class TextEditor {
public:
  explicit TextEditor(std::string_view old) : old(old) {}

  /// Takes over everything before `position` that was not yet.
  void keepTo(size_t position) {
    text.append(old.substr(taken, position - taken));
    taken = position;
  }
  /// Takes `with` for the next `count` bytes.
  void replace(size_t count, std::string_view with) {
    edits.push_back(
        {text.size(), text.size() + with.size(), taken, taken + count});
    text.append(with);
    taken += count;
  }
  bool changed() const { return !edits.empty(); }

  std::string text;
  std::vector<Edit> edits;

private:
  std::string_view old;
  size_t taken = 0;
};

} // namespace lns::tokenizer

#endif // LNS_TOKENIZER_SOURCE_TEXT_H
