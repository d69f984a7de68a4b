//===- TextSetTarget.cpp - The formats of the set 'classic' ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Files of other Debian packages, which lns reads by itself: R's serialization,
// compress(1)'s codes, and the frame that bible-kjv-text puts around those. The
// first byte chooses.
//
//===----------------------------------------------------------------------===//

#include "TinyStore.h"

#include "tools/lns/data/bible_text.h"
#include "tools/lns/data/r_data.h"

using namespace lns;

static std::string word(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes += char(value >> shift & 255);
  return bytes;
}

static std::string text(const std::string &value) {
  return word(9) + word(uint32_t(value.size())) + value;
}

/// list(a = c("x", "yz"), b = 1:2), as R writes it.
static std::string rValue() {
  std::string names = word(16) + word(2) + text("a") + text("b");
  return "X\n" + word(2) + word(0x40000) + word(0x20300) + word(19 | 0x200) +
         word(2) + (word(16) + word(2) + text("x") + text("yz")) +
         (word(13) + word(2) + word(1) + word(2)) + word(2 | 0x400) + word(1) +
         text("names") + names + word(254);
}

/// 9 bits each, lowest first: "ab", then the pair again, as code 257.
static std::string lzwCodes() {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (uint32_t code : {97u, 98u, 257u, 10u, 259u}) {
    bits |= code << count;
    for (count += 9; count >= 8; count -= 8, bits >>= 8)
      bytes += char(bits & 255);
  }
  return bytes + char(bits);
}

static std::string bible() {
  std::string codes = lzwCodes();
  std::string header = "EC02Compressed Data File";
  header.resize(84);
  uint32_t at = 92 + 2 * 4 + 3;
  return header + word(100) + word(1) + word(at) +
         word(at + uint32_t(codes.size())) + "\x1f\x9d\x90" + codes;
}

static std::vector<std::string> seeds() {
  return {"r" + rValue(), "z" + lzwCodes(), "b" + bible(),
          "vTitle\nGe1:1 In the beginning\nGe1:2 And\nEx1:1 Now\n"};
}

static void run(std::string_view bytes) {
  if (bytes.empty())
    return;
  auto rest = std::as_bytes(std::span(bytes.data(), bytes.size())).subspan(1);
  auto check = [](const auto &result) {
    if (!result)
      fuzz::requireError(result.status());
  };
  switch (bytes[0]) {
  case 'r':
    return check(tool::parseRSerialization(rest));
  case 'z':
    return check(tool::decodeLzw(rest, 16, 1 << 16));
  case 'b':
    return check(tool::decodeBibleData("bible.data", rest));
  default:
    return check(
        tool::splitBibleBooks("bible.data", std::string(bytes.substr(1))));
  }
}

static const fuzz::RegisterTarget registered({"textset", seeds, run});
