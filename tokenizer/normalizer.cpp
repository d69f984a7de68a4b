//===- normalizer.cpp - What is done to a text first ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/normalizer.h"

#include "tokenizer/unicode.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <utf8proc.h>

namespace lns::tokenizer {

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

Result<Normalizer> Normalizer::read(const Node &node) {
  Normalizer normalizer;
  if (!node.isNull())
    LNS_TOKENIZER_TRY(normalizer.add(node, 0));
  return normalizer;
}

MaybeError Normalizer::add(const Node &node, size_t depth) {
  Result<std::string> type = node.type();
  if (!type)
    return type.error();
  if (*type == "NFC") {
    LNS_TOKENIZER_TRY(node.onlyKeys({"type"}));
    steps.push_back({Kind::Nfc, "", ""});
    return std::nullopt;
  }
  if (*type == "Prepend") {
    LNS_TOKENIZER_TRY(node.onlyKeys({"type", "prepend"}));
    Result<std::string> text = node.text("prepend");
    if (!text)
      return text.error();
    steps.push_back({Kind::Prepend, "", *text});
    return std::nullopt;
  }
  if (*type == "Replace") {
    LNS_TOKENIZER_TRY(node.onlyKeys({"type", "pattern", "content"}));
    Node pattern = node.get("pattern");
    LNS_TOKENIZER_TRY(pattern.onlyKeys({"String", "Regex"}));
    if (!pattern.get("Regex").isNull())
      return pattern.fail("a normalizer's Replace of a regular expression is "
                          "not supported, only that of a String");
    Result<std::string> what = pattern.text("String");
    Result<std::string> with = node.text("content");
    if (!what || !with)
      return !what ? what.error() : with.error();
    if (what->empty())
      return pattern.fail("the empty String is everywhere; give another one");
    steps.push_back({Kind::Replace, *what, *with});
    return std::nullopt;
  }
  if (*type == "Sequence" && depth == 0) {
    Result<std::vector<Node>> parts =
        node.sequence("normalizers", "normalizers");
    if (!parts)
      return parts.error();
    for (const Node &part : *parts)
      LNS_TOKENIZER_TRY(add(part, depth + 1));
    return std::nullopt;
  }
  return node.get("type").fail(
      fmt::format("the normalizer {} is not supported{}, only NFC, Prepend, "
                  "Replace of a String, and one Sequence of these",
                  quote(*type), *type == "Sequence" ? " in a Sequence" : ""));
}

//===----------------------------------------------------------------------===//
// Applying
//===----------------------------------------------------------------------===//

void replaceAll(TextEditor &editor, std::string_view text,
                std::string_view what, std::string_view with) {
  for (size_t at = 0; at < text.size();) {
    // Linear, which std::string_view::find is not.
    const void *found =
        ::memmem(text.data() + at, text.size() - at, what.data(), what.size());
    if (!found)
      break;
    at = static_cast<size_t>(static_cast<const char *>(found) - text.data());
    editor.keepTo(at);
    editor.replace(what.size(), with);
    at += what.size();
  }
  editor.keepTo(text.size());
}

std::string replaceAll(std::string_view text, std::string_view what,
                       std::string_view with) {
  TextEditor editor(text);
  replaceAll(editor, text, what, with);
  return std::move(editor.text);
}

bool Normalizer::apply(size_t step, TextEditor &editor,
                       std::string_view text) const {
  const Step &own = steps[step];
  switch (own.kind) {
  case Kind::Nfc:
    composeText(editor, text);
    break;
  case Kind::Prepend:
    if (!text.empty())
      editor.replace(0, own.with);
    editor.keepTo(text.size());
    break;
  case Kind::Replace:
    replaceAll(editor, text, own.what, own.with);
    break;
  }
  return editor.changed();
}

std::string Normalizer::normalize(std::string_view text) const {
  std::string current(text);
  for (size_t i = 0; i < steps.size(); ++i) {
    TextEditor editor(current);
    if (apply(i, editor, current))
      current = std::move(editor.text);
  }
  return current;
}

//===----------------------------------------------------------------------===//
// NFC
//===----------------------------------------------------------------------===//

/// Whether a character may become one with those before it, or change places
/// with them.
static bool joinsLast(uint32_t code) {
  if (code < 0x300)
    return false;
  if (code >= 0x1160 && code <= 0x11FF) // Hangul's vowels and final consonants
    return true;
  const utf8proc_property_t *property =
      utf8proc_get_property(static_cast<utf8proc_int32_t>(code));
  return property->combining_class != 0 ||
         property->category == UTF8PROC_CATEGORY_MN ||
         property->category == UTF8PROC_CATEGORY_MC ||
         property->category == UTF8PROC_CATEGORY_ME;
}

static int combiningClass(utf8proc_int32_t code) {
  return utf8proc_get_property(code)->combining_class;
}

/// Sorts every run of marks by their class, and else leaves their order.
/// utf8proc's own ordering takes steps with the square of their number.
static void orderMarks(std::vector<utf8proc_int32_t> &codes) {
  // Class, place and character in one number.
  std::vector<uint64_t> run;
  for (size_t begin = 0; begin < codes.size();) {
    size_t end = begin;
    run.clear();
    for (; end < codes.size(); ++end) {
      auto order = static_cast<uint64_t>(combiningClass(codes[end]));
      if (order == 0)
        break;
      run.push_back(order << 56 | uint64_t{end - begin} << 21 |
                    static_cast<uint64_t>(codes[end]));
    }
    std::sort(run.begin(), run.end());
    for (size_t i = 0; i < run.size(); ++i)
      codes[begin + i] = static_cast<utf8proc_int32_t>(run[i] & 0x1FFFFF);
    begin = end + 1;
  }
}

/// NFC of a few characters.
static std::string compose(std::string_view text) {
  std::vector<utf8proc_int32_t> codes;
  for (size_t at = 0; at < text.size();) {
    Character character = decodeCharacter(text, at);
    at += character.bytes;
    utf8proc_int32_t parts[32];
    int lastClass = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(character.code), parts, 32,
        static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE),
        &lastClass);
    if (count <= 0 || count > 32)
      codes.push_back(static_cast<utf8proc_int32_t>(character.code));
    else
      codes.insert(codes.end(), parts, parts + count);
  }
  orderMarks(codes);
  utf8proc_ssize_t count = utf8proc_normalize_utf32(
      codes.data(), static_cast<utf8proc_ssize_t>(codes.size()),
      static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  std::string out;
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    appendCharacter(out, static_cast<uint32_t>(codes[static_cast<size_t>(i)]));
  return out;
}

void composeText(TextEditor &editor, std::string_view text) {
  auto isAscii = [&](size_t at) {
    return at >= text.size() || static_cast<unsigned char>(text[at]) < 0x80;
  };
  for (size_t at = 0; at < text.size();) {
    uint64_t word;
    if (text.size() - at >= sizeof word) {
      std::memcpy(&word, text.data() + at, sizeof word);
      if ((word & 0x8080808080808080) == 0) {
        // The last one may have a mark behind it.
        at += sizeof word - 1;
        continue;
      }
    }
    if (isAscii(at) && isAscii(at + 1)) {
      ++at;
      continue;
    }
    size_t end = at + decodeCharacter(text, at).bytes;
    while (end < text.size()) {
      Character next = decodeCharacter(text, end);
      if (!joinsLast(next.code))
        break;
      end += next.bytes;
    }
    std::string_view part = text.substr(at, end - at);
    std::string composed = compose(part);
    if (composed != part) {
      editor.keepTo(at);
      editor.replace(part.size(), composed);
    }
    at = end;
  }
  if (editor.changed())
    editor.keepTo(text.size());
}

} // namespace lns::tokenizer
