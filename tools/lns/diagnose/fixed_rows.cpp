//===- fixed_rows.cpp - The rows that a diagnosis looks at ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/fixed_rows.h"

#include "tools/lns/base/checksum.h"
#include "tools/lns/data/data_loader.h"

#include "runtime/lnsrt.h"

#include <algorithm>
#include <fmt/format.h>

namespace lns::tool {

void FixedRows::fill(uint64_t first, uint64_t count, uint32_t batch,
                     int32_t *toTokens, int32_t *toTargets) const {
  for (uint64_t i = 0; i < batch; ++i) {
    uint64_t row = first + std::min(i, count - 1);
    const int32_t *from = tokens.data() + row * sequence;
    std::copy_n(from, sequence, toTokens + i * sequence);
    if (i < count)
      std::copy_n(targets.data() + row * sequence, sequence,
                  toTargets + i * sequence);
    else
      std::fill_n(toTargets + i * sequence, sequence, LNSRT_IGNORED_TARGET);
  }
}

/// In little-endian bytes, on any machine.
static void addTo(Checksum &sum, const std::vector<int32_t> &values) {
  for (int32_t value : values) {
    auto word = static_cast<uint32_t>(value);
    unsigned char bytes[4];
    for (unsigned i = 0; i < 4; ++i)
      bytes[i] = static_cast<unsigned char>(word >> (8 * i));
    sum.add(bytes, sizeof bytes);
  }
}

Expected<FixedRows> chooseRows(const HeldOutSource &heldOut, uint32_t sequence,
                               uint64_t rows, uint64_t seed,
                               const std::string &path) {
  FixedRows chosen;
  chosen.sequence = sequence;
  Batch one(1, sequence);
  uint64_t total = heldOut.rowCount();
  for (uint64_t i = 0; i < total && chosen.rows < rows; ++i) {
    uint64_t row = permute(seed, 0, total, i);
    LNS_RETURN_IF_ERROR(heldOut.fillRows(row, one));
    if (one.targetCount != sequence)
      continue;
    chosen.tokens.insert(chosen.tokens.end(), one.tokens.begin(),
                         one.tokens.end());
    chosen.targets.insert(chosen.targets.end(), one.targets.begin(),
                          one.targets.end());
    chosen.numbers.push_back(row);
    ++chosen.rows;
  }
  if (chosen.rows < rows)
    return Status::failure(
        fmt::format("{}: has {} whole rows of {} tokens, but --rows asks for "
                    "{}; give fewer --rows, or hold out more text",
                    path, chosen.rows, sequence, rows));
  Checksum sum;
  addTo(sum, chosen.tokens);
  addTo(sum, chosen.targets);
  chosen.fingerprint = checksumText(sum.value());
  return chosen;
}

} // namespace lns::tool
