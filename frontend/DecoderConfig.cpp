//===- DecoderConfig.cpp - What a config.json says --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/DecoderConfig.h"
#include "dialect/LnsOps.h"
#include "dialect/NearestName.h"
#include "frontend/CheckpointConfig.h"
#include "frontend/HarmlessKeys.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lns;

namespace {

constexpr int64_t kMaxElements = int64_t(1) << 40; // of the whole model
constexpr int64_t kMaxSize = std::numeric_limits<int32_t>::max(); // of a side
/// RoPE's frequencies are written down one by one, so that a head of any size
/// that fits 31 bits would cost gigabytes.
constexpr int64_t kMaxHeadDim = int64_t(1) << 16;

class DecoderReader {
public:
  DecoderReader(JsonSection &root, JsonConfig &config,
                const HuggingFaceOptions &options)
      : root(root), config(config), options(options) {}

  FailureOr<DecoderConfig> read() {
    // Errors about keys of a network that is not ours would only confuse.
    if (!readModelType())
      return failure();
    readKeys();
    for (const RequiredKey &required : result.family->required)
      if (!rootNames(required.key))
        root.missing(required.key) << "; add it" << required.reason;
    readSizes();
    readHeads();
    if (result.family->readOwn)
      result.family->readOwn(root, result);
    readNumbers();
    readFlags();
    readActivation();
    rejectVariants();
    if (result.layers)
      readLayerTypes(root, config, result);
    else
      root.ignore({"layer_types", "max_window_layers", "sliding_window",
                   "sliding_window_pattern", "use_sliding_window"});
    checkSequence();
    readRope();
    root.ignore(getHarmlessKeys());
    root.rejectUnknownKeys();
    if (!config.hasFailed())
      checkElements();
    if (config.hasFailed())
      return failure();
    return result;
  }

private:
  void readRope() {
    const Family &family = *result.family;
    // RoPE's keys are then unknown ones.
    if (family.learnedPositions)
      return;
    if (!result.headDim)
      root.ignore({"rope_local_base_freq", "rope_parameters", "rope_scaling",
                   "rope_theta"});
    else if (family.localRopeBase)
      result.rope =
          readRopeConfigs(root, result.headDim, family.defaults.ropeBase,
                          *family.localRopeBase, result.localRope.emplace());
    else
      result.rope =
          readRopeConfig(root, result.headDim, family.defaults.ropeBase);
  }

  static std::string joinFamilies() {
    std::string text;
    llvm::raw_string_ostream os(text);
    llvm::interleaveComma(getFamilies(), os, [&](const Family *family) {
      os << '"' << family->modelType << '"';
    });
    return text;
  }

  bool readModelType() {
    std::optional<StringRef> type = root.getString("model_type");
    if (!type) {
      if (!root.has("model_type"))
        root.missing("model_type") << "; add it: " << joinFamilies();
      return false;
    }
    isOurs = type->consume_front(kLnsPrefix);
    if (*type == "gemma3") {
      root.mismatch("model_type")
          << "that is a model of text and images; give the object text_config "
             "as a file of its own, with model_type \"gemma3_text\"";
      return false;
    }
    result.family = findFamily(*type);
    if (!result.family) {
      root.mismatch("model_type")
          << "only " << joinFamilies() << " are supported"
          << suggestName(*type, getFamilies(),
                         [&](const Family *family) -> StringRef {
                           // olmo3 is not olmo2.
                           StringRef name = family->modelType;
                           constexpr StringRef digits = "0123456789";
                           return name.rtrim(digits) == type->rtrim(digits)
                                      ? StringRef()
                                      : name;
                         })
          << "; write the model as .mlir (docs/dialect.md)";
      return false;
    }
    if (isOurs ? !readScheme() : root.has("lnsc") && !readMark())
      return false;
    std::optional<SmallVector<StringRef>> names =
        root.getStrings("architectures");
    if (!names)
      return !config.hasFailed();
    // Another head than a causal language model's has another loss.
    std::string wanted = getArchitecture(*result.family, isOurs);
    if (names->size() == 1 && names->front().equals_insensitive(wanted))
      return true;
    InFlightDiagnostic diagnostic = root.mismatch("architectures");
    diagnostic << "must be [\"" << wanted << "\"] for model_type "
               << root.quote("model_type");
    StringRef bare = wanted;
    if (!bare.consume_back("ForCausalLM"))
      bare.consume_back("LMHeadModel");
    if (names->size() == 1 && names->front() == (bare + "Model").str())
      diagnostic << "; that class is the same model without its head: set it "
                    "to the other if the head is tied, or a new one is wanted";
    return false;
  }

