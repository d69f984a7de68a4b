//===- svg_text.h - What pictures have in common ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_SVG_TEXT_H
#define LNS_TOOLS_LNS_BASE_SVG_TEXT_H

#include <string>

namespace lns::tool {

/// As text or as an attribute's value of SVG and HTML; control characters but
/// line breaks become blanks.
std::string escapeMarkup(const std::string &text);

/// 1, 2 or 5 times a power of ten, so that about `count` ticks fit into
/// `range`, which is above 0.
double tickStep(double range, int count);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_SVG_TEXT_H
