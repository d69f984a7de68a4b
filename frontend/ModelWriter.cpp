//===- ModelWriter.cpp - A decoder with its norms, as a model -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/ModelWriter.h"
#include "dialect/LnsOps.h"
#include "frontend/BlockSpec.h"
#include "frontend/LayerVariants.h"

#include "mlir/IR/Builders.h"
#include <cmath>

using namespace mlir;
using namespace lns;

namespace {

/// What lns.norm has where it is given no eps, which a function takes none of.
constexpr double kUnusedEps = 1e-6;

/// Of a norm that gives length 1. A row of length 1 has a mean square of 1/d,
/// to which this adds less than f32 holds, d up to 2^15; a row of zeros stays
/// one.
constexpr double kUnitEps = 1e-12;
/// nGPT: how far a block goes along its branch at first.
constexpr double kFirstStep = 0.05;

class ModelWriter {
public:
  ModelWriter(const DecoderConfig &decoder, const JsonConfig &config,
              const NormChoice &choice, MLIRContext *context)
      : decoder(decoder), config(config), choice(choice),
        spec(getModelSpec(choice, decoder.layers)),
        sizes(getSizeFactors(choice, decoder.layers, decoder.hidden)),
        builder(context), variants(decoder, builder) {}

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
        getInit(MatrixKind::Embedding, decoder.vocabulary, decoder.hidden),
        getProjectionOf(MatrixKind::Embedding));
    Value hidden = EmbeddingOp::create(builder, at("vocab_size"),
                                       open({decoder.hidden}), table, tokens);
    if (decoder.embeddingScale != 1)
      hidden = ScaleOp::create(builder, at("embedding_multiplier"),
                               hidden.getType(), hidden,
                               builder.getF64FloatAttr(decoder.embeddingScale));
    if (decoder.family->learnedPositions)
      hidden = addPositions(hidden);
    if (spec.embeddingScale)
      hidden = ScaleByOp::create(
          builder, at(keys.hidden), hidden.getType(), hidden,
          number("model.embed_scale",
                 std::sqrt(static_cast<double>(decoder.hidden))));
    if (spec.embeddingNorm)
      hidden = norm(hidden, outerNorm("model.embed_norm"));
    int64_t first = 0;
    for (const BlockRun &run : spec.runs) {
      for (int64_t begin = first, end; begin < first + run.depth; begin = end) {
        // The first block's values go to all others.
        end = spec.valueResidual && begin == 0 ? 1 : first + run.depth;
        hidden = writeLayers(run.block, begin, end - begin, hidden);
      }
      first += run.depth;
    }

    // No scheme scales the final norm.
    std::optional<Norm> finalNorm;
    if (spec.finalNorm)
      finalNorm = outerNorm("model.norm");
    Value head = decoder.tiedHead
                     ? table
                     : matrix("lm_head.weight", MatrixKind::Embedding,
                              decoder.vocabulary, decoder.hidden, "vocab_size");
    if (finalNorm)
      hidden = norm(hidden, *finalNorm);
    Value logits = LinearOp::create(
        builder, at("vocab_size"), open({decoder.vocabulary}), hidden, head,
        /*bias=*/Value(), decoder.logitScale * sizes.logits);
    if (spec.hasLength1)
      logits = scale(logits, smallVector("lm_head.scale", decoder.vocabulary),
                     getRoot(decoder.hidden));
    if (decoder.logitCap)
      logits = SoftcapOp::create(builder, at("final_logit_softcapping"),
                                 logits.getType(), logits,
                                 builder.getF64FloatAttr(*decoder.logitCap));
    OutputOp::create(builder, at("model_type"), logits);
    return module;
  }