  /// What an export says of itself (tools/lns/checkpoint/fold_mark.h). LNS can
  /// come out of the gains again, and so the model is one of LNS; of other
  /// schemes it is what its model_type says.
  bool readMark() {
    JsonSection section = root.getSection("lnsc");
    if (!section)
      return !config.hasFailed();
    std::optional<int64_t> version = section.getInteger("version", 1);
    if (version && *version != 1) {
      section.mismatch("version") << "this lnsc reads 1; use a newer one";
      return false;
    }
    std::optional<bool> folded = section.getBool("folded");
    std::optional<StringRef> text = section.getString("norm");
    for (StringRef key : {"version", "folded", "norm"})
      if (!section.has(key))
        section.missing(key) << "; restore the file as it was exported";
    if (folded && !*folded)
      section.mismatch("folded")
          << "must be true for model_type " << root.quote("model_type")
          << "; a model that is not folded has the model_type \"" << kLnsPrefix
          << result.family->modelType << "\"";
    section.rejectUnknownKeys();
    if (config.hasFailed())
      return false;
    std::string error;
    std::optional<NormChoice> choice = parseNormChoice(*text, error);
    if (!choice)
      section.mismatch("norm") << "names no scheme: " << error;
    else if (choice->scheme == NormScheme::Lns)
      result.own = choice;
    result.isFolded = true;
    return !config.hasFailed();
  }

  /// Files of the first version name no scheme: there was one.
  bool readScheme() {
    result.own.emplace().scheme = NormScheme::Lns;
    JsonSection section = root.getSection("lnsc");
    std::optional<StringRef> text = section.getString("norm");
    section.rejectUnknownKeys();
    if (!text)
      return !config.hasFailed();
    std::string error;
    result.own = parseNormChoice(*text, error);
    if (!result.own)
      section.mismatch("norm") << "names no scheme: " << error;
    return result.own.has_value();
  }

  /// Under which of its names each size stands.
  void readKeys() {
    result.keys = result.family->keys;
    for (StringRef *key :
         {&result.keys.hidden, &result.keys.intermediate, &result.keys.layers,
          &result.keys.heads, &result.keys.positions, &result.keys.normEps}) {
      StringRef own = *key;
      for (const KeyAlias &alias : result.family->aliases) {
        if (alias.of != own)
          continue;
        root.ignore({alias.name});
        if (!root.has(alias.name))
          continue;
        if (!root.has(*key))
          *key = alias.name;
        else if (root.quote(*key) != root.quote(alias.name))
          root.mismatch(alias.name)
              << *key << " is " << root.quote(*key)
              << ", and both mean the same; make them agree, or remove one";
      }
    }
  }

  void readSizes() {
    auto get = [&](StringRef key, int64_t max) {
      return root.requireInteger(key, 1, max).value_or(0);
    };
    const SizeKeys &keys = result.keys;
    result.hidden = get(keys.hidden, kMaxSize);
    std::optional<int64_t> factor = result.family->defaults.innerFactor;
    // Its product with the width is bounded by checkElements().
    result.intermediate = factor && !root.has(keys.intermediate)
                              ? *factor * result.hidden
                              : get(keys.intermediate, kMaxSize);
    result.layers = get(keys.layers, kMaxDepth);
    if (result.family->learnedPositions)
      result.positions = get(keys.positions, kMaxSize);
    result.vocabulary = get("vocab_size", kMaxSize);
    if (options.vocabulary)
      result.vocabulary = *options.vocabulary;
    result.heads = get(keys.heads, kMaxSize);
  }

  void readHeads() {
    int64_t heads = result.heads;
    if (result.family->learnedPositions) {
      result.kvHeads = heads;
      return divideWidth("");
    }
    const FamilyDefaults &defaults = result.family->defaults;
    int64_t absent = rootNames("num_key_value_heads")
                         ? heads
                         : defaults.kvHeads.value_or(heads);
    result.kvHeads = root.getInteger("num_key_value_heads", 1).value_or(absent);
    if (heads && heads % result.kvHeads) {
      if (root.has("num_key_value_heads"))
        root.mismatch("num_key_value_heads")
            << "must divide " << result.keys.heads << ", which is " << heads;
      else
        root.missing("num_key_value_heads")
            << ", and its default for " << quoteType() << ", " << result.kvHeads
            << ", does not divide " << result.keys.heads << ", which is "
            << heads << "; add it";
    }

    if (root.has("head_dim")) {
      result.headDim = root.getInteger("head_dim", 1, kMaxHeadDim).value_or(0);
      if (result.headDim % 2) {
        root.mismatch("head_dim")
            << "must be even, because RoPE rotates pairs of columns";
        result.headDim = 0;
      }
      return;
    }
    root.ignore({"head_dim"});
    if (defaults.headDim && !rootNames("head_dim")) {
      result.headDim = *defaults.headDim;
      return;
    }
    divideWidth("give head_dim, or ");
  }

