//===- lens.h - What the head reads in the stream ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_LENS_H
#define LNS_TOOLS_LNS_DIAGNOSE_LENS_H

#include "tools/lns/diagnose/head_model.h"
#include "tools/lns/diagnose/tracer.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace lns::tool {

/// The logit lens: p_l = softmax(head(norm(x_l))), l = 1 .. L + 1, against
/// p_{L+1}.
class LensMeasure {
public:
  /// Looks at every `stride`-th token of the rows.
  LensMeasure(const TraceLayout &layout, const HeadModel &head,
              uint64_t stride);
  void add(const Trace &trace, uint64_t tokens);
  nlohmann::ordered_json json() const;

  /// Tokens, evenly spaced, of which there are at most `most`.
  static uint64_t strideFor(uint64_t tokens, uint64_t most) {
    return (tokens + most - 1) / most;
  }

private:
  const TraceLayout &layout;
  const HeadModel &head;
  uint64_t stride, seen = 0, used = 0;
  std::vector<double> divergence, shared; ///< sums, by l - 1
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_LENS_H
