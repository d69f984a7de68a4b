//===- HuggingFaceConfig.cpp - config.json to model form --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/HuggingFaceConfig.h"
#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "frontend/CheckpointConfig.h"
#include "frontend/JsonConfig.h"
#include "frontend/LlamaConfig.h"
#include "frontend/ModelWriter.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace lns;

namespace {

/// "models/llama-130m.json" and "llama-130m/config.json" are both llama-130m.
StringRef getModelName(StringRef path) {
  StringRef name = llvm::sys::path::stem(path);
  if (name == "config")
    name = llvm::sys::path::filename(llvm::sys::path::parent_path(path));
  if (name.empty() || name == "." || name == ".." ||
      llvm::sys::path::is_separator(name.front()))
    return "model";
  return name;
}

} // namespace

OwningOpRef<ModuleOp>
lns::importHuggingFaceConfig(StringRef json, StringRef path,
                             const HuggingFaceOptions &options,
                             MLIRContext *context) {
  context->loadDialect<LnsDialect>();
  JsonConfig config(path, context, options.allowUnknownKeys);
  if (failed(config.parse(json)))
    return nullptr;
  JsonSection root = config.getRoot();
  FailureOr<LlamaConfig> llama = readLlamaConfig(root, config, options);
  if (failed(llama))
    return nullptr;
  NormChoice norm = options.norm.value_or(llama->own.value_or(NormChoice()));
  if (!options.norm && !llama->own)
    emitRemark(config.locate("model_type"))
        << "norms are Pre-LN, as Hugging Face computes them; --norm=lns asks "
           "for LayerNorm Scaling, --norm=pre for no remark";
  if (norm.scheme == NormScheme::Lns && norm.init != InitRule::Plain)
    emitWarning(config.locate("model_type"))
        << "LayerNorm Scaling with smaller initial output projections: "
           "the paper's models start from plain ones, and with smaller ones "
           "learn worse (arXiv 2502.05795); leave init= out of --norm";
  OwningOpRef<ModuleOp> module = writeModel(
      *llama, config, norm, getModelName(path),
      getCheckpointConfig(config.getObject(), json, *llama, norm), context);
  // Nothing that passed the checks above should fail here; if it does, the
  // error stands at the key.
  if (failed(verify(*module)))
    return nullptr;
  return module;
}
