//===- r_data.h - Character vectors of an R package -------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_R_DATA_H
#define LNS_TOOLS_LNS_DATA_R_DATA_H

#include "tools/lns/base/status.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace lns::tool {

/// A value of R as its XDR serialization describes it; only what data sets of
/// character vectors and their index consist of.
struct RValue {
  enum class Type { Null, Logical, Integer, String, List };
  Type type = Type::Null;
  std::vector<int32_t> integers;    ///< Logical, Integer
  std::vector<std::string> strings; ///< String; NA is the empty string
  std::vector<RValue> items;        ///< List
  std::vector<std::string> names;   ///< of a List's items, or empty

  /// The item of that name, or null.
  const RValue *item(const std::string &name) const;
};

/// Reads one value from R's binary serialization (XDR, versions 2 and 3).
Expected<RValue> parseRSerialization(std::span<const std::byte> bytes);

/// The character vectors of a lazy-load database: `base`.rdx (index: name ->
/// offset, length) and `base`.rdb (zlib streams), in the order of the names.
Expected<std::map<std::string, std::vector<std::string>>>
readLazyLoadStrings(const std::string &base);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_R_DATA_H
