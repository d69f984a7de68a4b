//===- post_processor.cpp - Tokens around a text --------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/post_processor.h"

#include <fmt/format.h>

namespace lns::tokenizer {

namespace {
using FindId = std::function<std::optional<uint32_t>(std::string_view)>;

class Reader {
public:
  explicit Reader(const FindId &idOf) : idOf(idOf) {}

  MaybeError read(const Node &node, size_t depth) {
    Result<std::string> type = node.type();
    if (!type)
      return type.error();
    // Changes offsets only, which count here without being trimmed.
    if (*type == "ByteLevel")
      return node.onlyKeys(
          {"type", "add_prefix_space", "trim_offsets", "use_regex"});
    if (*type == "TemplateProcessing")
      return readTemplate(node);
    if (*type == "Sequence" && depth == 0) {
      Result<std::vector<Node>> parts =
          node.sequence("processors", "post-processors");
      if (!parts)
        return parts.error();
      for (const Node &part : *parts)
        LNS_TOKENIZER_TRY(read(part, depth + 1));
      return std::nullopt;
    }
    return node.get("type").fail(
        fmt::format("the post-processor {} is not supported{}, only ByteLevel, "
                    "TemplateProcessing, and one Sequence of these",
                    quote(*type), *type == "Sequence" ? " in a Sequence" : ""));
  }

  PostProcessor made;

private:
  MaybeError readTemplate(const Node &node) {
    LNS_TOKENIZER_TRY(
        node.onlyKeys({"type", "single", "pair", "special_tokens"}));
    if (hasTemplate)
      return node.fail("a second TemplateProcessing is not supported");
    hasTemplate = true;
    Node single = node.get("single");
    if (!single->is_array())
      return single.fail("is not a list");
    bool behind = false;
    for (size_t i = 0; i < single->size(); ++i) {
      Node part = single.at(i);
      LNS_TOKENIZER_TRY(part.onlyKeys({"SpecialToken", "Sequence"}));
      if (part->size() != 1)
        return part.fail("needs one of SpecialToken and Sequence");
      bool isText = part->contains("Sequence");
      Node content = part.get(isText ? "Sequence" : "SpecialToken");
      LNS_TOKENIZER_TRY(content.onlyKeys({"id", "type_id"}));
      Result<std::string> name = content.text("id");
      if (!name)
        return name.error();
      if (!isText) {
        LNS_TOKENIZER_TRY(addToken(node.get("special_tokens"), content, *name,
                                   behind ? made.behind : made.before));
        continue;
      }
      if (*name != "A" || behind)
        return content.fail("the text, Sequence A, must be there once");
      behind = true;
    }
    if (!behind)
      return single.fail("the text, Sequence A, is not there");
    return std::nullopt;
  }

  MaybeError addToken(const Node &tokens, const Node &place,
                      const std::string &name, std::vector<uint32_t> &ids) {
    Node token = tokens.get(name.c_str());
    if (token.isNull())
      return place.fail(quote(name) + " is not among special_tokens");
    LNS_TOKENIZER_TRY(token.onlyKeys({"id", "ids", "tokens"}));
    Node list = token.get("ids"), names = token.get("tokens");
    if (!list->is_array() || !names->is_array() ||
        list->size() != names->size())
      return token.fail("needs as many ids as tokens");
    for (size_t i = 0; i < list->size(); ++i) {
      if (!list.at(i)->is_number_unsigned() || !names.at(i)->is_string())
        return token.fail("needs numbers as ids and strings as tokens");
      auto id = list.at(i)->get<uint64_t>();
      auto content = names.at(i)->get<std::string>();
      std::optional<uint32_t> known = idOf(content);
      if (!known || *known != id)
        return list.at(i).fail(fmt::format(
            "{} has the id {} here and {} in the vocabulary", quote(content),
            id, known ? std::to_string(*known) : "none"));
      ids.push_back(*known);
    }
    return std::nullopt;
  }

  const FindId &idOf;
  bool hasTemplate = false;
};
} // namespace

Result<PostProcessor> PostProcessor::read(const Node &node,
                                          const FindId &idOf) {
  Reader reader(idOf);
  if (!node.isNull())
    LNS_TOKENIZER_TRY(reader.read(node, 0));
  return reader.made;
}

} // namespace lns::tokenizer
