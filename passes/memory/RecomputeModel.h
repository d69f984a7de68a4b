//===- RecomputeModel.h - Memory of a step that computes again --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What a block would need if some ops before its loss were computed again
// behind it, without changing the block: `lns-recompute` asks this hundreds of
// times.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_MEMORY_RECOMPUTEMODEL_H
#define LNS_PASSES_MEMORY_RECOMPUTEMODEL_H

#include "dialect/LnsOps.h"

#include "mlir/IR/Block.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <optional>

namespace lns {

/// Which ops of the block, by position, are computed again.
using RecomputeSet = llvm::BitVector;

class RecomputeModel {
public:
  explicit RecomputeModel(mlir::Block &block);

  /// Whether there is anything behind a loss.
  bool hasBackward() const { return loss != 0; }
  RecomputeSet getEmptySet() const { return RecomputeSet(ops.size()); }
  mlir::Operation *getOp(unsigned op) const { return ops[op]; }
  /// The kinds of the ops up to the loss.
  llvm::SmallVector<mlir::OperationName> getForwardOps() const;
  bool beginsAs(llvm::ArrayRef<mlir::OperationName> names) const {
    return llvm::ArrayRef(getForwardOps()) == names;
  }

  /// Ops with results that are kept for the backward pass, in their order.
  llvm::ArrayRef<unsigned> getCandidates() const { return candidates; }
  /// Bytes of an op's results that are kept for the backward pass.
  uint64_t getKeptBytes(unsigned op) const;

  /// Adds an op, and with it those before it whose results would not be there
  /// when it is computed again. False when one of these cannot be.
  bool add(RecomputeSet &set, unsigned op) const;
  /// Relative time of the ops in `set` that are not in `without`.
  double getCost(const RecomputeSet &set, const RecomputeSet &without) const;
  int64_t getFlops(const RecomputeSet &set) const;

  struct Estimate {
    uint64_t peak = 0; ///< most bytes alive at one time
    double excess = 0; ///< bytes above `target`, summed over time
  };
  /// Nothing when an op would read memory after it was written.
  std::optional<Estimate> estimate(const RecomputeSet &set,
                                   uint64_t target) const;

  /// What one more candidate would do, guessed without an estimate of its own.
  struct Offer {
    unsigned op;
    double price; ///< time for each byte and moment of the excess
  };
  /// Of those candidates that would help, the cheapest first; among equals, the
  /// first to be made, which is kept for longest. Linear in the block, but for
  /// sorting.
  llvm::SmallVector<Offer> getOffers(const RecomputeSet &set,
                                     uint64_t target) const;

  /// Changes the block: each op of the set is computed once more, just before
  /// its first reader behind the loss.
  void apply(const RecomputeSet &set);

private:
  /// An op in its place, or its clone.
  struct Event {
    unsigned op;
    bool clone;
  };

  bool isRecomputable(unsigned op) const;
  bool isKept(mlir::Value value) const;
  llvm::SmallVector<unsigned> getPartners(unsigned op) const;
  uint64_t getSize(mlir::Value value) const;
  /// The op that makes an operand, if it stands in the block.
  std::optional<unsigned> getProducer(mlir::Value value) const;
  bool schedule(const RecomputeSet &set,
                llvm::SmallVectorImpl<Event> &events) const;
  bool collectAdded(const RecomputeSet &set, unsigned op,
                    llvm::SmallVectorImpl<unsigned> &round,
                    llvm::SmallVectorImpl<unsigned> &added) const;
  struct Timeline;
  bool makeTimeline(const RecomputeSet &set, Timeline &timeline) const;

  mlir::Block &block;
  unsigned loss = 0; ///< the loss's position; 0: there is none
  llvm::SmallVector<mlir::Operation *> ops;
  llvm::DenseMap<mlir::Operation *, unsigned> positions;
  llvm::SmallVector<unsigned> candidates;
  llvm::SmallVector<double> times;
  // Operands and results as numbers, so that an estimate touches no IR. A
  // value's number is its op's first plus its result number.
  llvm::SmallVector<unsigned> firstValue;                  // op to value
  llvm::SmallVector<uint64_t> sizes;                       // value
  llvm::SmallVector<llvm::SmallVector<unsigned>> operands; // op to values
  llvm::SmallVector<unsigned> producers;                   // value to op
  llvm::SmallVector<int> overwritten; // value to the value it may overwrite
  /// From an op on which what another op reads may have changed.
  llvm::SmallVector<unsigned> validUntil;
};

} // namespace lns

#endif // LNS_PASSES_MEMORY_RECOMPUTEMODEL_H
