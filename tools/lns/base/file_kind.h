//===- file_kind.h - What a file is that is none of ours --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_FILE_KIND_H
#define LNS_TOOLS_LNS_BASE_FILE_KIND_H

#include <cstddef>
#include <span>
#include <string>

namespace lns::tool {

/// The bytes of a file's beginning that foreignKind() wants to see.
inline constexpr size_t kindBytes = 512;

/// What people hand over in the place of weights or tokens, with a remedy: "is
/// a git-lfs pointer, not the file; fetch it with 'git lfs pull'". Empty if
/// `head`, the first bytes of a file, is nothing that is known.
std::string foreignKind(std::span<const std::byte> head);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_FILE_KIND_H
