//===- byte_symbols.h - Bytes as characters ---------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_BYTE_SYMBOLS_H
#define LNS_TOKENIZER_BYTE_SYMBOLS_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lns::tokenizer {

/// Byte-level vocabularies write each byte as a printable character: the bytes
/// 21-7E, A1-AC and AE-FF are the characters of these numbers; the other 68, in
/// order, U+0100, U+0101, ... (the space is U+0120).
uint32_t symbolOfByte(uint8_t byte);
std::optional<uint8_t> byteOfSymbol(uint32_t code);

/// The bytes that `symbols`, which is UTF-8, stands for; nothing if a character
/// of it is no symbol.
std::optional<std::string> bytesOfSymbols(std::string_view symbols);
std::string symbolsOfBytes(std::string_view bytes);

} // namespace lns::tokenizer

#endif // LNS_TOKENIZER_BYTE_SYMBOLS_H
