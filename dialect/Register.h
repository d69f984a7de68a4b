//===- Register.h - Registers the dialects that every tool reads ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DIALECT_REGISTER_H
#define LNS_DIALECT_REGISTER_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace lns {

/// Adds lns and the dialects that stand beside it in graph form (func, arith)
/// to `registry`. Every tool calls it, so that all read the same files.
void registerDialects(mlir::DialectRegistry &registry);

} // namespace lns

#endif // LNS_DIALECT_REGISTER_H