  /// Heads that are their share of the width. `other` is another remedy.
  void divideWidth(StringRef other) {
    int64_t heads = result.heads;
    if (!heads || !result.hidden)
      return;
    auto fail = [&] {
      result.headDim = 0;
      return root.mismatch(result.keys.hidden);
    };
    if (result.hidden % heads) {
      fail() << result.keys.heads << ", which is " << heads
             << ", does not divide it; " << other << "change one of them";
      return;
    }
    int64_t width = result.headDim = result.hidden / heads;
    if (width % 2 && !result.family->learnedPositions)
      fail() << "with " << result.keys.heads << " " << heads << " a head has "
             << width << " columns, an odd number, and RoPE rotates pairs; "
             << other << "change one of them";
    else if (width > kMaxHeadDim)
      fail() << "with " << result.keys.heads << " " << heads << " a head has "
             << width << " columns, more than " << kMaxHeadDim << "; " << other
             << "change one of them";
  }

  void readNumbers() {
    StringRef eps = result.keys.normEps;
    result.normEps =
        root.getNumber(eps).value_or(result.family->defaults.normEps);
    if (result.normEps <= 0)
      root.mismatch(eps) << "must be greater than 0";
    result.initStd = root.getNumber("initializer_range").value_or(0.02);
    if (result.initStd < 0)
      root.mismatch("initializer_range")
          << "must not be negative: it is a standard deviation";
  }

  void readFlags() {
    result.tiedHead = root.getBool("tie_word_embeddings")
                          .value_or(result.family->defaults.tiedHead);
    BiasRule rule = result.family->biases;
    bool readsAttention =
        rule == BiasRule::ByKeys || rule == BiasRule::ByAttentionKey;
    bool always = rule == BiasRule::Always;
    bool attention = readBiasFlag("attention_bias", readsAttention,
                                  always || rule == BiasRule::QueryKeyValue);
    bool mlp = readBiasFlag("mlp_bias", rule == BiasRule::ByKeys, always);
    result.queryBias = always || attention || rule == BiasRule::QueryKeyValue;
    result.outputBias =
        always || (attention && rule != BiasRule::QueryKeyValue);
    result.mlpBias = always || mlp;
  }

  /// A flag that the family's code does not read may only say what it does
  /// anyway, `fixed`.
  bool readBiasFlag(StringRef key, bool isRead, bool fixed) {
    std::optional<bool> flag = root.getBool(key);
    if (!isRead && flag && *flag != fixed)
      root.mismatch(key) << "a model of type " << quoteType()
                         << (fixed ? " always has these biases"
                                   : " has no such biases")
                         << " and does not read the key; set it to "
                         << (fixed ? "true" : "false")
                         << ", or model_type to \"llama\"";
    return flag.value_or(false);
  }

  std::string quoteType() const {
    return ("\"" + result.family->modelType + "\"").str();
  }

  /// By Hugging Face's names.
  void readActivation() {
    StringRef key = result.family->activationKey;
    // Not read where there is another.
    root.ignore({"hidden_act"});
    std::optional<StringRef> name = root.getString(key);
    result.activation = result.family->activation;
    if (!name)
      return;
    if (isOurs)
      name->consume_front(kLnsPrefix);
    // Those of GELU differ by rounding alone.
    static constexpr std::pair<StringLiteral, Activation> kNames[] = {
        {"silu", Activation::silu},
        {"swish", Activation::silu},
        {"gelu", Activation::gelu},
        {"gelu_python", Activation::gelu},
        {"gelu_pytorch_tanh", Activation::gelu_tanh},
        {"gelu_new", Activation::gelu_tanh},
        {"gelu_python_tanh", Activation::gelu_tanh},
        {"gelu_accurate", Activation::gelu_tanh},
        {"relu", Activation::relu}};
    std::string supported;
    for (const auto &[known, activation] : kNames) {
      if (*name == known) {
        result.activation = activation;
        return;
      }
      bool isLast = known == std::end(kNames)[-1].first;
      supported += (supported.empty() ? ""
                    : isLast          ? " and "
                                      : ", ") +
                   ("\"" + known + "\"").str();
    }
    root.mismatch(key) << "only " << supported << " are supported";
  }

  /// Keys that change what is computed unless they have one certain value.
  void rejectVariants() {
    rejectDropout();
    rejectOtherWeights();
    if (root.isSet("use_mrope"))
      root.mismatch("use_mrope") << "only RoPE over one dimension of positions "
                                    "is supported; it must be false";
    if (root.isSet("rope_interleaved"))
      root.mismatch("rope_interleaved")
          << "only RoPE over the halves of a head is supported; it must be "
             "false";
    std::optional<double> rotary = root.getNumber("partial_rotary_factor");
    if (rotary && *rotary != 1)
      root.mismatch("partial_rotary_factor")
          << "only RoPE over whole heads is supported; it must be 1";
  }

