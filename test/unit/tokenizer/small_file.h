//===- small_file.h - Tokenizers of a few tokens ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_TOKENIZER_SMALL_FILE_H
#define LNS_TEST_UNIT_TOKENIZER_SMALL_FILE_H

#include "tokenizer/byte_symbols.h"

#include <cstdio>
#include <nlohmann/json.hpp>

/// A byte-level tokenizer of 259 tokens; bytes 21-7E have the ids from 0 on.
inline nlohmann::json smallFile() {
  using lns::tokenizer::symbolsOfBytes;
  nlohmann::json vocab = nlohmann::json::object();
  unsigned next = 0;
  for (unsigned byte = 0x21; byte < 0x121; ++byte)
    vocab[symbolsOfBytes(std::string(1, static_cast<char>(byte & 255)))] =
        next++;
  for (const char *word : {"th", "the", "he"})
    vocab[word] = next++;
  nlohmann::json byteLevel = {{"type", "ByteLevel"},
                              {"add_prefix_space", false},
                              {"trim_offsets", true},
                              {"use_regex", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", nlohmann::json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", byteLevel},
          {"post_processor", nullptr},
          {"decoder", byteLevel},
          {"model",
           {{"type", "BPE"},
            {"vocab", vocab},
            {"merges", {"t h", "h e", "th e"}}}}};
}

/// One on characters, with byte fallback.
inline nlohmann::json smallCharacterFile() {
  nlohmann::json vocab = {{"<unk>", 0}};
  unsigned next = 1;
  for (unsigned byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    vocab[name] = next++;
  }
  for (const char *word : {"\u2581", "a", "b", "ab", "\u2581a", "\u2581\u2581"})
    vocab[word] = next++;
  return {
      {"version", "1.0"},
      {"added_tokens", nlohmann::json::array()},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       {{"type", "Metaspace"},
        {"replacement", "\u2581"},
        {"prepend_scheme", "first"},
        {"split", false}}},
      {"post_processor", nullptr},
      {"decoder",
       {{"type", "Sequence"},
        {"decoders",
         {{{"type", "Replace"},
           {"pattern", {{"String", "\u2581"}}},
           {"content", " "}},
          {{"type", "ByteFallback"}},
          {{"type", "Fuse"}},
          {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}}},
      {"model",
       {{"type", "BPE"},
        {"unk_token", "<unk>"},
        {"fuse_unk", true},
        {"byte_fallback", true},
        {"vocab", vocab},
        {"merges", {"\u2581 \u2581", "a b", "\u2581 a"}}}}};
}

#endif // LNS_TEST_UNIT_TOKENIZER_SMALL_FILE_H
