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

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>

namespace mlir {
class DialectRegistry;
class MLIRContext;
} // namespace mlir

namespace lns {

/// Brackets that are open at one time in the text of a model.
inline constexpr unsigned kMaxTextNesting = 256;

/// The file as text that MLIR's parser survives: bytecode is read in a child
/// process and becomes text with its locations; text, without a byte order
/// mark, must not nest deeper than kMaxTextNesting, and a child tries to parse,
/// verify and print it, with errors or without. With a `marker`, lines of which
/// divide the text, each part is tried for itself. Null, with one error at the
/// file's name, where a child ends in any other way than by itself.
std::unique_ptr<llvm::MemoryBuffer>
guardSource(std::unique_ptr<llvm::MemoryBuffer> file,
            const mlir::DialectRegistry &registry, mlir::MLIRContext *context,
            llvm::StringRef marker = "");

/// For programs that have no context yet; errors go to standard error.
std::unique_ptr<llvm::MemoryBuffer>
guardSource(std::unique_ptr<llvm::MemoryBuffer> file,
            const mlir::DialectRegistry &registry, llvm::StringRef marker = "");

} // namespace lns

#endif // LNS_FRONTEND_GUARDEDPARSE_H