private:
  Value writeLayers(const BlockSpec &blockSpec, int64_t first, int64_t depth,
                    Value input) {
    bool repeats = false;
    ArrayAttr types = variants.take(first, depth, repeats);
    bool yieldsValue = spec.valueResidual && !firstValue;
    SmallVector<Type, 2> results = {input.getType()};
    if (yieldsValue)
      results.push_back(open({decoder.kvHeads * decoder.headDim}));
    auto layers =
        LayersOp::create(builder, at(keys.layers), results, input,
                         static_cast<uint64_t>(depth), types, repeats);
    Block &body = layers.getBody().emplaceBlock();
    Value hidden = body.addArgument(input.getType(), layers.getLoc());
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&body);
    block = &blockSpec;
    opening = streamGate = Value();
    if (block->openingSteps != 0)
      opening = RampOp::create(builder, at(keys.layers),
                               RankedTensorType::get({1}, builder.getF32Type()),
                               builder.getF64FloatAttr(block->openingSteps),
                               builder.getUnitAttr());
    if (block->gpas)
      streamGate = writeGate();
    hidden = writeAttention(hidden);
    hidden = writeFeedForward(hidden);
    SmallVector<Value, 2> yielded = {hidden};
    if (yieldsValue)
      yielded.push_back(firstValue);
    YieldOp::create(builder, layers.getLoc(), yielded);
    if (yieldsValue)
      firstValue = layers.getResult(1);
    return layers.getResult(0);
  }

  Value writeAttention(Value skip) {
    const SublayerSpec &sublayer = block->attention;
    int64_t width = decoder.heads * decoder.headDim;
    int64_t kvWidth = decoder.kvHeads * decoder.headDim;
    StringRef kvKey = config.contains("num_key_value_heads")
                          ? "num_key_value_heads"
                          : keys.heads;
    StringRef bias = decoder.queryBias ? "attention_bias" : "";
    std::optional<Norm> before = blockNorm(sublayer.before, decoder.hidden);
    Projection q = projection("self_attn.q_proj", MatrixKind::QueryKey, width,
                              decoder.hidden, keys.heads, bias);
    Projection k = projection("self_attn.k_proj", MatrixKind::QueryKey, kvWidth,
                              decoder.hidden, kvKey, bias);
    Projection v = projection("self_attn.v_proj", MatrixKind::Value, kvWidth,
                              decoder.hidden, kvKey, bias);
    Projection o = projection("self_attn.o_proj", MatrixKind::AttentionOutput,
                              decoder.hidden, width, keys.heads,
                              decoder.outputBias ? "attention_bias" : "");
    Value x = before ? norm(skip, *before, block->depthScale) : skip;
    Value query = apply(q, x), key = apply(k, x), value = apply(v, x);
    if (block->hasLength1) {
      prepareDirections(query, key);
    } else {
      QkNorm qkNorm = block->qkNorm.value_or(decoder.family->qkNorm);
      query = prepare(query, qkNorm, "self_attn.q_norm", decoder.heads);
      key = prepare(key, qkNorm, "self_attn.k_norm", decoder.kvHeads);
    }
    if (block->valueNorm)
      value = merge(norm(split(value, decoder.kvHeads),
                         attentionNorm("self_attn.v_norm", decoder.headDim)));
    if (spec.valueResidual)
      value = mixValues(value);
    // What one type has is every layer's; several are told apart by type.
    auto getWindow = [&](const LayerVariant &type) {
      return type.slides ? builder.getI64IntegerAttr(*decoder.window)
                         : IntegerAttr();
    };
    auto getScale = [&](const LayerVariant &type) {
      return type.ownScale
                 ? builder.getF64FloatAttr(
                       decoder.layerAttentionScales[type.ownScale - 1])
                 : FloatAttr();
    };
    DictionaryAttr byType =
        variants.byType([&](const LayerVariant &type) -> Attribute {
          SmallVector<NamedAttribute, 2> own;
          if (IntegerAttr window = getWindow(type))
            own.push_back(builder.getNamedAttr("window", window));
          if (FloatAttr scale = getScale(type))
            own.push_back(builder.getNamedAttr("softmax_scale", scale));
          return own.empty() ? nullptr : builder.getDictionaryAttr(own);
        });
    bool isUniform = variants.isUniform();
    FloatAttr scale = isUniform ? getScale(variants.get().front()) : nullptr;
    if (decoder.attentionScale && decoder.layerAttentionScales.empty())
      scale = builder.getF64FloatAttr(*decoder.attentionScale);
    auto attention = AttentionOp::create(
        builder, q.location, query.getType(), /*lse=*/Type(), query, key, value,
        /*starts=*/Value(), static_cast<uint64_t>(decoder.heads),
        static_cast<uint64_t>(decoder.kvHeads), /*causal=*/true, scale,
        isUniform ? getWindow(variants.get().front()) : IntegerAttr(),
        decoder.scoreCap ? builder.getF64FloatAttr(*decoder.scoreCap)
                         : FloatAttr(),
        byType);
    Value heads = attention.getResult();
    if (block->headGate)
      heads = gateHeads(heads, x);
    return finish(sublayer, skip, heads, width, o);
  }

  /// s (a V + b V*) / sqrt(a^2 + b^2 + 1e-8), V* the first block's, after its
  /// own mix.
  Value mixValues(Value value) {
    constexpr double kMixEps = 1e-8;
    std::string name = getBlockName("self_attn.value_residual", "");
    Value scale = number(name + ".scale", 1), own = number(name + ".own", 1);
    Value first = number(name + ".first", 0);
    Location location = at(keys.heads);
    auto factors = MixFactorsOp::create(
        builder, location, TypeRange{scale.getType(), scale.getType()}, scale,
        own, first, builder.getF64FloatAttr(kMixEps));
    Value other = firstValue ? firstValue : value;
    value = ScaleByOp::create(builder, location, value.getType(), value,
                              factors.getFirst());
    other = ScaleByOp::create(builder, location, other.getType(), other,
                              factors.getSecond());
    value = AddOp::create(builder, location, value.getType(), value, other);
    if (!firstValue)
      firstValue = value;
    return value;
  }

  /// silu(c) of the block.
  Value writeGate() {
    Value gate = number(getBlockName("gpas_gate", ""), 0);
    return ActivationOp::create(builder, at(keys.layers), gate.getType(), gate,
                                Activation::silu);
  }

  /// x - silu(c) x, x with the gradient as it is.
  Value scaleStream(Value x) {
    Location location = at(keys.layers);
    Value part = StopGradientOp::create(builder, location, x.getType(), x);
    part = ScaleByOp::create(builder, location, x.getType(), part, streamGate);
    return ResidualOp::create(builder, location, x.getType(), x, part,
                              builder.getF64FloatAttr(1),
                              builder.getF64FloatAttr(-1));
  }

  /// Query or key: normalized, and rotated where the layer rotates.
  Value prepare(Value value, QkNorm kind, StringRef name, int64_t heads) {
    if (kind == QkNorm::Off || kind == QkNorm::Full) {
      if (kind == QkNorm::Full)
        value = norm(value, attentionNorm(name, heads * decoder.headDim));
      return rope(value);
    }
    value = split(value, heads);
    value = norm(value, kind == QkNorm::Free
                            ? Norm{decoder.family->normKind, {}, {}, {}, {}}
                            : attentionNorm(name, decoder.headDim));
    return merge(rope(value));
  }

  /// s L2(rope(x)) of each head; query and key have one s if they are as wide.
  void prepareDirections(Value &query, Value &key) {
    int64_t width = decoder.heads * decoder.headDim;
    int64_t kvWidth = decoder.kvHeads * decoder.headDim;
    auto make = [&](StringRef name, int64_t columns) {
      return smallVector(getBlockName(name, ""), columns);
    };
    bool isOne = width == kvWidth;
    Value own = make(isOne ? "self_attn.qk_scale" : "self_attn.q_scale", width);
    Value other = isOne ? own : make("self_attn.k_scale", kvWidth);
    auto prepareOne = [&](Value value, int64_t heads, Value factors) {
      value = merge(normalize(split(rope(value), heads), decoder.headDim));
      return scale(value, factors, getRoot(decoder.hidden));
    };
    query = prepareOne(query, decoder.heads, own);
    key = prepareOne(key, decoder.kvHeads, other);
  }

  /// L2(x): rows of length 1.
  Value normalize(Value input, int64_t width) {
    return NormOp::create(builder, at(keys.hidden), input, /*gain=*/Value(),
                          /*bias=*/Value(), NormKind::rms, kUnitEps,
                          /*scale=*/1 / getRoot(width));
  }

  Value scale(Value input, Value factors, double times) {
    return ScaleColumnsOp::create(builder, at(keys.hidden), input.getType(),
                                  input, factors,
                                  builder.getF64FloatAttr(times));
  }

  /// A learned vector that stands for 1 where it is multiplied by the root of
  /// the width: so small that Adam's steps, which are as long for all
  /// parameters, change it as fast as a matrix whose rows have length 1.
  Value smallVector(StringRef name, int64_t columns) {
    return param(name, Role::gain, {columns}, keys.hidden,
                 {InitKind::constant, 1 / getRoot(decoder.hidden)});
  }

  static double getRoot(int64_t width) {
    return std::sqrt(static_cast<double>(width));
  }

  /// Heads times 2 sigmoid(G x), G without a bias.
  Value gateHeads(Value heads, Value x) {
    Value weight =
        param(getBlockName("self_attn.head_gate", ".weight"), Role::matrix,
              {decoder.heads, decoder.hidden}, keys.heads,
              {InitKind::normal, decoder.initStd * sizes.matrixStd});
    Location location = at(keys.heads);
    RankedTensorType type = open({decoder.heads});
    Value gates = LinearOp::create(builder, location, type, x, weight);
    gates = ActivationOp::create(builder, location, type, gates,
                                 Activation::sigmoid);
    gates = ScaleOp::create(builder, location, type, gates,
                            builder.getF64FloatAttr(2.0));
    heads = split(heads, decoder.heads);
    return merge(
        RowScaleOp::create(builder, location, heads.getType(), heads, gates));
  }

  /// Heads as rows, and as columns again.
  Value split(Value value, int64_t heads) {
    return ReshapeOp::create(builder, at(keys.heads),
                             open({heads, decoder.headDim}), value);
  }
  Value merge(Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return ReshapeOp::create(builder, at(keys.heads),
                             open({type.getDimSize(2) * type.getDimSize(3)}),
                             value);
  }

  Value writeFeedForward(Value skip) {
    const SublayerSpec &sublayer = block->feedForward;
    StringRef key = keys.intermediate, bias = decoder.mlpBias ? "mlp_bias" : "";
    std::optional<Norm> before = blockNorm(sublayer.before, decoder.hidden);
    std::optional<Projection> gate;
    if (decoder.family->isGated)
      gate = projection("mlp.gate_proj", MatrixKind::Gate, decoder.intermediate,
                        decoder.hidden, key, bias);
    Projection up = projection("mlp.up_proj", MatrixKind::Up,
                               decoder.intermediate, decoder.hidden, key, bias);
    Projection down =
        projection("mlp.down_proj", MatrixKind::Down, decoder.hidden,
                   decoder.intermediate, key, bias);
    Value x = before ? norm(skip, *before, block->depthScale) : skip;
    Value gated = gate ? apply(*gate, x) : Value(), inner = apply(up, x);
    if (block->hasLength1) {
      auto make = [&](StringRef name) {
        return param(getBlockName(name, ""), Role::gain, {decoder.intermediate},
                     key, {InitKind::ones});
      };
      if (gate)
        gated = scale(gated, make("mlp.gate_scale"), getRoot(decoder.hidden));
      inner = scale(inner, make("mlp.up_scale"), 1);
    }
    if (gate)
      inner = GatedActivationOp::create(builder, at(key), inner.getType(),
                                        gated, inner, decoder.activation);
    else
      inner = ActivationOp::create(builder, at(key), inner.getType(), inner,
                                   decoder.activation);
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
    if (std::optional<Norm> own = blockNorm(sublayer.inner, width))
      inner = norm(inner, *own);
    Value branch = apply(output, inner);
    if (block->hasLength1)
      return turn(skip, branch, sublayer.gate);
    if (std::optional<Norm> own = blockNorm(sublayer.behind, decoder.hidden))
      branch = norm(branch, *own);
    if (!sublayer.gate.empty())
      branch = multiply(branch, sublayer.gate);
    if (opening)
      branch = ScaleByOp::create(builder, at(keys.layers), branch.getType(),
                                 branch, opening);
    if (streamGate && !sublayer.stream.empty())
      skip = scaleStream(skip);
    Value hidden = ResidualOp::create(
        builder, at(keys.layers), skip.getType(), skip, branch,
        builder.getF64FloatAttr(block->skip),
        builder.getF64FloatAttr(block->branch * decoder.residualScale));
    if (std::optional<Norm> own = blockNorm(sublayer.stream, decoder.hidden))
      hidden = norm(hidden, *own);
    else if (streamGate)
      hidden = scaleStream(hidden);
    return hidden;
  }

  /// L2(x + |c a| (L2(branch) - x)), x of length 1.
  Value turn(Value x, Value branch, StringRef name) {
    Location location = at(keys.layers);
    auto add = [&](double skip, Value to) -> Value {
      return ResidualOp::create(builder, location, x.getType(), x, to,
                                builder.getF64FloatAttr(skip),
                                builder.getF64FloatAttr(1));
    };
    Value step = smallVector(getBlockName(name, ""), decoder.hidden);
    step = ActivationOp::create(builder, location, step.getType(), step,
                                Activation::abs);
    Value change = add(-1, normalize(branch, decoder.hidden));
    change = scale(change, step, kFirstStep * getRoot(decoder.hidden));
    return normalize(add(1, change), decoder.hidden);
  }

  /// By a learned vector or number of the block.
  Value multiply(Value branch, StringRef name) {
    Init start = {InitKind::constant, block->gateStart};
    Location location = at(keys.hidden);
    int64_t width = block->gatesColumns ? decoder.hidden : 1;
    Value gate =
        param(getBlockName(name, ""), Role::gain, {width}, keys.hidden, start);
    if (block->gatesColumns)
      return ScaleColumnsOp::create(builder, location, branch.getType(), branch,
                                    gate, builder.getF64FloatAttr(1.0));
    return ScaleByOp::create(builder, location, branch.getType(), branch, gate);
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

  /// What a norm has of its own.
  struct Norm {
    NormKind kind;
    Value gain, bias, alpha, shift;

    bool isOfRows() const {
      return kind == NormKind::rms || kind == NormKind::layer;
    }
  };

  Value norm(Value input, const Norm &own,
             DepthScale depthScale = DepthScale::none) {
    StringRef key = config.contains(keys.normEps) ? keys.normEps : keys.hidden;
    auto op =
        NormOp::create(builder, at(key), input, own.gain, own.bias, own.kind,
                       own.isOfRows() ? decoder.normEps : kUnusedEps,
                       /*scale=*/1.0);
    if (own.alpha)
      op.getAlphaMutable().assign(own.alpha);
    if (own.shift)
      op.getShiftMutable().assign(own.shift);
    op.setDepthScale(depthScale);
    return op;
  }

  /// A learned vector of each position added.
  Value addPositions(Value input) {
    Value table = param(
        "model.embed_positions.weight", Role::embedding,
        {decoder.positions, decoder.hidden}, keys.positions,
        getInit(MatrixKind::Embedding, decoder.positions, decoder.hidden));
    return AddPositionsOp::create(builder, at(keys.positions), input.getType(),
                                  input, table, /*starts=*/Value());
  }

  /// Rotated, where the layer rotates.
  Value rope(Value input) {
    auto rotates = [](const LayerVariant &type) { return type.rotates; };
    if (decoder.family->learnedPositions ||
        llvm::none_of(variants.get(), rotates))
      return input;
    // With one type all layers are as the op says.
    const RopeConfig &own =
        variants.isUniform() ? getRope(variants.get().front()) : decoder.rope;
    DenseF64ArrayAttr frequencies;
    if (own.frequencies)
      frequencies = builder.getDenseF64ArrayAttr(*own.frequencies);
    DictionaryAttr others =
        variants.byType([&](const LayerVariant &type) -> Attribute {
          if (!type.rotates)
            return TypeAttr::get(builder.getNoneType());
          const RopeConfig &rope = getRope(type);
          if (&rope == &own)
            return nullptr;
          // An op's frequencies come before its base.
          bool byFrequencies = own.frequencies || rope.frequencies;
          return builder.getDictionaryAttr(
              byFrequencies
                  ? builder.getNamedAttr(
                        "frequencies",
                        builder.getDenseF64ArrayAttr(
                            rope.frequencies ? *rope.frequencies
                                             : getPlainFrequencies(
                                                   rope.base, decoder.headDim)))
                  : builder.getNamedAttr("base",
                                         builder.getF64FloatAttr(rope.base)));
        });
    return RopeOp::create(builder, at(own.key), input.getType(), input,
                          /*starts=*/Value(), /*positions=*/IntegerAttr(),
                          builder.getI64IntegerAttr(decoder.headDim),
                          builder.getF64FloatAttr(own.base), frequencies,
                          /*inverse=*/UnitAttr(), others);
  }

  const RopeConfig &getRope(const LayerVariant &type) const {
    return type.slides && decoder.localRope ? *decoder.localRope : decoder.rope;
  }

  static std::string getBlockName(StringRef name, StringRef suffix) {
    return ("model.layers.{layer}." + name + suffix).str();
  }

  /// A norm of the block; none for an empty name.
  std::optional<Norm> blockNorm(StringRef name, int64_t width) {
    if (name.empty())
      return std::nullopt;
    return makeNorm(getBlockName(name, ""), width, *block);
  }

  /// One of queries, keys or values, which no scheme replaces by a function.
  Norm attentionNorm(StringRef name, int64_t width) {
    BlockSpec own = *block;
    own.normKind.reset();
    return makeNorm(getBlockName(name, ""), width, own);
  }

  /// One outside of blocks, of the kind that the first block has.
  Norm outerNorm(StringRef name) {
    BlockSpec outer = spec.runs.front().block;
    outer.gainInit = DepthScale::none;
    return makeNorm(name, decoder.hidden, outer);
  }

  Norm makeNorm(StringRef name, int64_t width, const BlockSpec &block) {
    Init init = {InitKind::ones};
    double offset = decoder.family->gainOffset;
    if (block.gainInit != DepthScale::none)
      init = {InitKind::constant, 1.0, block.gainInit};
    else if (offset == 1)
      init = {InitKind::zeros};
    NormKind familyKind = decoder.family->normKind;
    Norm own = {block.normKind.value_or(familyKind), {}, {}, {}, {}};
    own.gain =
        param(name.str() + ".weight", Role::gain, {width}, keys.hidden, init);
    if (offset != 0)
      own.gain = OffsetOp::create(builder, at(keys.hidden), own.gain.getType(),
                                  own.gain, builder.getF64FloatAttr(offset));
    // Derf's paper has a bias, DyT's LLaMA models none; what takes the place of
    // a LayerNorm has its bias.
    if (own.kind == NormKind::erf || familyKind == NormKind::layer)
      own.bias = param(name.str() + ".bias", Role::bias, {width}, keys.hidden,
                       {InitKind::zeros});
    if (!own.isOfRows())
      own.alpha = number(name.str() + ".alpha", block.alpha);
    if (own.kind == NormKind::erf)
      own.shift = param(name.str() + ".shift", Role::bias, {1}, keys.hidden,
                        {InitKind::zeros});
    return own;
  }

  /// A learned number.
  Value number(StringRef name, double start) {
    return param(name, Role::gain, {1}, keys.hidden,
                 {InitKind::constant, start});
  }

  Value matrix(StringRef name, MatrixKind kind, int64_t out, int64_t in,
               StringRef key) {
    Init init = getInit(kind, out, in);
    if (kind != MatrixKind::Embedding)
      *init.value *= sizes.matrixStd;
    return param(name, Role::matrix, {out, in}, key, init,
                 getProjectionOf(kind));
  }

  ProjectionAttr getProjectionOf(MatrixKind kind) {
    return spec.hasLength1
               ? ProjectionAttr::get(builder.getContext(), getProjection(kind))
               : nullptr;
  }

  struct Init {
    InitKind kind;
    std::optional<double> value = std::nullopt;
    DepthScale depthScale = DepthScale::none;
  };

  Init getInit(MatrixKind kind, int64_t out, int64_t in) const {
    NormalInit init = getMatrixInit(choice, decoder.family->init, kind,
                                    decoder.layers, out, in, decoder.initStd);
    return {init.kind, init.std, init.depthScale};
  }

  Value param(StringRef name, Role role, ArrayRef<int64_t> shape, StringRef key,
              const Init &init, ProjectionAttr projection = nullptr) {
    UpdateFactors factors = sizes.outer;
    if (name.contains("{layer}"))
      factors = role == Role::matrix ? sizes.blockMatrices : sizes.blockVectors;
    return ParamOp::create(
        builder, at(key), RankedTensorType::get(shape, builder.getF32Type()),
        name, role, init.kind,
        init.value ? builder.getF64FloatAttr(*init.value) : FloatAttr(),
        init.depthScale, /*decay=*/BoolAttr(), projection,
        /*frozen=*/false, APFloat(factors.lr), APFloat(factors.eps),
        APFloat(factors.decay));
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
  const SizeKeys &keys = decoder.keys;
  const JsonConfig &config;
  const NormChoice &choice;
  ModelSpec spec;
  SizeFactors sizes;
  const BlockSpec *block = nullptr; ///< that is being written
  Value opening, streamGate;        ///< of its layers, where they have such
  Value firstValue; ///< of the first block, once that is written
  OpBuilder builder;
  LayerVariants variants; ///< of the layers that are being written
};

} // namespace

OwningOpRef<ModuleOp> lns::writeModel(const DecoderConfig &decoder,
                                      const JsonConfig &config,
                                      const NormChoice &norm, StringRef name,
                                      StringRef json, MLIRContext *context) {
  return ModelWriter(decoder, config, norm, context).write(name, json);
}
