//===- r_data_test.cpp - R serialization and lazy-load databases ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/r_data.h"

#include "test_files.h"

#include <zlib.h>

using namespace lns::tool;

namespace {
std::string word(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift);
  return out;
}

std::string text(const std::string &value) {
  return word(0x40009) + word(static_cast<uint32_t>(value.size())) + value;
}

std::string strings(const std::vector<std::string> &values,
                    uint32_t flags = 0) {
  std::string out =
      word(16 | flags) + word(static_cast<uint32_t>(values.size()));
  for (const std::string &value : values)
    out += text(value);
  return out;
}

std::string integers(const std::vector<int32_t> &values) {
  std::string out = word(13) + word(static_cast<uint32_t>(values.size()));
  for (int32_t value : values)
    out += word(static_cast<uint32_t>(value));
  return out;
}

/// The attribute list that names the elements; the symbol is new or a
/// reference to the first symbol.
std::string names(const std::vector<std::string> &values, bool reference) {
  return word(0x402) + (reference ? word(0x1ff) : word(1) + text("names")) +
         strings(values) + word(254);
}

std::string document(const std::string &value) {
  return "X\n" + word(3) + word(0x40200) + word(0x30500) + word(5) + "UTF-8" +
         value;
}

std::string compressed(const std::string &bytes) {
  uLongf size = compressBound(bytes.size());
  std::string out(size, '\0');
  compress(reinterpret_cast<Bytef *>(out.data()), &size,
           reinterpret_cast<const Bytef *>(bytes.data()), bytes.size());
  out.resize(size);
  return out;
}

Expected<RValue> parse(const std::string &bytes) {
  return parseRSerialization(
      std::as_bytes(std::span<const char>(bytes.data(), bytes.size())));
}

class LazyLoad : public ::testing::Test {
protected:
  /// A database with one variable "emma".
  void write(const std::string &value, int32_t compression = 1,
             int32_t extraLength = 0) {
    std::string data = word(0) + compressed(document(value));
    std::string index = document(
        word(0x213) + word(2) + word(0x213) + word(1) +
        integers({0, static_cast<int32_t>(data.size()) + extraLength}) +
        names({"emma"}, false) + word(10) + word(1) +
        word(static_cast<uint32_t>(compression)) +
        names({"variables", "compressed"}, true));
    writeBytes(folder / "R.rdb", data);
    writeBytes(folder / "R.rdx", compressed(index));
  }
  TempFolder folder;
};
} // namespace

TEST(RSerialization, Strings) {
  auto value = parse(document(strings({"EMMA", "", "by"})));
  ASSERT_TRUE(value) << value.status().message();
  EXPECT_EQ(value->strings, (std::vector<std::string>{"EMMA", "", "by"}));
  // NA is an empty line.
  auto missing = parse(document(word(16) + word(1) + word(9) + word(~0u)));
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->strings, std::vector<std::string>{""});
}

TEST(RSerialization, DamageIsFound) {
  std::string good = document(strings({"EMMA"}));
  // Every prefix is an error, none a crash.
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse(good.substr(0, size))) << size;
  EXPECT_TRUE(failsWith(parse("A\n").status(), "not a binary R"));
  EXPECT_TRUE(failsWith(parse("X\n" + word(9) + word(0) + word(0)).status(),
                        "version 9"));
  EXPECT_TRUE(failsWith(parse(document(word(3))).status(), "R type 3"));
  // A length that the file cannot hold is refused before it is allocated.
  EXPECT_TRUE(failsWith(parse(document(word(16) + word(0x7fffffff))).status(),
                        "truncated"));
  std::string deep;
  for (int i = 0; i < 100; ++i)
    deep += word(19) + word(1);
  EXPECT_TRUE(failsWith(parse(document(deep + strings({}))).status(),
                        "nested too deeply"));
  EXPECT_TRUE(
      failsWith(parse(document(strings({}, 0x200) + names({}, true))).status(),
                "symbol that does not exist"));
}

TEST_F(LazyLoad, ReadsCharacterVectors) {
  write(strings({"a", "b"}));
  auto values = readLazyLoadStrings(folder / "R");
  ASSERT_TRUE(values) << values.status().message();
  ASSERT_EQ(values->size(), 1u);
  EXPECT_EQ(values->at("emma"), (std::vector<std::string>{"a", "b"}));
}

TEST_F(LazyLoad, DamageIsFound) {
  auto read = [&] { return readLazyLoadStrings(folder / "R").status(); };
  EXPECT_TRUE(failsWith(read(), "R.rdx: cannot open"));
  write(strings({"a"}), 3);
  EXPECT_TRUE(failsWith(read(), "compression type 3 is not zlib"));
  write(strings({"a"}), 1, 1);
  EXPECT_TRUE(failsWith(read(), "'emma' lies outside of the file"));
  write(integers({1}));
  EXPECT_TRUE(failsWith(read(), "'emma' is not a character vector"));
  write(strings({"a"}), 1, -2);
  EXPECT_TRUE(failsWith(read(), "'emma': the compressed data is damaged"));
  writeBytes(folder / "R.rdx", compressed(document(strings({"x"}))));
  EXPECT_TRUE(failsWith(read(), "not the index of a lazy-load database"));
  writeBytes(folder / "R.rdx", "no zlib");
  EXPECT_TRUE(failsWith(read(), "R.rdx: the compressed data is damaged"));
}
