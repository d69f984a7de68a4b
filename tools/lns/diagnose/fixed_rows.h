//===- fixed_rows.h - The rows that a diagnosis looks at --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_FIXED_ROWS_H
#define LNS_TOOLS_LNS_DIAGNOSE_FIXED_ROWS_H

#include "tools/lns/base/status.h"
#include "tools/lns/data/held_out.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

/// N whole rows of T tokens of held-out data and their targets, which depend on
/// the data, T, N and a seed alone.
struct FixedRows {
  uint64_t rows = 0;
  uint32_t sequence = 0;
  std::vector<uint64_t> numbers;        ///< of the rows in the data, from 0
  std::vector<int32_t> tokens, targets; ///< rows x sequence
  /// XXH64 of tokens and targets, as 16 digits: what runs must share to be
  /// compared.
  std::string fingerprint;

  /// Rows [first, first + count) as a batch of `batch`; rows behind them are
  /// the last of them again, without targets.
  void fill(uint64_t first, uint64_t count, uint32_t batch, int32_t *tokens,
            int32_t *targets) const;
};

/// Rows with fewer than T targets do not count. `path` is for messages.
Expected<FixedRows> chooseRows(const HeldOutSource &heldOut, uint32_t sequence,
                               uint64_t rows, uint64_t seed,
                               const std::string &path);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_FIXED_ROWS_H
