//===- safetensors_test.cpp - The safetensors format ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/safetensors.h"

#include "test_files.h"

#include <cmath>
#include <cstring>

using namespace lns::tool;

namespace {
/// A file with this header and `dataBytes` zero bytes.
std::string makeFile(const std::string &header, size_t dataBytes) {
  uint64_t size = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &size, 8);
  return out + header + std::string(dataBytes, '\0');
}

class SafetensorsErrors : public ::testing::Test {
protected:
  Status openBytes(const std::string &bytes) {
    writeBytes(folder / "m.safetensors", bytes);
    return SafetensorsFile::open(folder / "m.safetensors").status();
  }
  Status openHeader(const std::string &header, size_t dataBytes) {
    return openBytes(makeFile(header, dataBytes));
  }
  TempFolder folder;
};
} // namespace

TEST(Safetensors, RoundTrip) {
  TempFolder folder;
  std::string path = folder / "m.safetensors";
  std::vector<float> a = {1.5f, -2, 0, 3, 4, 5}, b, c = {7};
  auto writer = SafetensorsWriter::create(
      path, {{"b.weight", {2, 3}}, {"empty", {0, 4}}, {"a\n\"x", {}}},
      {{"format", "pt"}});
  ASSERT_TRUE(writer) << writer.status().message();
  // In two parts.
  ASSERT_TRUE(writer->append(std::span(a).first(4)).ok());
  ASSERT_TRUE(writer->append(std::span(a).last(2)).ok());
  ASSERT_TRUE(writer->append(b).ok());
  ASSERT_TRUE(writer->append(c).ok());
  EXPECT_FALSE(pathExists(path));
  ASSERT_TRUE(writer->commit().ok());

  auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file) << file.status().message();
  EXPECT_EQ(file->metadata().at("format"), "pt");
  ASSERT_EQ(file->tensors().size(), 3u);
  const SafetensorsEntry *entry = file->find("b.weight");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->shape, (std::vector<int64_t>{2, 3}));
  std::vector<float> back(6);
  ASSERT_TRUE(file->readF32(*entry, back).ok());
  EXPECT_EQ(back, a);
  ASSERT_TRUE(file->find("a\n\"x"));
  EXPECT_EQ(file->find("a\n\"x")->elements, 1u);
  EXPECT_EQ(file->find("empty")->elements, 0u);
  EXPECT_EQ(file->find("none"), nullptr);
  // The data starts at a multiple of 8, so that others can map it.
  EXPECT_EQ((std::filesystem::file_size(path) - 28) % 8, 0u);
}

TEST(Safetensors, ConvertsOtherFloats) {
  TempFolder folder;
  // One f64, then bf16 and f16: 1, -2, infinity, and f16's smallest subnormal.
  std::string header =
      R"({"d":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"BF16","shape":[3],"data_offsets":[8,14]},)"
      R"("h":{"dtype":"F16","shape":[5],"data_offsets":[14,24]}})";
  std::string file = makeFile(header, 0);
  double d = 0.1;
  uint16_t b[3] = {0x3f80, 0xc000, 0x7f80};
  uint16_t h[5] = {0x3c00, 0xc000, 0x7c00, 0x0001, 0x3555};
  file.append(reinterpret_cast<char *>(&d), sizeof d);
  file.append(reinterpret_cast<char *>(b), sizeof b);
  file.append(reinterpret_cast<char *>(h), sizeof h);
  writeBytes(folder / "m", file);
  auto opened = SafetensorsFile::open(folder / "m");
  ASSERT_TRUE(opened) << opened.status().message();
  float out[5];
  ASSERT_TRUE(opened->readF32(*opened->find("d"), std::span(out, 1)).ok());
  EXPECT_EQ(out[0], 0.1f);
  ASSERT_TRUE(opened->readF32(*opened->find("b"), std::span(out, 3)).ok());
  EXPECT_EQ(out[0], 1.0f);
  EXPECT_EQ(out[1], -2.0f);
  EXPECT_EQ(out[2], INFINITY);
  ASSERT_TRUE(opened->readF32(*opened->find("h"), std::span(out, 5)).ok());
  EXPECT_EQ(out[0], 1.0f);
  EXPECT_EQ(out[1], -2.0f);
  EXPECT_EQ(out[2], INFINITY);
  EXPECT_EQ(out[3], 0x1p-24f);
  EXPECT_EQ(out[4], 0.333251953125f);
}

