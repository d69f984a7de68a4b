//===- LnsMemory.h - Which memory a value stands in -------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A value of the IR never changes. In a plan it is bytes, and two values may
// share them: a result may be computed over an operand, a gradient in the home
// where it is stored, and what lns.get gives is that home itself. Whoever moves
// a reader, or keeps what was read, asks here who writes in between. The answer
// is the ops' memory effects, so that a call, or an op that nobody here knows,
// is a writer of everything.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DIALECT_LNSMEMORY_H
#define LNS_DIALECT_LNSMEMORY_H

#include "dialect/LnsOps.h"

#include "llvm/ADT/DenseMapInfo.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace lns {

//===----------------------------------------------------------------------===//
// Memory effects
//===----------------------------------------------------------------------===//

/// Resources of side effects: what a symbol's tensors stand in.
struct ParameterResource
    : mlir::SideEffects::Resource::Base<ParameterResource> {
  llvm::StringRef getName() final { return "Parameter"; }
};
struct GradientResource : mlir::SideEffects::Resource::Base<GradientResource> {
  llvm::StringRef getName() final { return "Gradient"; }
};
struct ComputeWeightResource
    : mlir::SideEffects::Resource::Base<ComputeWeightResource> {
  llvm::StringRef getName() final { return "ComputeWeight"; }
};
struct CacheResource : mlir::SideEffects::Resource::Base<CacheResource> {
  llvm::StringRef getName() final { return "Cache"; }
};
/// Both moments of AdamW, which no lns.get reads.
struct MomentResource : mlir::SideEffects::Resource::Base<MomentResource> {
  llvm::StringRef getName() final { return "Moment"; }
};

/// What an lns.get names: a symbol, and which of its tensors.
using StoredTensor = std::pair<mlir::StringAttr, Storage>;
inline constexpr Storage kStorages[] = {Storage::parameter, Storage::gradient,
                                        Storage::compute, Storage::cache};

/// What `get` reads, `set` writes.
StoredTensor getStoredTensor(GetOp get);
StoredTensor getStoredTensor(SetOp set);

/// What of the stored tensors an op may read and write, by its memory effects
/// and those of the ops in its regions.
class StoredAccesses {
public:
  /// Null for all symbols; without a storage, those of all storages.
  struct Range {
    mlir::StringAttr symbol;
    std::optional<Storage> storage;
  };

  explicit StoredAccesses(mlir::Operation *op);

  llvm::ArrayRef<Range> getReads() const { return reads; }
  llvm::ArrayRef<Range> getWrites() const { return writes; }
  bool mayRead() const { return !reads.empty(); }
  bool mayWrite() const { return !writes.empty(); }
  bool mayRead(const StoredTensor &tensor) const {
    return covers(reads, tensor);
  }
  bool mayWrite(const StoredTensor &tensor) const {
    return covers(writes, tensor);
  }
  bool mayAccess(const StoredTensor &tensor) const {
    return mayRead(tensor) || mayWrite(tensor);
  }

  /// Calls `function` with each entry of a map from stored tensors whose key
  /// may be read, or written: one look-up for each symbol that the op names.
  template <typename Map, typename Function>
  void forEachRead(Map &map, Function function) const {
    forEach(reads, map, function);
  }
  template <typename Map, typename Function>
  void forEachWritten(Map &map, Function function) const {
    forEach(writes, map, function);
  }

private:
  static bool covers(const Range &range, const StoredTensor &tensor) {
    return (!range.storage || *range.storage == tensor.second) &&
           (!range.symbol || range.symbol == tensor.first);
  }
  static bool covers(llvm::ArrayRef<Range> ranges, const StoredTensor &tensor) {
    return llvm::any_of(
        ranges, [&](const Range &range) { return covers(range, tensor); });
  }
  template <typename Map, typename Function>
  static void forEach(llvm::ArrayRef<Range> ranges, Map &map,
                      Function function) {
    for (const Range &range : ranges) {
      if (range.symbol && range.storage) {
        if (auto entry = map.find({range.symbol, *range.storage});
            entry != map.end())
          function(*entry);
        continue;
      }
      for (auto &entry : map)
        if (covers(range, entry.first))
          function(entry);
    }
  }

  llvm::SmallVector<Range, 2> reads, writes;
};

//===----------------------------------------------------------------------===//
// Places in a plan
//===----------------------------------------------------------------------===//

/// On an op: one offset in bytes per result, -1 for results that live outside
/// the arena.
inline constexpr llvm::StringLiteral kOffsetsAttr = "lns.offsets";
/// On a function: size of its arena.
inline constexpr llvm::StringLiteral kArenaBytesAttr = "lns.arena_bytes";
/// On a function: most bytes of its arena that are in use at one time.
inline constexpr llvm::StringLiteral kLiveBytesAttr = "lns.live_bytes";
/// On a function: bytes of token-dependent values that live across the loss,
/// that is what the forward pass keeps for the backward pass.
inline constexpr llvm::StringLiteral kActivationBytesAttr =
    "lns.activation_bytes";

/// The value whose bytes `value` is: what an lns.reshape, or a chain of them,
/// is a view of, else the value itself. Who asks about memory asks about this
/// one.
mlir::Value getViewedValue(mlir::Value value);

/// What reads the value's bytes: its uses and those of all views of it, but for
/// the reshapes in between, which read nothing.
llvm::SmallVector<mlir::OpOperand *> getReads(mlir::Value value);

/// The operand over which `result` may be computed, if nothing reads that one's
/// bytes later: what InPlaceOpInterface says, where the op reads them through
/// no other operand. Null where there is none.
mlir::OpOperand *getInPlaceOperand(mlir::OpResult result);

/// The lns.set in whose place a value, which is no view, may be computed: the
/// first that stores it, or that stores what is computed over it and by nobody
/// else read; in all of this, a view is as good as the value. Null where there
/// is none.
SetOp findStore(mlir::Value value);

} // namespace lns

#endif // LNS_DIALECT_LNSMEMORY_H
