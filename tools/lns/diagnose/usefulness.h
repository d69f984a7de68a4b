//===- usefulness.h - Blocks that a linear map can replace ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_USEFULNESS_H
#define LNS_TOOLS_LNS_DIAGNOSE_USEFULNESS_H

#include "tools/lns/diagnose/branches.h"
#include "tools/lns/diagnose/tracer.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lns::tool {

/// The best affine map of rows to rows, by least squares in f64.
class AffineFit {
public:
  explicit AffineFit(uint32_t width);
  void add(const float *from, const float *to, uint64_t rows);
  /// False where the rows do not determine the map.
  bool solve();
  /// y = W x + b, rounded once.
  void apply(const float *x, float *y) const;

private:
  size_t width, size;                     ///< size: with a column of ones
  std::vector<double> gram, moments, map; ///< [size, size], [size, width]
};

/// A stream of one's own choice in a model whose embedding is its table alone:
/// blocks up to one are bypassed, and every place of some rows gets a token of
/// its own, whose row in the table is the stream there.
struct StreamInput {
  size_t table = 0;  ///< the tensor
  double factor = 1; ///< by which the model multiplies its rows
  uint64_t rows = 1; ///< at a time
};
/// An error where the model is not so, or has fewer tokens than a row places.
Expected<StreamInput> findStreamInput(const ModelGraph &graph,
                                      const Subject &subject);

/// The loss with x_{l+1} := the affine map of x_l that fits best, for each
/// block l: fitted on the first half of the rows, measured on the others, as is
/// the loss without a map. The share of blocks where it rises by more than 10
/// %.
Expected<nlohmann::ordered_json>
measureUsefulness(const Subject &subject, const TraceLayout &layout,
                  const std::vector<BlockTensors> &blocks,
                  const StreamInput &input);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_USEFULNESS_H
