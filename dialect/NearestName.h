//===- NearestName.h - What someone may have meant --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DIALECT_NEARESTNAME_H
#define LNS_DIALECT_NEARESTNAME_H

#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <string>

namespace lns {

/// "; did you mean 'NAME'?", of the entry of `range` whose name (by `getName`)
/// is most like `text`: two wrong letters, or one in three. Empty if none is;
/// an entry without a name is none.
template <typename Range, typename GetName>
std::string suggestName(llvm::StringRef text, const Range &range,
                        GetName getName) {
  llvm::StringRef nearest;
  auto best = static_cast<unsigned>(std::max<size_t>(2, text.size() / 3) + 1);
  for (const auto &entry : range) {
    llvm::StringRef name = getName(entry);
    unsigned distance = text.edit_distance(name, true, best);
    if (distance < best && !name.empty()) {
      best = distance;
      nearest = name;
    }
  }
  return nearest.empty() ? "" : ("; did you mean '" + nearest + "'?").str();
}

} // namespace lns

#endif // LNS_DIALECT_NEARESTNAME_H
