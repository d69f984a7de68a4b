//===- bible_text_test.cpp - LZW and bible.data ---------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/bible_text.h"

#include "test_files.h"

#include <span>

using namespace lns::tool;

namespace {
/// Packs codes as compress(1) does while all have `width` bits.
std::string packCodes(const std::vector<uint32_t> &codes, int width) {
  std::string out((codes.size() * static_cast<size_t>(width) + 7) / 8, '\0');
  size_t bit = 0;
  for (uint32_t code : codes)
    for (int i = 0; i < width; ++i, ++bit)
      if (code >> i & 1)
        out[bit / 8] = static_cast<char>(out[bit / 8] | 1 << (bit % 8));
  return out;
}

std::span<const std::byte> view(const std::string &text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

Expected<std::string> decode(const std::vector<uint32_t> &codes,
                             size_t maxOutput = 1000) {
  return decodeLzw(view(packCodes(codes, 9)), 16, maxOutput);
}

std::string word(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift);
  return out;
}

/// A bible.data of these windows, all of at most `windowBytes`.
std::string makeBible(const std::vector<std::string> &windows,
                      uint32_t windowBytes) {
  std::string out = "EC02Compressed Data File";
  out.resize(84);
  out += word(windowBytes) + word(static_cast<uint32_t>(windows.size()));
  uint32_t at = static_cast<uint32_t>(92 + 4 * (windows.size() + 1) + 3);
  for (const std::string &window : windows) {
    out += word(at);
    at += static_cast<uint32_t>(window.size());
  }
  out += word(at) + "\x1f\x9d\x90";
  for (const std::string &window : windows)
    out += window;
  return out;
}
} // namespace

TEST(Lzw, DecodesStringsOfTheTable) {
  // 257 = "ab", 258 = "ba"; 259 is used by the very step that defines it.
  EXPECT_EQ(*decode({'a', 'b', 257, 257 + 2}), "abababa");
  EXPECT_EQ(*decode({}), "");
}

TEST(Lzw, ForgetsTheTableAtAClearCode) {
  // A clear ends its group of eight codes; the rest is padding.
  std::vector<uint32_t> codes = {'a', 'b', 257, 256, 0, 0, 0, 0, 'c', 'd', 257};
  EXPECT_EQ(*decode(codes), "ababcdcd");
}

TEST(Lzw, RefusesWhatNoEncoderWrites) {
  EXPECT_TRUE(failsWith(decode({300}).status(), "not a character"));
  EXPECT_TRUE(failsWith(decode({'a', 259}).status(), "259 is not defined"));
  EXPECT_TRUE(failsWith(decode({'a', 256, 0, 0, 0, 0, 0, 0, 300}).status(),
                        "300 follows a clear code"));
  EXPECT_TRUE(failsWith(decode({'a', 'b', 257}, 3).status(), "more text"));
  EXPECT_TRUE(failsWith(decodeLzw({}, 17, 10).status(), "9 to 16 bits"));
}

TEST(BibleData, JoinsWindows) {
  std::string file =
      makeBible({packCodes({'a', 'b'}, 9), packCodes({'c'}, 9)}, 2);
  auto text = decodeBibleData("bible.data", view(file));
  ASSERT_TRUE(text) << text.status().message();
  EXPECT_EQ(*text, "abc");
}

TEST(BibleData, DamageIsFound) {
  auto decodeFile = [](const std::string &file) {
    return decodeBibleData("bible.data", view(file)).status();
  };
  std::string good = makeBible({packCodes({'a', 'b'}, 9)}, 2);
  EXPECT_TRUE(decodeFile(good).ok());
  EXPECT_TRUE(failsWith(decodeFile("EC02"), "not a text file of the package"));
  EXPECT_TRUE(failsWith(decodeFile(good.substr(0, 95)), "do not fit"));
  EXPECT_TRUE(failsWith(decodeFile(good.substr(0, good.size() - 1)),
                        "window 0 lies at 103 to 106"));
  std::string header = good;
  header[100] = 'x';
  EXPECT_TRUE(failsWith(decodeFile(header), "unknown header"));
  std::string count = good;
  count[88] = '\x7f';
  EXPECT_TRUE(failsWith(decodeFile(count), "do not fit"));
  std::string code = makeBible({packCodes({300}, 9)}, 2);
  EXPECT_TRUE(failsWith(decodeFile(code), "window 0: the first code"));
}

TEST(BibleBooks, LoseTheirReferences) {
  auto books = splitBibleBooks("bible.data", "The title.  Textfile 930105.\n"
                                             "Ge1:1 In the beginning\n"
                                             "Ge1:2 And the earth\n"
                                             "Ge2:1 Thus the heavens\n"
                                             "1Sam1:1 Now there: was\n");
  ASSERT_TRUE(books) << books.status().message();
  ASSERT_EQ(books->size(), 2u);
  EXPECT_EQ((*books)[0].text,
            "In the beginning\nAnd the earth\n\nThus the heavens\n");
  EXPECT_EQ((*books)[1].name, "1Sam");
  EXPECT_EQ((*books)[1].text, "Now there: was\n");
  EXPECT_TRUE(
      failsWith(splitBibleBooks("bible.data", "Title\nno verse\n").status(),
                "line 2 of the text is not a verse"));
}
