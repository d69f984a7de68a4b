//===- tracer.h - The stream of a model, batch by batch ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_TRACER_H
#define LNS_TOOLS_LNS_DIAGNOSE_TRACER_H

#include "tools/lns/diagnose/fixed_rows.h"
#include "tools/lns/train/plan_session.h"

#include <cstdint>
#include <vector>

namespace lns::tool {

/// What lnsrt_trace writes, by block; blocks and branches from 0.
struct TraceLayout {
  uint32_t width = 0;
  std::vector<uint32_t> branches; ///< of each block

  uint64_t blocks() const { return branches.size(); }
  uint64_t values() const;
  /// How many branches every block has; 0 where blocks differ.
  uint32_t commonBranches() const;
};

/// An error, with the remedy, for a plan without diagnostics.
Expected<TraceLayout> readTraceLayout(const PlanFile &plan);

/// One batch that was traced, of which the first rows are of the data.
class Trace {
public:
  Trace(const TraceLayout &layout, uint64_t tokens)
      : layout(layout), tokens(tokens),
        data(layout.values() * tokens * layout.width) {
    for (uint64_t l = 0, value = 0; l <= layout.blocks(); ++l) {
      first.push_back(value);
      value += 1 + (l < layout.blocks() ? layout.branches[l] : 0);
    }
  }

  /// x of block `block` (as many as blocks: behind the last one), row-major
  /// [tokens, width].
  const float *stream(uint64_t block) const {
    return data.data() + first[block] * tokens * layout.width;
  }
  const float *branch(uint64_t block, uint64_t index) const {
    return data.data() + (first[block] + 1 + index) * tokens * layout.width;
  }
  float *buffer() { return data.data(); }

private:
  const TraceLayout &layout;
  uint64_t tokens; ///< of a batch
  std::vector<float> data;
  std::vector<uint64_t> first; ///< value of each block's stream
};

/// A plan, its session with parameters, and rows to look at.
struct Subject {
  const PlanFile &plan;
  PlanSession &session;
  const FixedRows &rows;

  uint64_t batches() const {
    return (rows.rows + plan.info().batch - 1) / plan.info().batch;
  }
  /// Rows of a batch that are of the data.
  uint64_t rowsIn(uint64_t batch) const;
};

/// Traces one batch of the subject's rows.
Status traceBatch(const Subject &subject, uint64_t batch, Trace &trace);

/// Mean loss over all rows, in f64 over what batches give; it need not be
/// finite.
Expected<double> measureLoss(const Subject &subject);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_TRACER_H
