//===- ConfigTarget.cpp - A Hugging Face config.json ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "FreshContext.h"
#include "ReadFiles.h"

#include "frontend/HuggingFaceConfig.h"

using namespace lns;

static std::vector<std::string> seeds() {
  auto seeds = fuzz::readFiles({LNS_TEST_DIR "/golden"}, "config.json");
  for (std::string &text :
       fuzz::readFiles({LNS_EXAMPLES_DIR "/configs"}, ".json"))
    seeds.push_back(std::move(text));
  return seeds;
}

static void run(std::string_view bytes) {
  static fuzz::FreshContext context;
  context.run([&](mlir::MLIRContext &context) {
    return importHuggingFaceConfig(llvm::StringRef(bytes.data(), bytes.size()),
                                   "config.json", {}, &context);
  });
}

static const fuzz::RegisterTarget registered({"config", seeds, run});
