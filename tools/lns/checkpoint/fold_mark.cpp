//===- fold_mark.cpp - Files whose gains hold a depth scale ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/fold_mark.h"

#include "tools/lns/base/json_text.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/families.h"
#include "tools/lns/checkpoint/schemes.h"

#include <charconv>
#include <cmath>
#include <fmt/format.h>

namespace lns::tool {

static constexpr int markVersion = 1;
static constexpr std::string_view layerHole = "{layer}";

nlohmann::json toJson(const FoldMark &mark) {
  return {{"norm", mark.norm}, {"folded", true}, {"version", markVersion}};
}

static std::string shown(const nlohmann::json &value) {
  return printable(
      value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), 80);
}

static Expected<FoldMark> parseMark(const nlohmann::json &json,
                                    const std::string &place) {
  auto wrong = [&](const char *key, std::string_view wanted) {
    return Status::failure(fmt::format(
        "{}: {}.{} is {}, but must be {}; restore the file as it was exported",
        place, markKey, key,
        json.is_object() && json.contains(key) ? shown(json[key]) : "absent",
        wanted));
  };
  if (!json.is_object())
    return Status::failure(
        fmt::format("{}: {} is {}, but must be an object; restore the file as "
                    "it was exported",
                    place, markKey, shown(json)));
  // First: what else a later version says is not known here.
  if (!json.contains("version") || !json["version"].is_number_integer())
    return wrong("version", "a number");
  if (json["version"] != markVersion)
    return Status::failure(
        fmt::format("{}: {}.version is {}, this lns reads {}; use a newer one",
                    place, markKey, shown(json["version"]), markVersion));
  if (!json.contains("folded") || json["folded"] != nlohmann::json(true))
    return wrong("folded", "true");
  if (!json.contains("norm") || !json["norm"].is_string() ||
      !findScheme(SchemeText(json["norm"].get<std::string>()).name))
    return wrong("norm", "a scheme that this lns knows");
  for (const auto &[key, value] : json.items())
    if (key != "version" && key != "folded" && key != "norm")
      return Status::failure(fmt::format(
          "{}: {}.{} is unknown; restore the file as it was exported", place,
          markKey, printable(key, 80)));
  return FoldMark{json["norm"].get<std::string>()};
}

Expected<std::optional<FoldMark>> readMark(const nlohmann::json &config,
                                           const std::string &place) {
  if (!config.is_object() || !config.contains(markKey))
    return std::optional<FoldMark>();
  auto type = config.find("model_type");
  bool isOwn = type != config.end() && type->is_string() &&
               type->get<std::string>().starts_with(ownPrefix);
  const nlohmann::json &json = config[markKey];
  if (isOwn) {
    if (json.is_object() && json.contains("folded"))
      return Status::failure(fmt::format(
          "{}: model_type {} is that of a model that is not folded, and {} "
          "says that it is; restore the file as it was written",
          place, shown(*type), markKey));
    return std::optional<FoldMark>(); // the scheme, not a mark
  }
  Expected<FoldMark> mark = parseMark(json, place);
  if (!mark)
    return mark.status();
  return std::optional<FoldMark>(std::move(*mark));
}

Expected<std::optional<FoldMark>>
readMetadataMark(const std::optional<std::string> &text,
                 const std::string &place) {
  if (!text)
    return std::optional<FoldMark>();
  Expected<FoldMark> mark =
      parseMark(parseJson(*text), place + ", in its metadata");
  if (!mark)
    return mark.status();
  return std::optional<FoldMark>(std::move(*mark));
}

//===----------------------------------------------------------------------===//
// Gains
//===----------------------------------------------------------------------===//

ScaledNorms::ScaledNorms(std::string_view identity) {
  size_t begin = identity.find("\ngraph:\n");
  if (begin == identity.npos)
    return;
  identity.remove_prefix(begin + 1);
  while (!identity.empty()) {
    size_t end = std::min(identity.find('\n'), identity.size());
    std::string_view line = identity.substr(0, end);
    identity.remove_prefix(std::min(end + 1, identity.size()));
    // %0 = norm(h0, "NAME.weight", -) depth_scale=inv_sqrt_depth ...
    size_t open = line.find(" = norm("), close = line.find(')');
    if (open == line.npos || close == line.npos ||
        line.find(" depth_scale=inv_sqrt_depth") == line.npos)
      continue;
    std::string_view operands = line.substr(open, close - open);
    size_t found = names.size();
    while (operands.find('"') != operands.npos) {
      operands.remove_prefix(operands.find('"') + 1);
      size_t length = std::min(operands.find('"'), operands.size());
      names.emplace_back(operands.substr(0, length));
      operands.remove_prefix(std::min(length + 1, operands.size()));
    }
    bare |= names.size() == found;
  }
}

std::optional<uint64_t> ScaledNorms::block(std::string_view name) const {
  for (const std::string &pattern : names) {
    size_t hole = pattern.find(layerHole);
    if (hole == pattern.npos)
      continue;
    std::string_view before = std::string_view(pattern).substr(0, hole);
    std::string_view behind =
        std::string_view(pattern).substr(hole + layerHole.size());
    if (name.size() <= before.size() + behind.size() ||
        !name.starts_with(before) || !name.ends_with(behind))
      continue;
    const char *first = name.data() + before.size();
    const char *last = name.data() + name.size() - behind.size();
    uint64_t layer = 0;
    auto [stop, error] = std::from_chars(first, last, layer);
    if (error == std::errc() && stop == last && layer < (uint64_t{1} << 32))
      return layer + 1;
  }
  return std::nullopt;
}

float unfoldGain(float folded, uint64_t block) {
  return static_cast<float>(static_cast<double>(folded) *
                            std::sqrt(static_cast<double>(block)));
}

} // namespace lns::tool
