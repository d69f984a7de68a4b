//===- printable.h - Input that is quoted in messages -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_PRINTABLE_H
#define LNS_TOOLS_LNS_BASE_PRINTABLE_H

#include <cstddef>
#include <string>
#include <string_view>

namespace lns::tool {

/// `text`, as far as a message may repeat it: control characters and bytes that
/// are not UTF-8 as \xHH, and no more than `maxBytes` bytes of it, with "..."
/// for the rest. Names of tensors and files are somebody else's.
std::string printable(std::string_view text, size_t maxBytes = 120);

/// A whole message: one line, without what could steer a terminal, of at most
/// 1500 bytes; what is longer loses its middle, because the remedy stands at
/// the end.
std::string boundedMessage(std::string_view message);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_PRINTABLE_H
