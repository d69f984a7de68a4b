//===- ModelWriter.cpp - A LLaMA with any norm scheme, as a model ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/ModelWriter.h"
#include "dialect/LnsOps.h"
#include "frontend/BlockSpec.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace lns;

namespace {

class ModelWriter {
public:
  ModelWriter(const DecoderConfig &decoder, const JsonConfig &config,
              const NormChoice &choice, MLIRContext *context)
      : decoder(decoder), config(config), choice(choice),
        spec(getModelSpec(choice, decoder.layers)), builder(context) {}

  OwningOpRef<ModuleOp> write(StringRef name, StringRef json) {
    OwningOpRef<ModuleOp> module = ModuleOp::create(at("model_type"));
    builder.setInsertionPointToStart(module->getBody());
    auto model = ModelOp::create(builder, at("model_type"), name,
                                 builder.getStringAttr(json));
    Block &body = model.getBody().emplaceBlock();
    Value tokens =
        body.addArgument(open({}, builder.getI32Type()), at("model_type"));
    builder.setInsertionPointToStart(&body);

    Value table = param(
        "model.embed_tokens.weight", Role::embedding,
        {decoder.vocabulary, decoder.hidden}, "vocab_size",
        getInit(MatrixKind::Embedding, decoder.vocabulary, decoder.hidden));
    Value hidden = EmbeddingOp::create(builder, at("vocab_size"),
                                       open({decoder.hidden}), table, tokens);
    if (decoder.embeddingScale != 1)
      hidden = ScaleOp::create(builder, at("embedding_multiplier"),
                               hidden.getType(), hidden,
                               builder.getF64FloatAttr(decoder.embeddingScale));
    if (spec.embeddingNorm)
      hidden = norm(hidden, gain("model.embed_norm", decoder.hidden));
    int64_t first = 0;
    for (const BlockRun &run : spec.runs) {
      for (int64_t begin = first, end; begin < first + run.depth; begin = end) {
        end = getEqualEnd(begin, first + run.depth);
        rotates = decoder.rotates.empty() || decoder.rotates[begin];
        hidden = writeLayers(run.block, end - begin, hidden);
      }
      first += run.depth;
    }

    // No scheme scales the final norm.
    Value finalGain =
        spec.finalNorm ? gain("model.norm", decoder.hidden) : Value();
    Value head = decoder.tiedHead
                     ? table
                     : matrix("lm_head.weight", MatrixKind::Embedding,
                              decoder.vocabulary, decoder.hidden, "vocab_size");
    if (finalGain)
      hidden = norm(hidden, finalGain);
    Value logits = LinearOp::create(builder, at("vocab_size"),
                                    open({decoder.vocabulary}), hidden, head,
                                    /*bias=*/Value(), decoder.logitScale);
    OutputOp::create(builder, at("model_type"), logits);
    return module;
  }

private:
  /// Where layers that rotate as layer `begin` does, or do not, end.
  int64_t getEqualEnd(int64_t begin, int64_t end) const {
    if (decoder.rotates.empty())
      return end;
    int64_t next = begin + 1;
    while (next < end && decoder.rotates[next] == decoder.rotates[begin])
      ++next;
    return next;
  }

  Value writeLayers(const BlockSpec &spec, int64_t depth, Value input) {
    auto layers =
        LayersOp::create(builder, at("num_hidden_layers"), input.getType(),
                         input, static_cast<uint64_t>(depth));
    Block &body = layers.getBody().emplaceBlock();
    Value hidden = body.addArgument(input.getType(), layers.getLoc());
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&body);
    block = &spec;
    hidden = writeAttention(hidden);
    hidden = writeFeedForward(hidden);
    YieldOp::create(builder, layers.getLoc(), hidden);
    return layers.getResult(0);
  }

