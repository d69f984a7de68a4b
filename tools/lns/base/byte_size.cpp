//===- byte_size.cpp - Numbers of bytes on a command line -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/byte_size.h"

#include <cctype>
#include <charconv>
#include <string>

namespace lns::tool {

std::optional<uint64_t> parseByteSize(std::string_view text) {
  uint64_t bytes = 0;
  const char *last = text.data() + text.size();
  auto [end, error] = std::from_chars(text.data(), last, bytes);
  if (error != std::errc())
    return std::nullopt;
  std::string unit(end, last);
  for (char &letter : unit)
    letter =
        static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  if (unit.empty() || unit == "b")
    return bytes;
  constexpr std::string_view letters = "kmgt";
  size_t power = letters.find(unit[0]);
  std::string rest = unit.substr(1);
  if (power == letters.npos || (!rest.empty() && rest != "b" && rest != "ib"))
    return std::nullopt;
  for (size_t i = 0; i <= power; ++i)
    if (__builtin_mul_overflow(bytes, rest == "b" ? 1000 : 1024, &bytes))
      return std::nullopt;
  return bytes;
}

} // namespace lns::tool
