//===- json_text.h - JSON from untrusted text -------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_JSON_TEXT_H
#define LNS_TOOLS_LNS_BASE_JSON_TEXT_H

#include <nlohmann/json.hpp>
#include <string>

namespace lns::tool {

/// Parses a small file of ours. Whatever is no JSON, or nested deeper than any
/// such file is, gives a discarded value, which is no object.
nlohmann::json parseJson(const std::string &text);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_JSON_TEXT_H
