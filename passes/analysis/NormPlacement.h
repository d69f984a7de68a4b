//===- NormPlacement.h - Where the norms of a block stand -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_ANALYSIS_NORMPLACEMENT_H
#define LNS_PASSES_ANALYSIS_NORMPLACEMENT_H

#include "dialect/LnsOps.h"

#include "llvm/ADT/ArrayRef.h"

namespace lns {

enum class NormPlace {
  Outside, ///< not in a block: of the embedding, or before the head
  Before,  ///< of the stream, read by a sublayer
  Behind,  ///< of what a sublayer adds to the stream
  Stream,  ///< the stream itself goes through it
  Inner    ///< of what a sublayer computes on its way
};

/// Of a norm in model form.
NormPlace getNormPlace(NormOp norm);

/// What people call a model with these norms: "lns" where they are scaled with
/// depth, else "pre", "post", "sandwich" (before and behind), "reordered"
/// (behind alone), "mixed", or "none". Those outside of blocks
/// and inside of sublayers do not count.
llvm::StringRef getNormPlacement(llvm::ArrayRef<NormOp> norms);

} // namespace lns

#endif // LNS_PASSES_ANALYSIS_NORMPLACEMENT_H
