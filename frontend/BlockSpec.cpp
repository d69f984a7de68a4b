//===- BlockSpec.cpp - What a norm scheme makes of a block ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/BlockSpec.h"

#include <cmath>

using namespace lns;

namespace {

// Hugging Face's names of a block's norms; docs/schemes.md says why one of them
// has three meanings.
constexpr llvm::StringLiteral kInput = "input_layernorm";
constexpr llvm::StringLiteral kPostAttention = "post_attention_layernorm";
constexpr llvm::StringLiteral kPreFeedForward = "pre_feedforward_layernorm";
constexpr llvm::StringLiteral kPostFeedForward = "post_feedforward_layernorm";

BlockSpec makePre() {
  BlockSpec block;
  block.attention.before = kInput;
  block.feedForward.before = kPostAttention;
  return block;
}

BlockSpec makePost() {
  BlockSpec block;
  block.attention.stream = kPostAttention;
  block.feedForward.stream = kPostFeedForward;
  return block;
}

BlockSpec makeReordered() {
  BlockSpec block;
  block.attention.behind = kPostAttention;
  block.feedForward.behind = kPostFeedForward;
  return block;
}

BlockSpec makeSandwich() {
  BlockSpec block = makeReordered();
  block.attention.before = kInput;
  block.feedForward.before = kPreFeedForward;
  return block;
}

/// L / L0 of CompleteP.
double getDepthRatio(const NormChoice &choice, int64_t layers) {
  return static_cast<double>(layers) /
         static_cast<double>(choice.baseLayers.value_or(kDefaultBaseLayers));
}

BlockSpec makeBlock(const NormChoice &choice, int64_t layers) {
  auto depth = static_cast<double>(layers);
  BlockSpec block;
  switch (choice.scheme) {
  case NormScheme::Lns:
    block = makePre();
    block.depthScale = DepthScale::inv_sqrt_depth;
    return block;
  case NormScheme::LnsFoldedInit:
    block = makePre();
    block.gainInit = DepthScale::inv_sqrt_depth;
    return block;
  case NormScheme::Post:
    return makePost();
  case NormScheme::DeepNorm:
    block = makePost();
    block.skip = std::pow(2 * depth, 0.25);
    return block;
  case NormScheme::Sandwich:
  case NormScheme::Peri:
    return makeSandwich();
  case NormScheme::Reordered:
    return makeReordered();
  case NormScheme::Keel:
    block.attention.before = kInput;
    block.attention.stream = kPostAttention;
    block.feedForward.before = kPreFeedForward;
    block.feedForward.stream = kPostFeedForward;
    block.skip = choice.skip.value_or(2 * depth);
    return block;
  case NormScheme::SubLn:
    block = makePre();
    block.attention.inner = "self_attn.attn_sub_norm";
    block.feedForward.inner = "mlp.ffn_sub_norm";
    return block;
  case NormScheme::ResidualMultiplier:
    block = makePre();
    block.branch = choice.branch.value_or(1 / std::sqrt(depth));
    return block;
  case NormScheme::LayerScale:
    block = makePre();
    block.attention.gate = "self_attn.layer_scale";
    block.feedForward.gate = "mlp.layer_scale";
    block.gatesColumns = true;
    block.gateStart = choice.start.value_or(1e-4);
    return block;
  case NormScheme::SkipInit:
    block = makePre();
    block.attention.gate = "self_attn.branch_scale";
    block.feedForward.gate = "mlp.branch_scale";
    block.gateStart = choice.start.value_or(1 / std::sqrt(depth));
    return block;
  case NormScheme::ReZero:
    block.attention.gate = block.feedForward.gate = "branch_scale";
    block.gateStart = choice.start.value_or(0);
    return block;
  case NormScheme::DyT:
    block = makePre();
    block.normKind = NormKind::tanh;
    block.alpha = choice.alpha;
    return block;
  case NormScheme::Derf:
    block = makePre();
    block.normKind = NormKind::erf;
    block.alpha = choice.alpha;
    return block;
  case NormScheme::Hybrid:
  case NormScheme::HybridStar: // its later blocks
    block.attention.stream = kPostAttention;
    block.qkNorm = QkNorm::Head;
    block.valueNorm = true;
    return block;
  case NormScheme::NGpt:
    block.attention.gate = "self_attn.alpha";
    block.feedForward.gate = "mlp.alpha";
    block.hasLength1 = true;
    return block;
  case NormScheme::CompleteP:
    block = makePre();
    block.branch =
        std::pow(getDepthRatio(choice, layers), -choice.depthExponent);
    return block;
  case NormScheme::Pre:
  case NormScheme::Gpas:
  case NormScheme::ProRes:
  case NormScheme::Mix: // its later blocks
  case NormScheme::ScaledInit:
  case NormScheme::DepthScaledInit:
  case NormScheme::Mitchell:
    break;
  }
  return makePre();
}

bool hasFinalNorm(NormScheme scheme) {
  return scheme != NormScheme::Post && scheme != NormScheme::DeepNorm &&
         scheme != NormScheme::Keel && scheme != NormScheme::NGpt;
}

} // namespace

