//===- NormPlacement.cpp - Where the norms of a block stand ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "passes/analysis/NormPlacement.h"

#include <optional>

using namespace mlir;
using namespace lns;

/// Where the stream takes the value up, times a number or not.
static std::optional<NormPlace> findPlaceBehind(Value value) {
  for (OpOperand &use : value.getUses()) {
    if (isa<YieldOp>(use.getOwner())) {
      // What is yielded beyond what is carried is no stream.
      auto layers = dyn_cast<LayersOp>(use.getOwner()->getParentOp());
      if (!layers || use.getOperandNumber() < layers.getInits().size())
        return NormPlace::Stream;
      continue;
    }
    if (isa<ResidualOp>(use.getOwner()))
      return use.getOperandNumber() == 0 ? NormPlace::Stream
                                         : NormPlace::Behind;
    auto scaled = dyn_cast<ScaleByOp>(use.getOwner());
    if (scaled && use.getOperandNumber() == 0)
      if (std::optional<NormPlace> place = findPlaceBehind(scaled.getResult()))
        return place;
  }
  return std::nullopt;
}

NormPlace lns::getNormPlace(NormOp norm) {
  if (!isa<LayersOp>(norm->getParentOp()))
    return NormPlace::Outside;
  if (std::optional<NormPlace> place = findPlaceBehind(norm.getResult()))
    return *place;
  // The stream is what the block carries, and what is added to it.
  Operation *source = norm.getInput().getDefiningOp();
  return !source || isa<ResidualOp, NormOp>(source) ? NormPlace::Before
                                                    : NormPlace::Inner;
}

StringRef lns::getNormPlacement(ArrayRef<NormOp> norms) {
  if (norms.empty())
    return "none";
  unsigned counts[5] = {};
  for (NormOp norm : norms) {
    if (norm.getDepthScale() == DepthScale::inv_sqrt_depth)
      return "lns";
    ++counts[static_cast<unsigned>(getNormPlace(norm))];
  }
  bool before = counts[static_cast<unsigned>(NormPlace::Before)] != 0;
  bool behind = counts[static_cast<unsigned>(NormPlace::Behind)] != 0;
  bool stream = counts[static_cast<unsigned>(NormPlace::Stream)] != 0;
  if (stream)
    return before || behind ? "mixed" : "post";
  if (behind)
    return before ? "sandwich" : "reordered";
  return before ? "pre" : "none";
}
