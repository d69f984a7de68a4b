//===- Forms.h - What a module is, and what it computes ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Model form says what a model computes. Later forms carry it with them, in the
// module's attribute `lns.model`: `identity`, and a `digest` of the text that
// lnsc printed. Where that text has been changed since, the identity says so,
// and checkpoints of the model are not taken for those of what it has become.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DRIVER_FORMS_H
#define LNS_DRIVER_FORMS_H

#include "driver/Compiler.h"

namespace lns {

/// "model", "graph", "training", "fused" or "planned".
llvm::StringRef getName(Form form);

/// The form of a module, up to planned form, by the ops that are in it: model
/// form if it has none that show another one.
Form getForm(mlir::ModuleOp module);

/// Whether a module of graph form or later is made of what such forms are made
/// of: parameters, and functions of one block on tensors of 1 to 2^40
/// elements; and whether a plan can hold it (codegen/plan/CheckModule.h). Emits
/// an error otherwise.
llvm::LogicalResult checkForm(mlir::ModuleOp module);

/// Makes the identity of a module that has been read that of what it is now.
/// For graph form and later ones. Returns whether it was changed since it was
/// sealed.
bool openForm(mlir::ModuleOp module);

/// Makes a module ready to be printed, so that openForm sees what was changed.
void sealForm(mlir::ModuleOp module);

/// Sets what the plan will say that it computes.
void setIdentity(mlir::ModuleOp module, llvm::StringRef identity);

/// An identity with another line "key: value"; an empty one stays empty.
std::string addFact(std::string identity, llvm::StringRef key,
                    llvm::StringRef value);

/// Does this to the identity of the module.
void addIdentityFact(mlir::ModuleOp module, llvm::StringRef key,
                     llvm::StringRef value);

/// That of model form or of a later one; empty where nothing says it.
std::string getIdentity(mlir::ModuleOp module);

} // namespace lns

#endif // LNS_DRIVER_FORMS_H
