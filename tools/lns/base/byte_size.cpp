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

namespace {
struct SizeUnit {
  std::string_view name;
  uint64_t bytes;
};
} // namespace

static constexpr SizeUnit units[] = {{"", 1},
                                     {"b", 1},
                                     {"k", 1ull << 10},
                                     {"kib", 1ull << 10},
                                     {"kb", 1000},
                                     {"m", 1ull << 20},
                                     {"mib", 1ull << 20},
                                     {"mb", 1000000},
                                     {"g", 1ull << 30},
                                     {"gib", 1ull << 30},
                                     {"gb", 1000000000},
                                     {"t", 1ull << 40},
                                     {"tib", 1ull << 40},
                                     {"tb", 1000000000000}};
/// A million times the largest unit fits 64 bits.
static constexpr size_t maxFractionDigits = 6;

static std::optional<uint64_t> parseNumber(std::string_view digits) {
  uint64_t number = 0;
  const char *last = digits.data() + digits.size();
  auto [end, error] = std::from_chars(digits.data(), last, number);
  return error == std::errc() && end == last ? std::optional(number)
                                             : std::nullopt;
}

static const SizeUnit *findUnit(std::string_view text) {
  std::string name(text);
  for (char &letter : name)
    letter =
        static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  for (const SizeUnit &unit : units)
    if (unit.name == name)
      return &unit;
  return nullptr;
}

std::optional<uint64_t> parseByteSize(std::string_view text) {
  size_t digits = text.find_first_not_of("0123456789.");
  std::string_view number = text.substr(0, digits);
  const SizeUnit *unit = findUnit(text.substr(number.size()));
  size_t point = number.find('.');
  std::optional<uint64_t> whole = parseNumber(number.substr(0, point)),
                          part = 0;
  uint64_t scale = 1, bytes = 0;
  if (point != number.npos) {
    std::string_view fraction = number.substr(point + 1);
    if (fraction.size() > maxFractionDigits || (unit && unit->bytes == 1))
      return std::nullopt;
    part = parseNumber(fraction);
    for (size_t i = 0; i < fraction.size(); ++i)
      scale *= 10;
  }
  if (!unit || !whole || !part ||
      __builtin_mul_overflow(*whole, unit->bytes, &bytes) ||
      __builtin_add_overflow(bytes, *part * unit->bytes / scale, &bytes))
    return std::nullopt;
  return bytes;
}

} // namespace lns::tool
