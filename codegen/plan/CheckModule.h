//===- CheckModule.h - What of a module a plan can hold ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The runtime's demands (runtime/plan/plan_limits.h, entry_points.h), asked of
// a module of graph form or later, where an error has a place in its text.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_PLAN_CHECKMODULE_H
#define LNS_CODEGEN_PLAN_CHECKMODULE_H

#include "runtime/plan/entry_points.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"

namespace lns {

class ParameterOp;

/// From the module's attribute `lns.model`.
struct ModelSizes {
  unsigned batch = 0, sequence = 0, vocabulary = 0;
  unsigned microBatch = 0; ///< 0: a step is of one part
  bool documents = false;  ///< several in a row: entry points take starts
  unsigned decode = 0;     ///< sequences that @decode takes; 0: there is none
  /// With diagnostics: columns of the stream, and branches of each block.
  unsigned width = 0;
  llvm::SmallVector<int64_t> branches;
};

llvm::FailureOr<ModelSizes> readSizes(mlir::ModuleOp module);

/// What an entry point takes or gives, as a tensor.
mlir::RankedTensorType getBindingType(BindingKind kind,
                                      const EntryPointRule &rule,
                                      const ModelSizes &sizes,
                                      mlir::MLIRContext *context);

/// The kinds of what it gives, in order.
llvm::SmallVector<BindingKind> getOutputs(const EntryPointRule &rule,
                                          const ModelSizes &sizes);

/// Whether all is such that a plan can hold it: parameters' names and ranks;
/// functions, which are entry points and take and give what those do; tables
/// and logits, which have a row or column for every token; starts of documents,
/// which are the entry point's own: a session checks those, and nobody others.
/// Element types are the plan writer's to see to: f64 is there for tests. Emits
/// an error otherwise.
llvm::LogicalResult checkModule(mlir::ModuleOp module);

} // namespace lns

#endif // LNS_CODEGEN_PLAN_CHECKMODULE_H
