//===- ModelWriter.h - A decoder with its norms, as a model -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_MODELWRITER_H
#define LNS_FRONTEND_MODELWRITER_H

#include "frontend/DecoderConfig.h"
#include "frontend/JsonConfig.h"
#include "frontend/NormSchemes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace lns {

/// Writes `decoder` down as an lns.model called `name`, in the order in which a
/// person would. Ops stand at the key of `config` that they come from; `json`
/// is what the model keeps as its own config.
mlir::OwningOpRef<mlir::ModuleOp>
writeModel(const DecoderConfig &decoder, const JsonConfig &config,
           const NormChoice &norm, llvm::StringRef name, llvm::StringRef json,
           mlir::MLIRContext *context);

} // namespace lns

#endif // LNS_FRONTEND_MODELWRITER_H
