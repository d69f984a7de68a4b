//===- byte_size_test.cpp - Numbers of bytes on a command line ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/byte_size.h"

#include <gtest/gtest.h>

using namespace lns::tool;

TEST(ByteSize, HasUnits) {
  EXPECT_EQ(parseByteSize("0"), 0u);
  EXPECT_EQ(parseByteSize("17"), 17u);
  EXPECT_EQ(parseByteSize("17B"), 17u);
  EXPECT_EQ(parseByteSize("3k"), 3072u);
  EXPECT_EQ(parseByteSize("3KiB"), 3072u);
  EXPECT_EQ(parseByteSize("3kB"), 3000u);
  EXPECT_EQ(parseByteSize("5G"), 5ull << 30);
  EXPECT_EQ(parseByteSize("5GB"), 5000000000u);
  EXPECT_EQ(parseByteSize("1T"), 1ull << 40);
  EXPECT_EQ(parseByteSize("1.5G"), 3ull << 29);
  EXPECT_EQ(parseByteSize("0.000001k"), 0u);
  for (const char *text :
       {"", "G", "-1", "+1", "5 G", "5X", "5GG", "5Gi", "0x10", "1.5", "1.5B",
        ".5G", "5.G", "1.1.1G", "1.0000001G", "20000000T", "16777215.999999T1",
        "99999999999999999999"})
    EXPECT_FALSE(parseByteSize(text)) << text;
}
