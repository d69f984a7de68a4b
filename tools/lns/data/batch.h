//===- batch.h - What a step is computed on ---------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_BATCH_H
#define LNS_TOOLS_LNS_DATA_BATCH_H

#include "tools/lns/base/status.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lns::tool {

/// B rows of T places each, row-major, as the runtime takes them.
struct Batch {
  Batch(uint32_t rows, uint32_t sequence)
      : rows(rows), sequence(sequence), tokens(size_t{rows} * sequence),
        targets(tokens.size()) {}

  uint32_t rows, sequence;
  std::vector<int32_t> tokens;
  std::vector<int32_t> targets; ///< LNSRT_IGNORED_TARGET where there is none
  /// Where the document of each token starts in its row; empty: every row is
  /// one document.
  std::vector<int32_t> starts;
  uint64_t tokenCount = 0;  ///< places that are no padding
  uint64_t targetCount = 0; ///< targets that are not ignored
};

/// Rows to train on. A batch depends on the seed and its number only, so that a
/// resumed run sees exactly the batches that an uninterrupted one would.
class TrainingSource {
public:
  virtual ~TrainingSource() = default;

  /// The batch of step `step`, which counts from 0. Every batch has a target.
  virtual Status fill(uint64_t seed, uint64_t step, Batch &batch) const = 0;
  /// Rows until all of the data has been seen once.
  virtual uint64_t rowsPerEpoch() const = 0;
};

/// Rows to measure a loss on, in a fixed order. Which ones there are does not
/// depend on a batch: every batch size measures the same targets.
class HeldOutSource {
public:
  virtual ~HeldOutSource() = default;

  /// Rows from number `first` on; those behind the last one have no targets.
  virtual Status fillRows(uint64_t first, Batch &batch) const = 0;
  virtual uint64_t rowCount() const = 0;
  virtual uint64_t targetCount() const = 0;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_BATCH_H
