//===- text_counts.h - Characters and words as Python counts ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EVAL_TEXT_COUNTS_H
#define LNS_TOOLS_LNS_EVAL_TEXT_COUNTS_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lns::tool {

// lm-evaluation-harness is written in Python, whose strings these functions
// count, so that numbers can be compared. Texts are UTF-8; a byte that is not
// counts as a character that is no white space.

/// Bytes of white space at the end: what str.rstrip() takes away. It knows some
/// control characters more (1C to 1F) than Unicode calls white space.
size_t trailingSpaceBytes(std::string_view text);

/// len(str): code points.
uint64_t countCharacters(std::string_view text);

/// len(re.split("\s+", text)): the parts between white space, of which the
/// first and the last may be empty. At least 1.
uint64_t countWords(std::string_view text);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EVAL_TEXT_COUNTS_H
