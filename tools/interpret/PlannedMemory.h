//===- PlannedMemory.h - Values that a plan overwrites ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_INTERPRET_PLANNEDMEMORY_H
#define LNS_TOOLS_INTERPRET_PLANNEDMEMORY_H

#include "dialect/LnsMemory.h"
#include "tools/interpret/Interpreter.h"

namespace lns::interpret {

/// The memory of a planned function: what its offsets say, and the homes of
/// stored tensors. A value whose bytes another value gets becomes NaN, so that
/// who reads it all the same gets a wrong number, as from the plan.
class PlannedMemory {
public:
  /// What runs: values by name, and what is stored.
  PlannedMemory(llvm::DenseMap<mlir::Value, TensorRef> &values,
                Environment &environment)
      : values(values), environment(environment) {}

  /// An error where `lns-plan-memory` has not seen the function.
  static llvm::LogicalResult check(mlir::func::FuncOp function);

  /// Before an op runs: its results take their bytes from all values but the
  /// one that each may be computed over.
  void takeBytes(mlir::Operation *op);
  /// When the op has run and its results are bound: these stand where they are,
  /// and what was computed over, or stored over, is gone.
  void finish(mlir::Operation *op);

private:
  /// Bytes of the arena, or a home.
  struct Place {
    uint64_t begin = 0, end = 0;
    std::optional<StoredTensor> home;

    bool overlaps(const Place &other) const {
      if (home || other.home)
        return home == other.home;
      return begin < other.end && other.begin < end;
    }
  };

  /// That of a view is that of what it is a view of.
  static std::optional<Place> getPlace(mlir::Value value);
  /// Makes all values there NaN but one.
  void poison(const Place &place, mlir::Value but);
  void poisonHome(mlir::Operation *op, const StoredTensor &home);

  llvm::DenseMap<mlir::Value, TensorRef> &values;
  Environment &environment;
  llvm::MapVector<mlir::Value, Place> places; ///< of values that are alive
};

} // namespace lns::interpret

#endif // LNS_TOOLS_INTERPRET_PLANNEDMEMORY_H