ModelSpec lns::getModelSpec(const NormChoice &choice, int64_t layers) {
  ModelSpec model;
  model.embeddingNorm =
      choice.scheme == NormScheme::Peri && choice.embeddingNorm;
  model.finalNorm = choice.finalNorm.value_or(hasFinalNorm(choice.scheme));
  model.embeddingScale =
      choice.scheme == NormScheme::DyT || choice.scheme == NormScheme::Derf;
  model.valueResidual = choice.valueResidual;
  model.hasLength1 = choice.scheme == NormScheme::NGpt;
  // The first blocks of some schemes are others.
  int64_t first = 0;
  BlockSpec block;
  if (choice.scheme == NormScheme::Mix) {
    // 0.29 * 100 is a little less than 29.
    constexpr double kRounding = 1e-9;
    first = static_cast<int64_t>(
        std::floor(choice.fraction * static_cast<double>(layers) + kRounding));
    block = makePost();
  } else if (choice.scheme == NormScheme::HybridStar) {
    first = 1;
    block = makePre();
    block.qkNorm = QkNorm::Head;
    block.valueNorm = true;
  }
  if (first > 0)
    model.runs.push_back({first, block});
  if (first < layers)
    model.runs.push_back({layers - first, makeBlock(choice, layers)});
  for (BlockRun &run : model.runs) {
    if (choice.qkNorm)
      run.block.qkNorm = choice.qkNorm;
    run.block.headGate = choice.headGate;
    run.block.gpas = choice.gpas || choice.scheme == NormScheme::Gpas;
    bool opens = choice.openingSteps || choice.scheme == NormScheme::ProRes;
    run.block.openingSteps =
        opens ? choice.openingSteps.value_or(kDefaultOpeningSteps) : 0;
  }
  return model;
}

InitRule lns::getInitRule(const NormChoice &choice, InitRule family) {
  switch (choice.scheme) {
  case NormScheme::ScaledInit:
  case NormScheme::Hybrid:
  case NormScheme::HybridStar:
    return InitRule::Scaled;
  case NormScheme::DepthScaledInit:
    return InitRule::DepthScaled;
  case NormScheme::Mitchell:
    return InitRule::Mitchell;
  case NormScheme::Lns:
  case NormScheme::LnsFoldedInit:
    return choice.init.value_or(InitRule::Plain);
  case NormScheme::NGpt:
  case NormScheme::CompleteP:
    return InitRule::Plain;
  default:
    return choice.init.value_or(family);
  }
}

Projection lns::getProjection(MatrixKind matrix) {
  return matrix == MatrixKind::AttentionOutput || matrix == MatrixKind::Down
             ? Projection::columns
             : Projection::rows;
}

/// Table 1 of arXiv 2505.01618; `outer` as docs/schemes.md says.
SizeFactors lns::getSizeFactors(const NormChoice &choice, int64_t layers,
                                int64_t hidden) {
  SizeFactors factors;
  if (choice.scheme != NormScheme::CompleteP)
    return factors;
  double depth = getDepthRatio(choice, layers), a = choice.depthExponent;
  double width = static_cast<double>(hidden) /
                 static_cast<double>(choice.baseWidth.value_or(hidden));
  factors.blockVectors.lr = std::pow(depth, a - 1);
  factors.blockVectors.eps = std::pow(depth, -a) / width;
  factors.blockMatrices = factors.blockVectors;
  factors.blockMatrices.lr /= width;
  factors.blockMatrices.decay = width;
  // Their gradients hold what logits are divided by, as all do.
  factors.outer.eps = 1 / width;
  factors.matrixStd = 1 / std::sqrt(width);
  factors.logits = 1 / width;
  return factors;
}

NormalInit lns::getMatrixInit(const NormChoice &choice, InitRule family,
                              MatrixKind matrix, int64_t layers, int64_t out,
                              int64_t in, double std) {
  auto depth = static_cast<double>(layers);
  bool isOutput =
      matrix == MatrixKind::AttentionOutput || matrix == MatrixKind::Down;
  if (matrix != MatrixKind::Embedding &&
      choice.scheme == NormScheme::DeepNorm) {
    double xavier = std::sqrt(2.0 / static_cast<double>(out + in));
    return {matrix == MatrixKind::QueryKey
                ? xavier
                : xavier * std::pow(8 * depth, -0.25)};
  }
  if (matrix != MatrixKind::Embedding && matrix != MatrixKind::QueryKey &&
      choice.scheme == NormScheme::SubLn)
    return {std * std::sqrt(std::log(2 * depth))};

  InitRule rule = getInitRule(choice, family);
  switch (rule) {
  case InitRule::Plain:
    return {std};
  case InitRule::Scaled:
    return {isOutput ? std / std::sqrt(2 * depth) : std};
  case InitRule::DepthScaled:
  case InitRule::DepthScaledUp:
    if (isOutput ||
        (matrix == MatrixKind::Up && rule == InitRule::DepthScaledUp))
      return {std / std::sqrt(2.0), InitKind::normal,
              DepthScale::inv_sqrt_depth};
    return {std};
  case InitRule::Mitchell:
    // The attention's output counts by the model's width.
    int64_t width = matrix == MatrixKind::AttentionOutput ? out : in;
    double byWidth = 1 / std::sqrt(static_cast<double>(width));
    if (!isOutput)
      return {byWidth, InitKind::truncated_normal};
    return {byWidth / std::sqrt(2.0), InitKind::truncated_normal,
            DepthScale::inv_sqrt_depth};
  }
  llvm_unreachable("unknown init rule");
}
