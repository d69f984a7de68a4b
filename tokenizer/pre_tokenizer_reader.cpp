//===- pre_tokenizer_reader.cpp - pre_tokenizer of a file -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/unicode.h"

#include <fmt/format.h>

namespace lns::tokenizer {

Result<PreTokenizer> PreTokenizer::read(const Node &node) {
  PreTokenizer made;
  if (!node.isNull())
    LNS_TOKENIZER_TRY(made.add(node, 0));
  return made;
}

MaybeError PreTokenizer::add(const Node &node, size_t depth) {
  Result<std::string> type = node.type();
  if (!type)
    return type.error();
  if (bytes)
    return node.fail(fmt::format("{} behind ByteLevel would see symbols of "
                                 "bytes in place of the text; ByteLevel must "
                                 "be last",
                                 quote(*type)));
  if (*type == "ByteLevel")
    return addByteLevel(node);
  if (*type == "Split")
    return addSplit(node);
  if (*type == "Metaspace")
    return addMetaspace(node);
  if (*type == "Digits") {
    LNS_TOKENIZER_TRY(node.onlyKeys({"type", "individual_digits"}));
    Result<bool> each = node.flag("individual_digits", false);
    if (!each)
      return each.error();
    steps.push_back({Kind::Digits});
    steps.back().each = *each;
    return std::nullopt;
  }
  if (*type == "Sequence" && depth == 0) {
    Result<std::vector<Node>> parts =
        node.sequence("pretokenizers", "pre-tokenizers");
    if (!parts)
      return parts.error();
    // Each runs inside of the one before.
    for (const Node &part : *parts)
      LNS_TOKENIZER_TRY(add(part, depth + 1));
    return std::nullopt;
  }
  return node.get("type").fail(
      fmt::format("the pre-tokenizer {} is not supported{}, only ByteLevel, "
                  "Split, Digits, Metaspace, and one Sequence of these",
                  quote(*type), *type == "Sequence" ? " in a Sequence" : ""));
}

MaybeError PreTokenizer::addByteLevel(const Node &node) {
  LNS_TOKENIZER_TRY(
      node.onlyKeys({"type", "add_prefix_space", "trim_offsets", "use_regex"}));
  if (node.get("add_prefix_space").isNull())
    return node.get("add_prefix_space").fail("is missing");
  Result<bool> space = node.flag("add_prefix_space", true);
  Result<bool> trim = node.flag("trim_offsets", true);
  Result<bool> regex = node.flag("use_regex", true);
  if (!space || !trim || !regex)
    return !space ? space.error() : !trim ? trim.error() : regex.error();
  steps.push_back({Kind::ByteLevel});
  steps.back().prepend = *space ? Prepend::Always : Prepend::Never;
  if (*regex)
    steps.back().pattern = *Pattern::compile(Pattern::gpt2());
  bytes = true;
  return std::nullopt;
}

MaybeError PreTokenizer::addSplit(const Node &node) {
  LNS_TOKENIZER_TRY(node.onlyKeys({"type", "pattern", "behavior", "invert"}));
  Node pattern = node.get("pattern");
  LNS_TOKENIZER_TRY(pattern.onlyKeys({"String", "Regex"}));
  Result<std::string> behavior = node.text("behavior");
  Result<bool> invert = node.flag("invert", false);
  if (!behavior || !invert)
    return !behavior ? behavior.error() : invert.error();
  steps.push_back({Kind::Split});
  Step &step = steps.back();
  // Isolated keeps matches and what is between them, whichever is which.
  step.matchesOnly = *behavior == "Removed" && *invert;
  if (*behavior != "Isolated" && !step.matchesOnly)
    return node.get("behavior")
        .fail(fmt::format("{}{} is not supported, only Isolated, and Removed "
                          "with invert",
                          quote(*behavior), *invert ? "" : " without invert"));
  if (pattern->size() != 1)
    return pattern.fail("needs one of String and Regex");
  if (pattern->contains("String")) {
    Result<std::string> text = pattern.text("String");
    if (!text)
      return text.error();
    if (text->empty())
      return pattern.get("String").fail("the empty text splits nothing off");
    step.literal = *text;
    return std::nullopt;
  }
  Result<std::string> text = pattern.text("Regex");
  if (!text)
    return text.error();
  Result<Pattern> compiled = Pattern::compile(*text);
  if (!compiled)
    return pattern.get("Regex").fail(quote(*text) + " " +
                                     compiled.error().message);
  step.pattern = std::move(*compiled);
  return std::nullopt;
}

MaybeError PreTokenizer::addMetaspace(const Node &node) {
  LNS_TOKENIZER_TRY(node.onlyKeys({"type", "replacement", "prepend_scheme",
                                   "split", "add_prefix_space", "str_rep"}));
  Result<std::string> sign = node.text("replacement");
  Result<bool> split = node.flag("split", true);
  if (!sign || !split)
    return !sign ? sign.error() : split.error();
  if (sign->empty() || decodeCharacter(*sign, 0).bytes != sign->size())
    return node.get("replacement").fail(quote(*sign) + " is not one character");
  Result<std::string> scheme = std::string("always");
  // As files had it before there were schemes.
  if (!node.get("add_prefix_space").isNull()) {
    Result<bool> space = node.flag("add_prefix_space", true);
    if (!space)
      return space.error();
    if (!*space)
      scheme = std::string("never");
    if (!*space && !node.get("prepend_scheme").isNull() &&
        *node.get("prepend_scheme") != "never")
      return node.fail("add_prefix_space is false, and prepend_scheme is not "
                       "'never'; remove one of them");
  }
  if (!node.get("prepend_scheme").isNull())
    scheme = node.text("prepend_scheme");
  if (!scheme)
    return scheme.error();
  if (*scheme != "always" && *scheme != "first" && *scheme != "never")
    return node.get("prepend_scheme")
        .fail(quote(*scheme) + " is none of always, first, never");
  steps.push_back({Kind::Metaspace});
  Step &step = steps.back();
  step.literal = *sign;
  step.each = *split;
  step.prepend = *scheme == "always"  ? Prepend::Always
                 : *scheme == "first" ? Prepend::First
                                      : Prepend::Never;
  return std::nullopt;
}

} // namespace lns::tokenizer
