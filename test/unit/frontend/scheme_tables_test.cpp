//===- scheme_tables_test.cpp - Two tables of schemes say the same --------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The compiler writes schemes and options into a config.json, and the trainer
// must know all of them, if only to say why no class computes them.
//
//===----------------------------------------------------------------------===//

#include "frontend/NormSchemes.h"
#include "tools/lns/checkpoint/schemes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace lns;

TEST(SchemeTables, NameTheSameSchemes) {
  std::vector<std::string> compiler, trainer;
  for (NormScheme scheme : getNormSchemes())
    compiler.push_back(getName(scheme).str());
  for (const tool::SchemeInfo &scheme : tool::allSchemes())
    trainer.push_back(scheme.name);
  llvm::sort(compiler);
  llvm::sort(trainer);
  EXPECT_EQ(compiler, trainer);
}

TEST(SchemeTables, NameTheSameOptions) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printNormSchemes(os);
  llvm::StringRef listing = llvm::StringRef(text).split("\noptions:").second;
  unsigned count = 0;
  for (llvm::StringRef line : llvm::split(listing, '\n')) {
    if (!line.consume_front("  ") || line.starts_with(" "))
      continue;
    std::string name =
        line.take_until([](char c) { return c == '=' || c == ' ' || c == '['; })
            .str();
    EXPECT_TRUE(tool::findSchemeOption(name)) << name;
    ++count;
  }
  EXPECT_GT(count, 10u);
}
