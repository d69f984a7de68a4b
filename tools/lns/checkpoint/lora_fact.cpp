//===- lora_fact.cpp - The adapters of a plan's model ---------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/lora_fact.h"

#include "tools/lns/checkpoint/model_identity.h"

#include <charconv>
#include <cmath>

namespace lns::tool {

static std::vector<std::string> splitAt(std::string_view text, char mark) {
  std::vector<std::string> parts;
  while (true) {
    size_t end = std::min(text.find(mark), text.size());
    parts.emplace_back(text.substr(0, end));
    if (end == text.size())
      return parts;
    text.remove_prefix(end + 1);
  }
}

template <typename Number>
static bool readNumber(std::string_view text, Number &value) {
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<LoraFact> findLora(std::string_view identity) {
  std::optional<std::string> line = findFact(identity, "lora");
  if (!line)
    return std::nullopt;
  LoraFact fact;
  for (std::string_view word : splitAt(*line, ',')) {
    std::string_view key = word.substr(0, word.find('='));
    std::string_view value = word.substr(std::min(key.size() + 1, word.size()));
    if (key == "rank"    ? !readNumber(value, fact.rank)
        : key == "alpha" ? !readNumber(value, fact.alpha)
                         : false)
      return std::nullopt;
    if (key == "targets")
      fact.targets = splitAt(value, ':');
    else if (key == "save")
      fact.save = splitAt(value, ':');
    else if (key == "rslora")
      fact.rslora = true;
  }
  if (fact.rank < 1 || !std::isfinite(fact.alpha) || fact.alpha <= 0 ||
      fact.targets.empty())
    return std::nullopt;
  return fact;
}

double getLoraScale(double alpha, int64_t rank, bool rslora) {
  auto width = static_cast<double>(rank);
  return alpha / (rslora ? std::sqrt(width) : width);
}

bool isModuleNamed(std::string_view module, std::string_view name) {
  if (!module.ends_with(name))
    return false;
  module.remove_suffix(name.size());
  return module.empty() || module.ends_with('.');
}

} // namespace lns::tool
