//===- json_text.cpp - JSON from untrusted text ---------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/json_text.h"

namespace lns::tool {

nlohmann::json parseJson(const std::string &text) {
  constexpr int maxDepth = 32;
  using Event = nlohmann::json::parse_event_t;
  bool isDeep = false;
  auto watch = [&](int depth, Event, nlohmann::json &) {
    isDeep |= depth > maxDepth;
    return !isDeep;
  };
  nlohmann::json json = nlohmann::json::parse(text, watch, false);
  return isDeep ? nlohmann::json(nlohmann::json::value_t::discarded) : json;
}

} // namespace lns::tool