TEST_F(SafetensorsErrors, Header) {
  EXPECT_TRUE(failsWith(openBytes("abc"), "too few"));
  std::string huge(8, '\xff');
  EXPECT_TRUE(failsWith(openBytes(huge + "{}"), "not a safetensors file"));
  EXPECT_TRUE(failsWith(openBytes(makeFile("{}", 0).substr(0, 9)),
                        "the file is truncated"));
  EXPECT_TRUE(failsWith(openHeader("{\"a\":", 0), "not a JSON object"));
  EXPECT_TRUE(failsWith(openHeader("[1]", 0), "not a JSON object"));
  EXPECT_TRUE(
      failsWith(openHeader(std::string(100000, '['), 0), "not a JSON object"));
  EXPECT_TRUE(failsWith(openHeader(R"({"a":1})", 0), "is not an object"));
  EXPECT_TRUE(failsWith(openHeader(R"({"__metadata__":{"a":1}})", 0),
                        "is not a string"));
  EXPECT_TRUE(failsWith(openHeader(R"({"a":{"dtype":"F32"}})", 0),
                        "needs dtype, shape and two data_offsets"));
}

TEST_F(SafetensorsErrors, TensorsDoNotFit) {
  auto tensor = [](const std::string &name, const std::string &dtype,
                   const std::string &shape, const std::string &offsets) {
    return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}";
  };
  auto one = [&](const std::string &dtype, const std::string &shape,
                 const std::string &offsets) {
    return openHeader("{" + tensor("a", dtype, shape, offsets) + "}", 8);
  };
  EXPECT_TRUE(one("F32", "[2]", "[0,8]").ok());
  EXPECT_TRUE(failsWith(one("F33", "[2]", "[0,8]"), "unknown dtype 'F33'"));
  EXPECT_TRUE(failsWith(one("F32", "[3]", "[0,8]"), "needs 12 bytes"));
  EXPECT_TRUE(failsWith(one("F32", "[-2]", "[0,8]"), "impossible size -2"));
  EXPECT_TRUE(failsWith(one("F32", "[2.0]", "[0,8]"), "impossible size"));
  EXPECT_TRUE(failsWith(one("F32", "[4294967296,4294967296]", "[0,8]"),
                        "larger than memory can be"));
  EXPECT_TRUE(failsWith(one("F64", "[2305843009213693952]", "[0,8]"),
                        "larger than memory can be"));
  EXPECT_TRUE(failsWith(one("F32", "[4]", "[0,16]"), "has 8 bytes of data"));
  EXPECT_TRUE(failsWith(one("F32", "[2]", "[8,0]"), "data_offsets"));
  EXPECT_TRUE(failsWith(one("F32", "[2]", "[-8,0]"), "data_offsets"));
  EXPECT_TRUE(
      failsWith(one("F32", "[1]", "[0,4]"), "last 4 bytes belong to no"));
  EXPECT_TRUE(
      failsWith(one("F32", "[1]", "[4,8]"), "4 bytes before tensor 'a'"));

  auto two = [&](const std::string &secondName, const std::string &first,
                 const std::string &second, size_t bytes) {
    return openHeader("{" + tensor("a", "F32", "[2]", first) + "," +
                          tensor(secondName, "F32", "[2]", second) + "}",
                      bytes);
  };
  EXPECT_TRUE(two("b", "[0,8]", "[8,16]", 16).ok());
  EXPECT_TRUE(two("b", "[8,16]", "[0,8]", 16).ok());
  EXPECT_TRUE(failsWith(two("b", "[0,8]", "[4,12]", 12),
                        "tensors 'a' and 'b' overlap"));
  EXPECT_TRUE(failsWith(two("b", "[0,8]", "[0,8]", 8), "overlap"));
  EXPECT_TRUE(
      failsWith(two("b", "[0,8]", "[12,20]", 20), "4 bytes before tensor 'b'"));
  EXPECT_TRUE(failsWith(two("a", "[0,8]", "[8,16]", 16), "'a' stands twice"));
}

