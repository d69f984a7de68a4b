//===- byte_symbols.cpp - Bytes as characters -----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/byte_symbols.h"

#include "tokenizer/unicode.h"

#include <array>

namespace lns::tokenizer {

namespace {
struct Tables {
  std::array<uint32_t, 256> symbols;
  /// -1: no symbol.
  std::array<int, 0x100 + 68> bytes;

  constexpr Tables() : symbols(), bytes() {
    bytes.fill(-1);
    uint32_t next = 0x100;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      bool same = (byte >= 0x21 && byte <= 0x7E) ||
                  (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      symbols[byte] = same ? byte : next++;
      bytes[symbols[byte]] = static_cast<int>(byte);
    }
  }
};
constexpr Tables tables;
} // namespace

uint32_t symbolOfByte(uint8_t byte) { return tables.symbols[byte]; }

std::optional<uint8_t> byteOfSymbol(uint32_t code) {
  if (code >= tables.bytes.size() || tables.bytes[code] < 0)
    return std::nullopt;
  return static_cast<uint8_t>(tables.bytes[code]);
}

std::optional<std::string> bytesOfSymbols(std::string_view symbols) {
  std::string bytes;
  for (size_t at = 0; at < symbols.size();) {
    Character character = decodeCharacter(symbols, at);
    std::optional<uint8_t> byte = byteOfSymbol(character.code);
    if (!byte)
      return std::nullopt;
    bytes.push_back(static_cast<char>(*byte));
    at += character.bytes;
  }
  return bytes;
}

std::string symbolsOfBytes(std::string_view bytes) {
  std::string symbols;
  for (char byte : bytes)
    appendCharacter(symbols, symbolOfByte(static_cast<uint8_t>(byte)));
  return symbols;
}

} // namespace lns::tokenizer
