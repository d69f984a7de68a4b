//===- HuggingFaceConfig.h - config.json to model form ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_HUGGINGFACECONFIG_H
#define LNS_FRONTEND_HUGGINGFACECONFIG_H

#include "frontend/NormSchemes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>

namespace lns {

/// What a config.json leaves open, and what overrides it.
struct HuggingFaceOptions {
  /// Without one, what the file says: its scheme in one of ours
  /// (CheckpointConfig.h), else the family's, as Hugging Face computes it,
  /// which a remark says.
  std::optional<NormChoice> norm;
  std::optional<int64_t> vocabulary; ///< in place of vocab_size
  int64_t sequence = 0; ///< tokens; 0: not known, so that nothing is too long
  bool allowUnknownKeys = false; ///< a warning for each, and no error
};

/// Makes a module with one `lns.model`, as a person would write it, of the text
/// `json` of a Hugging Face config.json of one of the families (Families.h).
/// All tensors are f32. The model is called after the file (or its folder, if
/// the file is called config.json), and keeps in its `config` the config.json
/// that its checkpoints carry.
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
