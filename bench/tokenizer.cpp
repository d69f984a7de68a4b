//===- tokenizer.cpp - Speed of a tokenizer -------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
//   lns-bench-tokenizer TOKENIZER TEXT [--rounds N]
//
// Encodes a file of text on one thread, each round with a new encoder, and
// decodes its tokens. Prints the fastest round of each, in MB of text a second
// of the processor's time, so that others on the machine count less.
//
//===----------------------------------------------------------------------===//

#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>

using namespace lns::tokenizer;

static int fail(const std::string &message) {
  std::fprintf(stderr, "lns-bench-tokenizer: error: %s\n", message.c_str());
  return 1;
}

/// Seconds of the processor that this process has used.
static double used() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

int main(int argc, char **argv) {
  if (argc != 3 && (argc != 5 || std::strcmp(argv[3], "--rounds") != 0))
    return fail("usage: lns-bench-tokenizer TOKENIZER TEXT [--rounds N]");
  int rounds = argc == 5 ? std::atoi(argv[4]) : 5;
  double begin = used();
  Result<Tokenizer> tokenizer = Tokenizer::load(argv[1]);
  if (!tokenizer)
    return fail(tokenizer.error().message);
  double loading = used() - begin;
  std::ifstream file(argv[2], std::ios::binary);
  if (!file)
    return fail(std::string(argv[2]) + ": cannot open");
  std::string text{std::istreambuf_iterator<char>(file), {}};

  double encoding = 1e9, decoding = 1e9;
  size_t tokens = 0;
  for (int i = 0; i < rounds; ++i) {
    begin = used();
    Encoder encoder(*tokenizer);
    Encoding out;
    if (MaybeError error = encoder.encode(text, {}, out))
      return fail(error->message);
    encoding = std::min(encoding, used() - begin);
    tokens = out.ids.size();
    begin = used();
    Result<std::string> back = tokenizer->decode(out.ids, true);
    decoding = std::min(decoding, used() - begin);
    if (!back)
      return fail(back.error().message);
  }
  auto megabytes = static_cast<double>(text.size()) / 1e6;
  std::printf("%s: loaded in %.0f ms; %.2f MB, %zu tokens; encode %.1f MB/s, "
              "decode %.1f MB/s\n",
              tokenizer->kind().c_str(), loading * 1e3, megabytes, tokens,
              megabytes / encoding, megabytes / decoding);
  return 0;
}
