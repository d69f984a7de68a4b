//===- CheckDecode.h - Token by token is all at once ------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_INTERPRET_CHECKDECODE_H
#define LNS_TOOLS_INTERPRET_CHECKDECODE_H

#include "tools/interpret/EntryPoint.h"
#include "llvm/Support/raw_ostream.h"

namespace lns::interpret {

/// Decodes random tokens one by one with @decode, from numbers by chance in the
/// caches, and compares every logit with that of @logits: an error where the
/// largest difference is more than `tolerance` times the largest logit. Rows of
/// @decode beyond those of @logits take their tokens again. Prints a line.
/// Errors: a module without one of the functions.
llvm::LogicalResult checkDecode(mlir::ModuleOp module, Environment &environment,
                                const InputOptions &options, double tolerance,
                                Rounding rounding, Memory memory,
                                llvm::raw_ostream &report);

} // namespace lns::interpret

#endif // LNS_TOOLS_INTERPRET_CHECKDECODE_H
