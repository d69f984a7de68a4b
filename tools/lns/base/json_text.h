//===- json_text.h - JSON from untrusted text -------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_JSON_TEXT_H
#define LNS_TOOLS_LNS_BASE_JSON_TEXT_H

#include "tools/lns/base/status.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace lns::tool {

/// Parses a small file of ours. Whatever is no JSON, or nested deeper than any
/// such file is, gives a discarded value, which is no object.
nlohmann::json parseJson(const std::string &text);

/// Parses one value that somebody else wrote for us to act upon. An error for
/// what is no JSON, nested deeper than 32, or has a key twice in one object,
/// since JSON leaves open which one counts. It names no file: the caller does.
Expected<nlohmann::json> parseStrictJson(std::string_view text);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_JSON_TEXT_H
