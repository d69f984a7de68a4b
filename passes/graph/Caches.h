//===- Caches.h - Attention to tokens of calls before -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// @decode computes one token of each sequence. What an attention needs of the
// tokens before it are their keys and values, which stay in caches.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_GRAPH_CACHES_H
#define LNS_PASSES_GRAPH_CACHES_H

#include "dialect/LnsOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include <functional>
#include <string>

namespace lns {

/// Makes the caches of a function while a model is written out into it.
class CacheBuilder {
public:
  /// `isTaken` says of a symbol whether the module has it already.
  CacheBuilder(mlir::func::FuncOp function, int64_t positions,
               std::function<bool(llvm::StringRef)> isTaken)
      : function(function), positions(positions), isTaken(std::move(isTaken)) {}

  /// Puts keys and values behind those of the tokens before, and attends to all
  /// of them in place of `attention`, which is erased.
  CachedAttentionOp replace(AttentionOp attention);

private:
  /// `rows` in the cache that is called `name`, which is made, and is stored.
  mlir::Value append(mlir::OpBuilder &builder, mlir::Location location,
                     mlir::Value rows, std::string name);

  mlir::func::FuncOp function; ///< of tokens and starts; caches stand before it
  int64_t positions;           ///< that a cache has room for
  std::function<bool(llvm::StringRef)> isTaken;
  int64_t attentions = 0;
};

} // namespace lns

#endif // LNS_PASSES_GRAPH_CACHES_H
