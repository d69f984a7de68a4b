//===- Loss.h - Where the gradient part begins ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// In a function with gradients, what stands behind the loss is the backward
// part. A value from before it that is read behind it is kept.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_ANALYSIS_LOSS_H
#define LNS_PASSES_ANALYSIS_LOSS_H

#include "mlir/IR/Block.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/Operation.h"

namespace lns {

/// The op that computes the loss: the scalar that a function returns first.
/// Null where there is none.
inline mlir::Operation *findLoss(mlir::Block &block) {
  mlir::Operation *terminator = block.getTerminator();
  if (terminator->getNumOperands() == 0)
    return nullptr;
  auto type = llvm::dyn_cast<mlir::RankedTensorType>(
      terminator->getOperand(0).getType());
  return type && type.getRank() == 0 ? terminator->getOperand(0).getDefiningOp()
                                     : nullptr;
}

/// For what is computed again: "layers.3.mlp.act" ->
/// "layers.3.mlp.act.recomputed".
inline mlir::Location getRecomputedLocation(mlir::Location location) {
  auto named = llvm::dyn_cast<mlir::NameLoc>(location);
  if (!named)
    return location;
  auto name = mlir::StringAttr::get(location.getContext(),
                                    named.getName().str() + ".recomputed");
  return mlir::NameLoc::get(name, named.getChildLoc());
}

} // namespace lns

#endif // LNS_PASSES_ANALYSIS_LOSS_H
