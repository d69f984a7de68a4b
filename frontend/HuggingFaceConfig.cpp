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

#include "mlir/IR/Builders.h"
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

/// Writes a LLaMA down in the order in which a person would.
class ModelWriter {
public:
  ModelWriter(const LlamaConfig &llama, const JsonConfig &config,
              NormScheme scheme, MLIRContext *context)
      : llama(llama), config(config), scheme(scheme), builder(context) {}

  OwningOpRef<ModuleOp> write(StringRef name, StringRef json) {
    OwningOpRef<ModuleOp> module = ModuleOp::create(at("model_type"));
    builder.setInsertionPointToStart(module->getBody());
    auto model = ModelOp::create(builder, at("model_type"), name,
                                 builder.getStringAttr(json));
    Block &body = model.getBody().emplaceBlock();
    Value tokens =
        body.addArgument(open({}, builder.getI32Type()), at("model_type"));
    builder.setInsertionPointToStart(&body);

    Value table = param("model.embed_tokens.weight", Role::embedding,
                        {llama.vocabulary, llama.hidden}, "vocab_size");
    Value hidden = EmbeddingOp::create(builder, at("vocab_size"),
                                       open({llama.hidden}), table, tokens);
    hidden = writeLayers(hidden);

    // Neither scheme scales the final norm.
    Value gain =
        param("model.norm.weight", Role::gain, {llama.hidden}, "hidden_size");
    Value head = llama.tiedHead
                     ? table
                     : param("lm_head.weight", Role::matrix,
                             {llama.vocabulary, llama.hidden}, "vocab_size");
    hidden = norm(hidden, gain, DepthScale::none);
    Value logits = LinearOp::create(builder, at("vocab_size"),
                                    open({llama.vocabulary}), hidden, head);
    OutputOp::create(builder, at("model_type"), logits);
    return module;
  }

private:
  Value writeLayers(Value input) {
    auto layers =
        LayersOp::create(builder, at("num_hidden_layers"), input.getType(),
                         input, static_cast<uint64_t>(llama.layers));
    Block &block = layers.getBody().emplaceBlock();
    Value hidden = block.addArgument(input.getType(), layers.getLoc());
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&block);
    hidden = writeAttention(hidden);
    hidden = writeFeedForward(hidden);
    YieldOp::create(builder, layers.getLoc(), hidden);
    return layers.getResult(0);
  }

  Value writeAttention(Value skip) {
    int64_t width = llama.heads * llama.headDim;
    int64_t kvWidth = llama.kvHeads * llama.headDim;
    StringRef kvKey = config.contains("num_key_value_heads")
                          ? "num_key_value_heads"
                          : "num_attention_heads";
    StringRef bias = llama.attentionBias ? "attention_bias" : "";
    Value gain = blockParam("input_layernorm.weight", Role::gain,
                            {llama.hidden}, "hidden_size");
    Projection q = projection("self_attn.q_proj", width, llama.hidden,
                              "num_attention_heads", bias);
    Projection k =
        projection("self_attn.k_proj", kvWidth, llama.hidden, kvKey, bias);
    Projection v =
        projection("self_attn.v_proj", kvWidth, llama.hidden, kvKey, bias);
    Projection o = projection("self_attn.o_proj", llama.hidden, width,
                              "num_attention_heads", bias);
    Value x = norm(skip, gain, getDepthScale());
    Value query = apply(q, x), key = apply(k, x), value = apply(v, x);
    query = rope(query);
    key = rope(key);
    auto attention = AttentionOp::create(
        builder, q.location, query.getType(), /*lse=*/Type(), query, key, value,
        static_cast<uint64_t>(llama.heads),
        static_cast<uint64_t>(llama.kvHeads), /*causal=*/true,
        /*softmax_scale=*/FloatAttr());
    return residual(skip, apply(o, attention.getResult()));
  }

  Value writeFeedForward(Value skip) {
    StringRef key = "intermediate_size", bias = llama.mlpBias ? "mlp_bias" : "";
    Value gain = blockParam("post_attention_layernorm.weight", Role::gain,
                            {llama.hidden}, "hidden_size");
    Projection gate = projection("mlp.gate_proj", llama.intermediate,
                                 llama.hidden, key, bias);
    Projection up =
        projection("mlp.up_proj", llama.intermediate, llama.hidden, key, bias);
    Projection down = projection("mlp.down_proj", llama.hidden,
                                 llama.intermediate, key, bias);
    Value x = norm(skip, gain, getDepthScale());
    Value gated = apply(gate, x), inner = apply(up, x);
    inner = GatedActivationOp::create(builder, at(key), inner.getType(), gated,
                                      inner, llama.activation);
    return residual(skip, apply(down, inner));
  }

  struct Projection {
    Value weight, bias;
    Location location;
  };

  /// `biasKey` is the key that asks for a bias, empty without one.
  Projection projection(StringRef name, int64_t out, int64_t in, StringRef key,
                        StringRef biasKey) {
    Value weight =
        blockParam(name.str() + ".weight", Role::matrix, {out, in}, key);
    Value bias;
    if (!biasKey.empty())
      bias = blockParam(name.str() + ".bias", Role::bias, {out}, biasKey);
    return {weight, bias, at(key)};
  }

  Value apply(const Projection &projection, Value input) {
    auto weight = cast<RankedTensorType>(projection.weight.getType());
    return LinearOp::create(builder, projection.location,
                            open({weight.getDimSize(0)}), input,
                            projection.weight, projection.bias);
  }

  Value norm(Value input, Value gain, DepthScale depthScale) {
    StringRef key =
        config.contains("rms_norm_eps") ? "rms_norm_eps" : "hidden_size";
    auto op = NormOp::create(builder, at(key), input, gain, /*bias=*/Value(),
                             NormKind::rms, llama.normEps, /*scale=*/1.0);
    op.setDepthScale(depthScale);
    return op;
  }

  Value rope(Value input) {
    DenseF64ArrayAttr frequencies;
    if (llama.rope.frequencies)
      frequencies = builder.getDenseF64ArrayAttr(*llama.rope.frequencies);
    return RopeOp::create(builder, at(llama.rope.key), input.getType(), input,
                          builder.getI64IntegerAttr(llama.headDim),
                          builder.getF64FloatAttr(llama.rope.base),
                          frequencies);
  }

  Value residual(Value skip, Value branch) {
    FloatAttr one = builder.getF64FloatAttr(1.0);
    return ResidualOp::create(builder, at("num_hidden_layers"), skip.getType(),
                              skip, branch, one, one);
  }

  DepthScale getDepthScale() const {
    return scheme == NormScheme::Lns ? DepthScale::inv_sqrt_depth
                                     : DepthScale::none;
  }

  Value blockParam(const llvm::Twine &name, Role role, ArrayRef<int64_t> shape,
                   StringRef key) {
    return param(("model.layers.{layer}." + name).str(), role, shape, key);
  }

  /// Hugging Face's initialization: matrices and embeddings are normal, gains
  /// are ones, biases are zeros.
  Value param(StringRef name, Role role, ArrayRef<int64_t> shape,
              StringRef key) {
    bool isNormal = role == Role::matrix || role == Role::embedding;
    InitKind init = isNormal             ? InitKind::normal
                    : role == Role::gain ? InitKind::ones
                                         : InitKind::zeros;
    return ParamOp::create(
        builder, at(key), RankedTensorType::get(shape, builder.getF32Type()),
        name, role, init,
        isNormal ? builder.getF64FloatAttr(llama.initStd) : FloatAttr(),
        /*decay=*/BoolAttr());
  }

  /// A tensor over batch and time.
  RankedTensorType open(ArrayRef<int64_t> inner, Type element = {}) {
    SmallVector<int64_t> shape(2, ShapedType::kDynamic);
    llvm::append_range(shape, inner);
    return RankedTensorType::get(shape,
                                 element ? element : builder.getF32Type());
  }

  Location at(StringRef key) const { return config.locate(key); }

  const LlamaConfig &llama;
  const JsonConfig &config;
  NormScheme scheme;
  OpBuilder builder;
};

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
  NormScheme scheme =
      options.norm.value_or(llama->isLns ? NormScheme::Lns : NormScheme::Pre);
  if (!options.norm && !llama->isLns)
    emitRemark(config.locate("model_type"))
        << "norms are Pre-LN, as Hugging Face computes them; --norm=lns asks "
           "for LayerNorm Scaling, --norm=pre for no remark";
  OwningOpRef<ModuleOp> module =
      ModelWriter(*llama, config, scheme, context)
          .write(getModelName(path),
                 getCheckpointConfig(config.getObject(), json, *llama, scheme));
  // Nothing that passed the checks above should fail here; if it does, the
  // error stands at the key.
  if (failed(verify(*module)))
    return nullptr;
  return module;
}
