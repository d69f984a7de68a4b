//===- python_text.h - Strings as Python counts and trims them --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_PYTHON_TEXT_H
#define LNS_TOOLS_LNS_BASE_PYTHON_TEXT_H

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lns::tool {

// What lm-evaluation-harness counts and chat templates trim is Python's, so
// that numbers and texts can be compared. Texts are UTF-8; a byte that is not
// counts as a character that is no white space.

/// str.strip(): without white space at both ends. It knows some control
/// characters more (1C to 1F) than Unicode calls white space.
std::string_view trim(std::string_view text);

/// Whether nothing is left by trim().
bool isBlank(std::string_view text);

/// Bytes of white space at the end: what str.rstrip() takes away.
size_t trailingSpaceBytes(std::string_view text);

/// len(str): code points.
uint64_t countCharacters(std::string_view text);

/// len(re.split("\s+", text)): the parts between white space, of which the
/// first and the last may be empty. At least 1.
uint64_t countWords(std::string_view text);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_PYTHON_TEXT_H