TEST_F(SafetensorsErrors, IntegersAreNotParameters) {
  writeBytes(folder / "i", makeFile(R"({"i":{"dtype":"I64","shape":[1],)"
                                    R"("data_offsets":[0,8]}})",
                                    8));
  auto file = SafetensorsFile::open(folder / "i");
  ASSERT_TRUE(file) << file.status().message();
  float out[2];
  EXPECT_TRUE(failsWith(file->readF32(*file->find("i"), std::span(out, 1)),
                        "has dtype I64"));
}

TEST_F(SafetensorsErrors, NestingEndsInAnError) {
  auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  // In a shape, in a field that the format does not have, at the top.
  Status status = openHeader(R"({"a":{"dtype":"F32","shape":)" +
                                 nested(150000) + R"(,"data_offsets":[0,4]}})",
                             4);
  EXPECT_TRUE(failsWith(status, "tensor 'a' has the impossible size [...]"));
  EXPECT_LT(status.message().size(), 300u);
  std::string rest = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],)"
                     R"("x":)";
  EXPECT_TRUE(openHeader(rest + nested(20) + "}}", 4).ok());
  EXPECT_TRUE(failsWith(openHeader(rest + nested(150000) + "}}", 4),
                        "nested more than 64 deep"));
  EXPECT_TRUE(failsWith(openHeader(R"({"a":)" + nested(150000) + "}", 4),
                        "header entry 'a' is not an object"));
  EXPECT_TRUE(failsWith(openHeader(nested(150000), 4), "not a JSON object"));
}

TEST_F(SafetensorsErrors, WhatStandsTwice) {
  std::string fields = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";
  EXPECT_TRUE(
      failsWith(openHeader(R"({"a":{)" + fields + R"(,"shape":[1]}})", 4),
                "'shape' stands twice"));
  EXPECT_TRUE(failsWith(openHeader(R"({"__metadata__":{"k":"1","k":"2"}})", 0),
                        "'k' stands twice"));
  // Other fields are none of ours.
  EXPECT_TRUE(
      openHeader(R"({"a":{)" + fields + R"(,"x":{"y":[1]},"x":2}})", 4).ok());
}

TEST_F(SafetensorsErrors, NumbersAndNamesOfAnyKind) {
  auto shaped = [](const std::string &shape, const std::string &offsets) {
    return R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" +
           offsets + "}}";
  };
  EXPECT_TRUE(
      failsWith(openHeader(shaped("[18446744073709551615]", "[0,4]"), 4),
                "impossible size 18446744073709551615"));
  EXPECT_TRUE(failsWith(openHeader(shaped("[1e30]", "[0,4]"), 4),
                        "impossible size 1e30"));
  EXPECT_FALSE(openHeader(shaped("[1e999]", "[0,4]"), 4).ok());
  EXPECT_TRUE(
      failsWith(openHeader(shaped("[1]", "[0,4,4]"), 4), "two data_offsets"));
  EXPECT_TRUE(
      failsWith(openHeader(shaped("[1]", "[0]"), 4), "two data_offsets"));
  EXPECT_TRUE(
      failsWith(openHeader(shaped("\"1\"", "[0,4]"), 4), "needs dtype, shape"));
  std::string sizes = "[1";
  for (int i = 0; i < 40; ++i)
    sizes += ",1";
  EXPECT_TRUE(failsWith(openHeader(shaped(sizes + "]", "[0,4]"), 4),
                        "more than 32 sizes"));
  // A name is printed so that it cannot steer a terminal, and cut.
  EXPECT_TRUE(failsWith(openHeader("{\"\\u001b[2J\":1}", 0),
                        "header entry '\\x1b[2J' is not an object"));
  EXPECT_FALSE(openHeader("{\"\xff\":1}", 0).ok());
  std::string longName(100000, 'n');
  Status status = openHeader("{\"" + longName + "\":1}", 0);
  EXPECT_TRUE(failsWith(status, "nnn...' is not an object"));
  EXPECT_LT(status.message().size(), 400u);
}

