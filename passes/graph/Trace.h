//===- Trace.h - What each block adds to the stream -------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The stream is what blocks carry: block l takes x_l and gives x_{l+1}. With
// diagnostics a plan also computes all x_l, and what the branches of each block
// add to it, before whatever the block does to the sum.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_GRAPH_TRACE_H
#define LNS_PASSES_GRAPH_TRACE_H

#include "dialect/LnsOps.h"

#include "mlir/IR/Builders.h"

namespace lns {

/// The residual ops by which the block's first carried value becomes the first
/// one that it yields, in their order. On the way there may also be ops that
/// work on the stream alone (a norm, a factor). A residual op that adds the
/// stream itself, times a factor (GPAS), is no branch. Empty where the way does
/// not lead back to the block's argument.
llvm::SmallVector<ResidualOp> findStreamResiduals(LayersOp layers);

/// Collects the results of @trace while a model is written out.
class TraceBuilder {
public:
  /// Of the residual ops of a block that is written out: what each adds, its
  /// branch times the branch's scale. `getCopy` gives the op's copy.
  void addBlock(mlir::OpBuilder &builder, mlir::Value input,
                llvm::ArrayRef<ResidualOp> copies);

  /// Behind the last block. Fails, at `layers`, where the stream is no
  /// [batch, time, d] of one width, or a value is none of its own.
  llvm::LogicalResult finish(LayersOp last, mlir::Value output);

  llvm::ArrayRef<mlir::Value> getValues() const { return values; }
  /// Of each block.
  llvm::ArrayRef<int64_t> getBranchCounts() const { return branches; }
  int64_t getWidth() const { return width; }

private:
  llvm::SmallVector<mlir::Value> values;
  llvm::SmallVector<int64_t> branches;
  int64_t width = 0;
};

} // namespace lns

#endif // LNS_PASSES_GRAPH_TRACE_H
