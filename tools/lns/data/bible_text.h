//===- bible_text.h - Text of the package bible-kjv-text --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_BIBLE_TEXT_H
#define LNS_TOOLS_LNS_DATA_BIBLE_TEXT_H

#include "tools/lns/base/status.h"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace lns::tool {

/// Decodes one LZW code stream as compress(1) writes it (codes of 9 bits that
/// widen up to `maxBits`, code 256 clears the table), without the three bytes
/// of its header. Fails on a code that the stream has not defined, and when
/// more than `maxOutput` bytes would come out.
Expected<std::string> decodeLzw(std::span<const std::byte> codes, int maxBits,
                                size_t maxOutput);

/// Decompresses bible.data: a header of 92 bytes with the size of a window and
/// the number of windows, the big-endian offset of each window and of the end,
/// the three bytes of a compress(1) header, then one LZW stream per window.
Expected<std::string> decodeBibleData(const std::string &path,
                                      std::span<const std::byte> file);

/// One book: the verses without their references, one on each line, an empty
/// line between chapters.
struct BibleBook {
  std::string name; ///< abbreviation as in the file, e.g. "Ge"
  std::string text;
};

/// Splits the decompressed text ("Ge1:1 In the beginning ...", one verse on
/// each line after a title line) into books.
Expected<std::vector<BibleBook>> splitBibleBooks(const std::string &path,
                                                 const std::string &text);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_BIBLE_TEXT_H