TEST_F(SafetensorsErrors, OtherFilesAreNamed) {
  EXPECT_TRUE(failsWith(openBytes("version https://git-lfs.github.com/spec/v1"
                                  "\noid sha256:0\nsize 100\n"),
                        "m.safetensors: not a safetensors file: is a git-lfs "
                        "pointer"));
  EXPECT_TRUE(failsWith(openBytes("<!DOCTYPE html>\n<html></html>"), "page"));
  EXPECT_TRUE(failsWith(openBytes(std::string("PK\3\4\0\0\0\0\0\0", 10)),
                        "PyTorch pickle"));
}

TEST_F(SafetensorsErrors, AFileThatShrinks) {
  std::string path = folder / "m.safetensors";
  ASSERT_TRUE(openHeader(R"({"a":{"dtype":"F32","shape":[4],)"
                         R"("data_offsets":[0,16]}})",
                         16)
                  .ok());
  auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 8);
  std::vector<float> out(4);
  EXPECT_TRUE(failsWith(file->readF32(*file->find("a"), out),
                        "it was changed while it was in use"));
}

// Whatever one altered byte does, the file is read or refused; sanitizers
// watch.
TEST_F(SafetensorsErrors, AnyAlteredByte) {
  std::string good = makeFile(R"({"a":{"dtype":"F32","shape":[2,1],)"
                              R"("data_offsets":[0,8]},"__metadata__":{}})",
                              8);
  size_t refused = 0;
  for (size_t i = 0; i < good.size(); ++i)
    for (int change : {1, 2, 4, 16, 128}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ change);
      refused += openBytes(bad).ok() ? 0 : 1;
    }
  EXPECT_GT(refused, good.size());
}

TEST(SafetensorsWriter, WritesBrains) {
  TempFolder folder;
  auto writer = SafetensorsWriter::create(folder / "m",
                                          {{"a", {2}, "BF16"}, {"b", {1}}}, {});
  ASSERT_TRUE(writer);
  std::vector<uint16_t> brains = {0x3fc0, 0xc000};
  std::vector<float> one = {3}, back(2);
  ASSERT_TRUE(writer->append(brains).ok());
  ASSERT_TRUE(writer->append(one).ok());
  ASSERT_TRUE(writer->commit().ok());
  auto file = SafetensorsFile::open(folder / "m");
  ASSERT_TRUE(file) << file.status().message();
  ASSERT_TRUE(file->readF32(*file->find("a"), back).ok());
  EXPECT_EQ(back, (std::vector<float>{1.5f, -2}));
  EXPECT_EQ(file->find("b")->dtype, "F32");
}

TEST(SafetensorsWriterErrors, SizesMustAgree) {
  TempFolder folder;
  std::vector<float> three(3);
  auto writer =
      SafetensorsWriter::create(folder / "m", {{"a", {2}}, {"b", {1}}}, {});
  ASSERT_TRUE(writer);
  EXPECT_TRUE(failsWith(writer->append(three), "has 3 elements, expected 2"));
  EXPECT_TRUE(writer->append(std::span(three).first(1)).ok());
  EXPECT_TRUE(failsWith(writer->append(std::span(three).first(2)),
                        "has 3 elements, expected 2"));
  std::vector<uint16_t> one(1);
  EXPECT_TRUE(
      failsWith(writer->append(one), "has elements of 2 bytes, expected 4"));
  EXPECT_TRUE(failsWith(writer->commit(), "0 of 2 tensors"));
  EXPECT_TRUE(failsWith(
      SafetensorsWriter::create(folder / "m", {{"a", {1}}, {"a", {1}}}, {})
          .status(),
      "the name 'a'"));
}
