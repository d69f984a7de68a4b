//===- HuggingFaceConfig.cpp - config.json to model form --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/HuggingFaceConfig.h"
#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "frontend/BlockSpec.h"
#include "frontend/CheckpointConfig.h"
#include "frontend/DecoderConfig.h"
#include "frontend/JsonConfig.h"
#include "frontend/ModelWriter.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Support/Path.h"
#include <cmath>

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

/// --norm is for new models; that of an export is what its mark says.
LogicalResult checkMark(const DecoderConfig &decoder, NormChoice norm,
                        JsonConfig &config) {
  NormChoice wanted = decoder.own.value_or(decoder.family->norm);
  // How matrices start is no part of the model.
  norm.init = wanted.init;
  if (norm == wanted)
    return success();
  return config.error(decoder.own ? "lnsc.norm" : "lnsc")
         << "--norm=" << formatNormChoice(norm)
         << ", but the parameters beside this file are those of '"
         << formatNormChoice(wanted)
         << "'; leave --norm out, or 'lnsc' if the model is to be a new one";
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
  FailureOr<DecoderConfig> decoder = readDecoderConfig(root, config, options);
  if (failed(decoder))
    return nullptr;
  const NormChoice &family = decoder->family->norm;
  NormChoice norm = options.norm.value_or(decoder->own.value_or(family));
  // To ask for what is so anyway is to ask for nothing.
  InitRule ownInit = decoder->family->init;
  NormChoice unasked = norm;
  unasked.init.reset();
  if (getInitRule(norm, ownInit) == getInitRule(unasked, ownInit))
    norm = unasked;
  if (decoder->isFolded && failed(checkMark(*decoder, norm, config)))
    return nullptr;
  bool isPreNorm = family.scheme == NormScheme::Pre;
  if (!options.norm && !decoder->own)
    emitRemark(config.locate("model_type"))
        << "norms are "
        << (isPreNorm ? std::string("Pre-LN")
                      : "'" + formatNormChoice(family) + "'")
        << ", as Hugging Face computes them; "
        << (isPreNorm ? "--norm=lns asks for LayerNorm Scaling, " : "")
        << "--norm=" << formatNormChoice(family) << " for no remark";
  // Of a checkpoint of ours it was said when its run was compiled.
  bool isAsked = options.norm.has_value();
  if (isAsked && !isPreNorm && norm.scheme != family.scheme)
    emitWarning(config.locate("model_type"))
        << "--norm=" << getName(norm.scheme) << " takes the place of '"
        << getName(family.scheme) << "', which \"" << decoder->family->modelType
        << "\" has";
  // A scheme that is a factor of branches has the place of the family's.
  if (norm.scheme == NormScheme::ResidualMultiplier ||
      norm.scheme == NormScheme::CompleteP)
    decoder->residualScale = 1;
  // So has one that says how long all vectors are.
  if (norm.scheme == NormScheme::NGpt) {
    decoder->embeddingScale = decoder->residualScale = decoder->logitScale = 1;
    decoder->attentionScale = std::sqrt(static_cast<double>(decoder->headDim));
    decoder->layerAttentionScales.clear();
    if (decoder->family->learnedPositions) {
      config.error("model_type")
          << "the stream of 'ngpt' begins as an embedding of length 1, but \""
          << decoder->family->modelType
          << "\" adds learned positions to it; choose another scheme";
      return nullptr;
    }
  }
  if (norm.scheme == NormScheme::LnsFoldedInit &&
      decoder->family->gainOffset != 0) {
    config.error("model_type")
        << "gains of \"" << decoder->family->modelType << "\" are stored less "
        << decoder->family->gainOffset
        << ", but those of 'lns-folded-init' start at 1/sqrt(l); choose "
           "another scheme";
    return nullptr;
  }
  auto layers = static_cast<double>(decoder->layers);
  if (isAsked && norm.scheme == NormScheme::Mix && norm.fraction > 0 &&
      norm.fraction * layers < 1)
    emitWarning(config.locate(decoder->keys.layers))
        << "fraction=" << norm.fraction << " of " << decoder->layers
        << " blocks is less than one, so that none is Post-LN; give at least "
        << 1 / layers;
  if (isAsked && norm.scheme == NormScheme::Lns && norm.init)
    emitWarning(config.locate("model_type"))
        << "LayerNorm Scaling with smaller initial output projections: "
           "the paper's models start from plain ones, and with smaller ones "
           "learn worse (arXiv 2502.05795); leave init= out of --norm";
  OwningOpRef<ModuleOp> module = writeModel(
      *decoder, config, norm, getModelName(path),
      getCheckpointConfig(config.getObject(), json, *decoder, norm), context);
  // Nothing that passed the checks above should fail here; if it does, the
  // error stands at the key.
  if (failed(verify(*module)))
    return nullptr;
  return module;
}
