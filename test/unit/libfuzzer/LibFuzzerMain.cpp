//===- LibFuzzerMain.cpp - One target under libFuzzer ---------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// usage: fuzz-NAME [--seeds] CORPUS [-runs=N] ...; with --seeds the target's
// seeds are written into the folder CORPUS first.
//
//===----------------------------------------------------------------------===//

#include "Target.h"

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace lns::fuzz;

/// The one target that this program is linked with.
static const Target &theTarget() { return allTargets().front(); }

extern "C" int LLVMFuzzerInitialize(int *count, char ***arguments);
extern "C" int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size);

int LLVMFuzzerInitialize(int *count, char ***arguments) {
  if (*count < 3 || std::strcmp((*arguments)[1], "--seeds") != 0)
    return 0;
  std::filesystem::path corpus = (*arguments)[2];
  std::filesystem::create_directories(corpus);
  size_t number = 0;
  for (const std::string &seed : theTarget().seeds())
    std::ofstream(corpus / ("seed-" + std::to_string(number++)),
                  std::ios::binary)
        << seed;
  std::printf("%zu seeds\n", number);
  // libFuzzer leaves arguments with two dashes to us.
  return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t size) {
  theTarget().run({reinterpret_cast<const char *>(bytes), size});
  return 0;
}
