//===- printable_test.cpp - Input that is quoted in messages --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/printable.h"

#include "tools/lns/base/file_kind.h"

#include <gtest/gtest.h>

using namespace lns::tool;

// A name from a file cannot steer the terminal or fill the screen.
TEST(Printable, EscapesAndBounds) {
  EXPECT_EQ(printable("model.norm.weight"), "model.norm.weight");
  EXPECT_EQ(printable("größe 模型"), "größe 模型");
  EXPECT_EQ(printable("a\nb\x1b[31m\x7f"), "a\\x0ab\\x1b[31m\\x7f");
  EXPECT_EQ(printable(std::string_view("\0x", 2)), "\\x00x");
  // Not UTF-8: a lone byte, an overlong form, a surrogate, a cut character, C1.
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(printable("\xe6\xa8"), "\\xe6\\xa8");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(printable(std::string(200, 'x'), 10), "xxxxxxxxxx...");
  EXPECT_EQ(printable("aä", 2), "a...");
}

TEST(Printable, AMessageKeepsBothEnds) {
  std::string longOne = "file: " + std::string(100000, '\n') + "; the remedy";
  std::string bounded = boundedMessage(longOne);
  EXPECT_LE(bounded.size(), 1600u);
  EXPECT_TRUE(bounded.starts_with("file: \\x0a"));
  EXPECT_TRUE(bounded.ends_with("; the remedy"));
  EXPECT_EQ(bounded.find('\n'), std::string::npos);
  EXPECT_EQ(boundedMessage("short; do this"), "short; do this");
}

static std::string kindOf(std::string_view text) {
  return foreignKind(std::as_bytes(std::span(text.data(), text.size())));
}

TEST(ForeignKind, NamesWhatPeopleHandOver) {
  using namespace std::string_view_literals;
  EXPECT_TRUE(kindOf("version https://git-lfs.github.com/spec/v1\noid sha256:0"
                     "\nsize 1\n")
                  .find("git lfs pull") != std::string::npos);
  EXPECT_TRUE(kindOf("PK\3\4\0\0"sv).find("pickle") != std::string::npos);
  EXPECT_TRUE(kindOf("\x80\2}q\0"sv).find("pickle") != std::string::npos);
  EXPECT_TRUE(kindOf("GGUF\3\0\0\0"sv).find("GGUF") != std::string::npos);
  EXPECT_TRUE(kindOf("\x1f\x8b\x08"sv).find("gzip") != std::string::npos);
  EXPECT_TRUE(kindOf("\n<!DOCTYPE html><html>"sv).find("page") !=
              std::string::npos);
  EXPECT_TRUE(kindOf("\xef\xbb\xbf<HTML lang=en>"sv).find("page") !=
              std::string::npos);
  EXPECT_TRUE(kindOf("{\"weight_map\": {}}"sv).find("JSON") !=
              std::string::npos);
  EXPECT_EQ(kindOf(""), "");
  EXPECT_EQ(kindOf("\x88\xd8\x34\x01"sv), "");
  EXPECT_EQ(kindOf("some text"), "");
}
