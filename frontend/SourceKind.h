//===- SourceKind.h - What an input file is ---------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_SOURCEKIND_H
#define LNS_FRONTEND_SOURCEKIND_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace lns {

enum class SourceKind {
  Text,     ///< MLIR
  Bytecode, ///< MLIR
  Config    ///< JSON
};

/// What the bytes are, by their beginning: a pipe has no name, and a name
/// proves nothing. Only a name that ends in ".json" counts, for bytes that look
/// like nothing else. Without a value for what is neither model nor config;
/// `problem` then says what it is, as far as that is known, and what to give
/// instead.
std::optional<SourceKind> getSourceKind(llvm::StringRef bytes,
                                        llvm::StringRef name,
                                        std::string &problem);

/// The bytes without UTF-8's byte order mark, which editors put in front.
llvm::StringRef dropByteOrderMark(llvm::StringRef bytes);

} // namespace lns

#endif // LNS_FRONTEND_SOURCEKIND_H
