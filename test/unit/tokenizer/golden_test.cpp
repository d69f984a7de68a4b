//===- golden_test.cpp - Tokens as the library has them -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/tokenizer.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <nlohmann/json.hpp>

using namespace lns::tokenizer;
namespace fs = std::filesystem;

namespace {
/// Folders with `tokenizer.json` and `golden.json`, which make_goldens.py
/// writes. Others than those of this tree are tested when the variable
/// LNS_TOKENIZER_GOLDENS names the folder that holds them.
fs::path goldenFolder() {
  const char *other = std::getenv("LNS_TOKENIZER_GOLDENS");
  return other ? other : LNS_TEST_DIR "/golden/tokenizers";
}

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto &entry : fs::directory_iterator(goldenFolder()))
    if (fs::exists(entry.path() / "tokenizer.json"))
      found.push_back(entry.path().filename().string());
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<uint32_t> numbers(const nlohmann::json &json) {
  return json.get<std::vector<uint32_t>>();
}

class Golden : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    fs::path folder = goldenFolder() / GetParam();
    Result<Tokenizer> loaded =
        Tokenizer::load((folder / "tokenizer.json").string());
    ASSERT_TRUE(loaded) << loaded.error().message;
    tokenizer.emplace(std::move(*loaded));
    std::ifstream file(folder / "golden.json");
    golden = nlohmann::json::parse(file, nullptr, false);
    ASSERT_TRUE(golden.is_array());
  }

  std::optional<Tokenizer> tokenizer;
  nlohmann::json golden;
};
} // namespace

TEST_P(Golden, IdsSpansAndText) {
  // One encoder for all: what it remembers must not show.
  Encoder encoder(*tokenizer);
  size_t wrong = 0;
  for (const nlohmann::json &entry : golden) {
    auto text = entry["text"].get<std::string>();
    Encoding encoding;
    MaybeError error = encoder.encode(text, {}, encoding);
    ASSERT_FALSE(error) << error->message;
    std::vector<uint32_t> spans;
    for (Span span : encoding.spans) {
      spans.push_back(span.begin);
      spans.push_back(span.end);
    }
    EXPECT_EQ(encoding.ids, numbers(entry["ids"]))
        << testing::PrintToString(text);
    if (encoding.ids == numbers(entry["ids"])) {
      EXPECT_EQ(spans, numbers(entry["spans"])) << testing::PrintToString(text);
    }
    std::vector<uint32_t> ids = numbers(entry["ids"]);
    for (bool skip : {false, true}) {
      Result<std::string> decoded = tokenizer->decode(ids, skip);
      ASSERT_TRUE(decoded) << decoded.error().message;
      EXPECT_EQ(*decoded,
                entry[skip ? "without_special" : "decoded"].get<std::string>())
          << testing::PrintToString(text);
    }
    if (testing::Test::HasFailure() && ++wrong == 10)
      FAIL() << "and perhaps more";
  }
}

INSTANTIATE_TEST_SUITE_P(Files, Golden, testing::ValuesIn(names()),
                         [](const testing::TestParamInfo<std::string> &info) {
                           std::string name = info.param;
                           for (char &c : name)
                             if (!std::isalnum(static_cast<unsigned char>(c)))
                               c = '_';
                           return name;
                         });