  void rejectDropout() {
    SmallVector<StringRef> asked;
    for (StringRef key : getDropoutKeys())
      if (root.getNumber(key).value_or(0) != 0)
        asked.push_back(key);
    if (!result.family->asksForDropout)
      for (StringRef key : asked)
        root.mismatch(key) << "dropout is not supported; set it to 0";
    else if (!asked.empty())
      emitWarning(config.locate(asked.front()))
          << "dropout is not supported: what " << llvm::join(asked, ", ")
          << (asked.size() == 1 ? " asks" : " ask")
          << " for is left out in training; set it to 0 for no warning";
  }

  /// Weights that are no matrices of floats, and blocks that are not all alike.
  void rejectOtherWeights() {
    for (StringRef key : getQuantizationKeys())
      if (root.isSet(key))
        root.mismatch(key)
            << "quantized models cannot be trained; give the config.json of "
               "the model that was quantized";
    for (StringRef key : {"per_layer_config", "pruned_heads"})
      if (root.isSet(key))
        root.mismatch(key) << "only blocks that are all alike are supported; "
                              "write the model as .mlir";
    if (root.isSet("auto_map"))
      emitWarning(config.locate("auto_map"))
          << "auto_map names code of the model's own, which is not read: the "
             "model is compiled as what transformers has for its model_type";
  }

  /// How long the sequences are that the model was made for.
  void checkSequence() {
    StringRef key = result.keys.positions;
    if (result.family->learnedPositions) {
      if (result.positions && options.sequence > result.positions)
        root.mismatch(key)
            << "sequences have " << options.sequence
            << " tokens, and positions beyond it have no vector; use a "
               "shorter --seq, or a longer table for a new model";
      return;
    }
    std::optional<int64_t> longest = root.getInteger(key, 1);
    if (longest && options.sequence > *longest)
      emitWarning(config.locate(key))
          << key << " is " << *longest << ", but sequences have "
          << options.sequence
          << " tokens: positions beyond it are none that the model was made "
             "for; use a shorter --seq";
  }

  /// Whether the key is there, be it null.
  bool rootNames(StringRef key) {
    return root.has(key) || config.contains(key);
  }

  /// Bounds the model as a whole: whoever multiplies its sizes further, by
  /// bytes or by copies for the optimizer, stays within 64 bits.
  void checkElements() {
    int64_t width = result.heads * result.headDim; // < 2^31 * 2^16
    if (width > kMaxSize) {
      root.mismatch(result.keys.heads)
          << "with heads of " << result.headDim << " columns the attention is "
          << width << " wide, more than " << kMaxSize
          << "; make one of them smaller";
      return;
    }
    bool overflow = false;
    auto multiply = [&](int64_t a, int64_t b) {
      int64_t product = 0;
      overflow |= llvm::MulOverflow(a, b, product) != 0;
      return product;
    };
    auto add = [&](int64_t a, int64_t b) {
      int64_t sum = 0;
      overflow |= llvm::AddOverflow(a, b, sum) != 0;
      return sum;
    };
    int64_t kvWidth = result.kvHeads * result.headDim; // <= width
    const Family &family = *result.family;
    int64_t inner = family.isGated ? 2 : 1; // vectors of that width
    int64_t norm = family.normKind == NormKind::layer ? 2 : 1;
    int64_t columns = add(multiply(2, add(width, kvWidth)),
                          multiply(inner + 1, result.intermediate));
    int64_t block = multiply(add(columns, 2 * norm), result.hidden);
    if (result.queryBias)
      block = add(block, add(width, multiply(2, kvWidth)));
    if (result.outputBias)
      block = add(block, result.hidden);
    if (result.mlpBias)
      block =
          add(block, add(multiply(inner, result.intermediate), result.hidden));
    int64_t tables = add(multiply(result.vocabulary, result.tiedHead ? 1 : 2),
                         result.positions);
    int64_t outside = multiply(add(tables, norm), result.hidden);
    int64_t elements = add(multiply(block, result.layers), outside);
    if (!overflow && elements <= kMaxElements)
      return;
    const SizeKeys &keys = result.keys;
    InFlightDiagnostic diagnostic = config.error(keys.hidden);
    if (overflow)
      diagnostic << "the model has more than 2^63";
    else
      diagnostic << "the model has " << elements;
    diagnostic << " parameters, but at most 2^40 are supported; make "
               << keys.hidden << ", " << keys.intermediate << ", "
               << keys.layers << " or vocab_size smaller";
  }

  JsonSection &root;
  JsonConfig &config;
  const HuggingFaceOptions &options;
  bool isOurs = false;
  DecoderConfig result;
};

} // namespace

FailureOr<DecoderConfig>
lns::readDecoderConfig(JsonSection &root, JsonConfig &config,
                       const HuggingFaceOptions &options) {
  return DecoderReader(root, config, options).read();
}
