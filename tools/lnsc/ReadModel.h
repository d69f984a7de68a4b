//===- ReadModel.h - From the command line's input to a model ---*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNSC_READMODEL_H
#define LNS_TOOLS_LNSC_READMODEL_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <cstdint>

namespace llvm {
class SourceMgr;
} // namespace llvm

namespace lns::driver {

/// Reads the input that the command line names, "-" for standard input: a
/// module of any form as text or bytecode, or a Hugging Face config.json, told
/// apart by their content; a config must allow sequences of this length. Model
/// form is one `lns.model` and nothing else. Gives the checksum of the input,
/// too. Prints errors and gives null otherwise.
mlir::OwningOpRef<mlir::ModuleOp> readModel(mlir::MLIRContext &context,
                                            llvm::SourceMgr &sourceMgr,
                                            int64_t sequence,
                                            uint64_t &sourceHash);

} // namespace lns::driver

#endif // LNS_TOOLS_LNSC_READMODEL_H
