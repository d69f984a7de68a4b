//===- HuggingFaceConfig.h - config.json to model form ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_HUGGINGFACECONFIG_H
#define LNS_FRONTEND_HUGGINGFACECONFIG_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"

namespace lns {

/// What the norms of a block are multiplied by. A config.json does not say.
enum class NormScheme {
  Lns, ///< 1/sqrt(l), l the 1-based block index (arXiv 2502.05795)
  Pre  ///< nothing
};

/// What a config.json leaves open.
struct HuggingFaceOptions {
  NormScheme norm = NormScheme::Lns;
};

/// Makes a module with one `lns.model`, as a person would write it, of the text
/// `json` of a Hugging Face config.json. Model types: "llama", and "mistral"
/// without its sliding window, which is the same network. All tensors are f32.
/// The model is called after the file (or its folder, if the file is called
/// config.json), and keeps `json` in its `config`.
///
/// `path` names the file in locations and errors: ops stand at the key that
/// they come from. Gives null after emitting one error for everything that is
/// wrong: missing keys, values out of range, sizes that do not fit each other,
/// and keys that are unknown and so may change what the model computes.
mlir::OwningOpRef<mlir::ModuleOp>
importHuggingFaceConfig(llvm::StringRef json, llvm::StringRef path,
                        const HuggingFaceOptions &options,
                        mlir::MLIRContext *context);

} // namespace lns

#endif // LNS_FRONTEND_HUGGINGFACECONFIG_H
