//===- safetensors_header.h - A header as it stands -------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_SAFETENSORS_HEADER_H
#define LNS_TOOLS_LNS_CHECKPOINT_SAFETENSORS_HEADER_H

#include "tools/lns/base/status.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// One tensor as the header has it. Offsets count from the first byte of data,
/// and nothing but their type is checked.
struct SafetensorsHeaderEntry {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape; ///< at most 32 sizes, none negative
  uint64_t begin = 0, end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsHeaderEntry> tensors; ///< in the header's order
  std::map<std::string, std::string> metadata;
};

/// Reads the JSON of a header without building a tree of it: what is kept is
/// what the format has, so memory is bounded by the header's size and depth by
/// a constant, whatever it nests. A name or field that stands twice, which
/// other readers merge, is an error. `path` is for messages.
Expected<SafetensorsHeader> parseSafetensorsHeader(const std::string &path,
                                                   std::string_view json);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_SAFETENSORS_HEADER_H