  Value writeAttention(Value skip) {
    const SublayerSpec &sublayer = block->attention;
    int64_t width = decoder.heads * decoder.headDim;
    int64_t kvWidth = decoder.kvHeads * decoder.headDim;
    StringRef kvKey = config.contains("num_key_value_heads")
                          ? "num_key_value_heads"
                          : "num_attention_heads";
    StringRef bias = decoder.queryBias ? "attention_bias" : "";
    Value before = blockGain(sublayer.before, decoder.hidden);
    Projection q = projection("self_attn.q_proj", MatrixKind::QueryKey, width,
                              decoder.hidden, "num_attention_heads", bias);
    Projection k = projection("self_attn.k_proj", MatrixKind::QueryKey, kvWidth,
                              decoder.hidden, kvKey, bias);
    Projection v = projection("self_attn.v_proj", MatrixKind::Value, kvWidth,
                              decoder.hidden, kvKey, bias);
    Projection o = projection("self_attn.o_proj", MatrixKind::AttentionOutput,
                              decoder.hidden, width, "num_attention_heads",
                              decoder.outputBias ? "attention_bias" : "");
    Value x = before ? norm(skip, before, block->depthScale) : skip;
    Value query = apply(q, x), key = apply(k, x), value = apply(v, x);
    if (block->qkNorm || decoder.family->qkNorm == QkNorm::Full) {
      query = norm(query, blockGain("self_attn.q_norm", width));
      key = norm(key, blockGain("self_attn.k_norm", kvWidth));
    }
    if (rotates) {
      query = rope(query);
      key = rope(key);
    }
    auto attention = AttentionOp::create(
        builder, q.location, query.getType(), /*lse=*/Type(), query, key, value,
        static_cast<uint64_t>(decoder.heads),
        static_cast<uint64_t>(decoder.kvHeads), /*causal=*/true,
        decoder.attentionScale
            ? builder.getF64FloatAttr(*decoder.attentionScale)
            : FloatAttr());
    return finish(sublayer, skip, attention.getResult(), width, o);
  }

  Value writeFeedForward(Value skip) {
    const SublayerSpec &sublayer = block->feedForward;
    StringRef key = "intermediate_size",
              bias = decoder.mlpBias ? "mlp_bias" : "";
    Value before = blockGain(sublayer.before, decoder.hidden);
    Projection gate =
        projection("mlp.gate_proj", MatrixKind::Gate, decoder.intermediate,
                   decoder.hidden, key, bias);
    Projection up = projection("mlp.up_proj", MatrixKind::Up,
                               decoder.intermediate, decoder.hidden, key, bias);
    Projection down =
        projection("mlp.down_proj", MatrixKind::Down, decoder.hidden,
                   decoder.intermediate, key, bias);
    Value x = before ? norm(skip, before, block->depthScale) : skip;
    Value gated = apply(gate, x), inner = apply(up, x);
    inner = GatedActivationOp::create(builder, at(key), inner.getType(), gated,
                                      inner, decoder.activation);
    return finish(sublayer, skip, inner, decoder.intermediate, down);
  }

  struct Projection {
    Value weight, bias;
    Location location;
  };

  /// What every sublayer ends with: its output projection, and the way back
  /// into the stream.
  Value finish(const SublayerSpec &sublayer, Value skip, Value inner,
               int64_t width, const Projection &output) {
    if (Value gain = blockGain(sublayer.inner, width))
      inner = norm(inner, gain);
    Value branch = apply(output, inner);
    if (Value gain = blockGain(sublayer.behind, decoder.hidden))
      branch = norm(branch, gain);
    Value hidden = ResidualOp::create(
        builder, at("num_hidden_layers"), skip.getType(), skip, branch,
        builder.getF64FloatAttr(block->skip),
        builder.getF64FloatAttr(block->branch * decoder.residualScale));
    if (Value gain = blockGain(sublayer.stream, decoder.hidden))
      hidden = norm(hidden, gain);
    return hidden;
  }

  /// `biasKey` is the key that asks for a bias, empty without one.
  Projection projection(StringRef name, MatrixKind kind, int64_t out,
                        int64_t in, StringRef key, StringRef biasKey) {
    Value weight = matrix(getBlockName(name, ".weight"), kind, out, in, key);
    Value bias;
    if (!biasKey.empty())
      bias = param(getBlockName(name, ".bias"), Role::bias, {out}, biasKey,
                   {InitKind::zeros});
    return {weight, bias, at(key)};
  }

