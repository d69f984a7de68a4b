//===- GuardedParse.h - Reading MLIR that may be damaged --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// MLIR's reader of bytecode aborts on some damaged files and reads beyond the
// end of others; its parser of text recurses as deep as the text nests. Files
// from elsewhere must not end the process, so they are read in a child first.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_GUARDEDPARSE_H
#define LNS_FRONTEND_GUARDEDPARSE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/LogicalResult.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <string>

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace lns {

/// Brackets that are open at one time in the text of a model.
inline constexpr unsigned kMaxTextNesting = 256;

/// Fails, with an error at the place, where brackets outside of strings and
/// comments nest deeper than kMaxTextNesting.
llvm::LogicalResult checkNesting(llvm::StringRef text, llvm::StringRef path,
                                 mlir::MLIRContext *context);

/// Reads bytecode in a child process and gives the module as text, with its
/// locations. Fails, with one error at `path`, where it cannot be read, be it
/// that the child does not survive it.
llvm::FailureOr<std::string>
convertBytecode(llvm::StringRef bytes, llvm::StringRef path,
                const mlir::DialectRegistry &registry,
                mlir::MLIRContext *context);

/// The file as text that a parser survives as far as nesting goes: bytecode is
/// converted, text is checked and kept. For tools that read nothing but MLIR,
/// and have no context yet; errors go to standard error, and the result is
/// null.
std::unique_ptr<llvm::MemoryBuffer>
guardSource(std::unique_ptr<llvm::MemoryBuffer> file,
            const mlir::DialectRegistry &registry);

/// Whether a child process that parses, verifies and prints the text survives
/// it, with or without errors. Fails, with one error at `path`, where it does
/// not.
llvm::LogicalResult tryParse(llvm::StringRef text, llvm::StringRef path,
                             const mlir::DialectRegistry &registry,
                             mlir::MLIRContext *context);

} // namespace lns

#endif // LNS_FRONTEND_GUARDEDPARSE_H
