//===- byte_size.h - Numbers of bytes on a command line ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_BYTE_SIZE_H
#define LNS_TOOLS_LNS_BASE_BYTE_SIZE_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace lns::tool {

/// "5G", "1.5G", "200MB", "1048576": a number with a unit, as lnsc's and lns's
/// options take it. K, M, G, T and KiB, ... are powers of 1024, KB, MB, ... of
/// 1000. A fraction, of at most six digits, needs a unit; what is left of a
/// byte is dropped. Nothing for other text and for numbers beyond 64 bits.
std::optional<uint64_t> parseByteSize(std::string_view text);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_BYTE_SIZE_H