  Value apply(const Projection &projection, Value input) {
    auto weight = cast<RankedTensorType>(projection.weight.getType());
    return LinearOp::create(builder, projection.location,
                            open({weight.getDimSize(0)}), input,
                            projection.weight, projection.bias);
  }

  Value norm(Value input, Value gain,
             DepthScale depthScale = DepthScale::none) {
    StringRef key =
        config.contains("rms_norm_eps") ? "rms_norm_eps" : "hidden_size";
    auto op = NormOp::create(builder, at(key), input, gain, /*bias=*/Value(),
                             NormKind::rms, decoder.normEps, /*scale=*/1.0);
    op.setDepthScale(depthScale);
    return op;
  }

  Value rope(Value input) {
    DenseF64ArrayAttr frequencies;
    if (decoder.rope.frequencies)
      frequencies = builder.getDenseF64ArrayAttr(*decoder.rope.frequencies);
    return RopeOp::create(builder, at(decoder.rope.key), input.getType(), input,
                          builder.getI64IntegerAttr(decoder.headDim),
                          builder.getF64FloatAttr(decoder.rope.base),
                          frequencies);
  }

  static std::string getBlockName(StringRef name, StringRef suffix) {
    return ("model.layers.{layer}." + name + suffix).str();
  }

  /// A gain of the block; null for an empty name.
  Value blockGain(StringRef name, int64_t width) {
    if (name.empty())
      return {};
    Init init = {InitKind::ones};
    if (block->gainInit != DepthScale::none)
      init = {InitKind::constant, 1.0, block->gainInit};
    return param(getBlockName(name, ".weight"), Role::gain, {width},
                 "hidden_size", init);
  }

  Value gain(StringRef name, int64_t width) {
    return param(name.str() + ".weight", Role::gain, {width}, "hidden_size",
                 {InitKind::ones});
  }

  Value matrix(StringRef name, MatrixKind kind, int64_t out, int64_t in,
               StringRef key) {
    return param(name, Role::matrix, {out, in}, key, getInit(kind, out, in));
  }

  struct Init {
    InitKind kind;
    std::optional<double> value = std::nullopt;
    DepthScale depthScale = DepthScale::none;
  };

  Init getInit(MatrixKind kind, int64_t out, int64_t in) const {
    NormalInit init =
        getMatrixInit(choice, kind, decoder.layers, out, in, decoder.initStd);
    return {init.kind, init.std, init.depthScale};
  }

  Value param(StringRef name, Role role, ArrayRef<int64_t> shape, StringRef key,
              const Init &init) {
    return ParamOp::create(
        builder, at(key), RankedTensorType::get(shape, builder.getF32Type()),
        name, role, init.kind,
        init.value ? builder.getF64FloatAttr(*init.value) : FloatAttr(),
        init.depthScale, /*decay=*/BoolAttr());
  }

  /// A tensor over batch and time.
  RankedTensorType open(ArrayRef<int64_t> inner, Type element = {}) {
    SmallVector<int64_t> shape(2, ShapedType::kDynamic);
    llvm::append_range(shape, inner);
    return RankedTensorType::get(shape,
                                 element ? element : builder.getF32Type());
  }

  Location at(StringRef key) const { return config.locate(key); }

  const DecoderConfig &decoder;
  const JsonConfig &config;
  const NormChoice &choice;
  ModelSpec spec;
  const BlockSpec *block = nullptr; ///< that is being written
  bool rotates = true;              ///< it, with RoPE
  OpBuilder builder;
};

} // namespace

OwningOpRef<ModuleOp> lns::writeModel(const DecoderConfig &decoder,
                                      const JsonConfig &config,
                                      const NormChoice &norm, StringRef name,
                                      StringRef json, MLIRContext *context) {
  return ModelWriter(decoder, config, norm, context).write(name, json);
}
