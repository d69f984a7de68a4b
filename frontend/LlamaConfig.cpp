//===- LlamaConfig.cpp - What a LLaMA's config.json says --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/LlamaConfig.h"
#include "dialect/LnsOps.h"
#include "frontend/CheckpointConfig.h"
#include "frontend/HarmlessKeys.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lns;

namespace {

constexpr int64_t kMaxElements = int64_t(1) << 40; // of the whole model
constexpr int64_t kMaxSize = std::numeric_limits<int32_t>::max(); // of a side
/// RoPE's frequencies are written down one by one, so that a head of any size
/// that fits 31 bits would cost gigabytes.
constexpr int64_t kMaxHeadDim = int64_t(1) << 16;

class LlamaReader {
public:
  LlamaReader(JsonSection &root, JsonConfig &config,
              const HuggingFaceOptions &options)
      : root(root), config(config), options(options) {}

  FailureOr<LlamaConfig> read() {
    // Errors about keys of a network that is not ours would only confuse.
    if (!readModelType())
      return failure();
    readSizes();
    readHeads();
    readNumbers();
    readFlags();
    readActivation();
    rejectVariants();
    checkSequence();
    if (result.headDim)
      result.rope = readRopeConfig(root, result.headDim);
    else
      root.ignore({"rope_parameters", "rope_scaling", "rope_theta"});
    root.ignore(getHarmlessKeys());
    root.rejectUnknownKeys();
    if (!config.hasFailed())
      checkElements();
    if (config.hasFailed())
      return failure();
    return result;
  }

private:
  bool readModelType() {
    std::optional<StringRef> type = root.getString("model_type");
    if (!type) {
      if (!root.has("model_type"))
        root.missing("model_type") << "; add it, 'llama' or 'mistral'";
      return false;
    }
    isOurs = type->consume_front(kLnsPrefix);
    if (*type != "llama" && *type != "mistral") {
      root.mismatch("model_type")
          << "only \"llama\" and \"mistral\" are supported; write the model "
             "as .mlir (docs/dialect.md)";
      return false;
    }
    result.isMistral = *type == "mistral";
    if (isOurs && !readScheme())
      return false;
    std::optional<SmallVector<StringRef>> names =
        root.getStrings("architectures");
    if (!names)
      return !config.hasFailed();
    // Another head than a causal language model's has another loss.
    std::string wanted = getArchitecture(result.isMistral, isOurs);
    if (names->size() == 1 && names->front().equals_insensitive(wanted))
      return true;
    root.mismatch("architectures")
        << "must be [\"" << wanted << "\"] for model_type "
        << root.quote("model_type");
    return false;
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

  void readSizes() {
    auto get = [&](StringRef key, int64_t max) {
      return root.requireInteger(key, 1, max).value_or(0);
    };
    result.hidden = get("hidden_size", kMaxSize);
    result.intermediate = get("intermediate_size", kMaxSize);
    result.layers = get("num_hidden_layers", kMaxDepth);
    result.vocabulary = get("vocab_size", kMaxSize);
    if (options.vocabulary)
      result.vocabulary = *options.vocabulary;
    result.heads = get("num_attention_heads", kMaxSize);
  }

  void readHeads() {
    int64_t heads = result.heads;
    if (result.isMistral && !rootNames("num_key_value_heads"))
      root.missing("num_key_value_heads")
          << "; add it, because Mistral's default is 8 and a LLaMA's "
             "num_attention_heads";
    result.kvHeads = root.getInteger("num_key_value_heads", 1).value_or(heads);
    if (heads && heads % result.kvHeads)
      root.mismatch("num_key_value_heads")
          << "must divide num_attention_heads, which is " << heads;

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
    if (!heads || !result.hidden)
      return;
    if (result.hidden % heads) {
      root.mismatch("hidden_size")
          << "num_attention_heads, which is " << heads
          << ", does not divide it; give head_dim, or change one of them";
      return;
    }
    result.headDim = result.hidden / heads;
    if (result.headDim % 2) {
      root.mismatch("hidden_size")
          << "with num_attention_heads " << heads << " a head has "
          << result.headDim
          << " columns, an odd number, and RoPE rotates pairs; give head_dim, "
             "or change one of them";
      result.headDim = 0;
    } else if (result.headDim > kMaxHeadDim) {
      root.mismatch("hidden_size")
          << "with num_attention_heads " << heads << " a head has "
          << result.headDim << " columns, more than " << kMaxHeadDim
          << "; give head_dim, or change one of them";
      result.headDim = 0;
    }
  }

  void readNumbers() {
    result.normEps = root.getNumber("rms_norm_eps").value_or(1e-6);
    if (result.normEps <= 0)
      root.mismatch("rms_norm_eps") << "must be greater than 0";
    result.initStd = root.getNumber("initializer_range").value_or(0.02);
    if (result.initStd < 0)
      root.mismatch("initializer_range")
          << "must not be negative: it is a standard deviation";
  }

  void readFlags() {
    result.tiedHead = root.getBool("tie_word_embeddings").value_or(false);
    result.attentionBias = readBiasFlag("attention_bias");
    result.mlpBias = readBiasFlag("mlp_bias");
  }

  bool readBiasFlag(StringRef key) {
    bool flag = root.getBool(key).value_or(false);
    if (flag && result.isMistral)
      root.mismatch(key) << "a Mistral has no biases and does not read the "
                            "key; set it to false, or model_type to \"llama\"";
    return flag;
  }

  /// By Hugging Face's names. Its "gelu" is the GELU of the error function.
  void readActivation() {
    std::optional<StringRef> name = root.getString("hidden_act");
    if (!name)
      return;
    if (isOurs)
      name->consume_front(kLnsPrefix);
    auto known =
        llvm::StringSwitch<std::optional<Activation>>(*name)
            .Cases({"silu", "swish"}, Activation::silu)
            .Cases({"gelu_pytorch_tanh", "gelu_new"}, Activation::gelu_tanh)
            .Case("relu", Activation::relu)
            .Default(std::nullopt);
    if (known)
      result.activation = *known;
    else
      root.mismatch("hidden_act")
          << "only \"silu\", \"gelu_pytorch_tanh\" and \"relu\" are supported";
  }

  /// Keys that change what is computed unless they have one certain value.
  void rejectVariants() {
    for (StringRef key : getDropoutKeys()) {
      std::optional<double> dropout = root.getNumber(key);
      if (dropout && *dropout != 0)
        root.mismatch(key) << "dropout is not supported; set it to 0";
    }
    rejectOtherWeights();
    if (root.isSet("rope_interleaved"))
      root.mismatch("rope_interleaved")
          << "only RoPE over the halves of a head is supported; it must be "
             "false";
    std::optional<double> rotary = root.getNumber("partial_rotary_factor");
    if (rotary && *rotary != 1)
      root.mismatch("partial_rotary_factor")
          << "only RoPE over whole heads is supported; it must be 1";
    if (result.isMistral && !rootNames("sliding_window"))
      root.missing("sliding_window")
          << "; add it as null, because Mistral's default is a window of 4096";
    // Mistral's code does not read the flag: its window is used regardless.
    bool flag = root.getBool("use_sliding_window").value_or(true);
    root.ignore({"sliding_window"});
    if ((flag || result.isMistral) && root.has("sliding_window"))
      root.mismatch("sliding_window")
          << "only attention to all earlier tokens is supported; set it to "
             "null if no sequence is longer than the window";
    for (StringRef type :
         root.getStrings("layer_types").value_or(SmallVector<StringRef>()))
      if (type != "full_attention") {
        root.mismatch("layer_types") << "only \"full_attention\" is supported";
        break;
      }
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
    std::optional<int64_t> longest =
        root.getInteger("max_position_embeddings", 1);
    if (longest && options.sequence > *longest)
      emitWarning(config.locate("max_position_embeddings"))
          << "max_position_embeddings is " << *longest
          << ", but sequences have " << options.sequence
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
      root.mismatch("num_attention_heads")
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
    int64_t columns =
        add(multiply(2, add(width, kvWidth)), multiply(3, result.intermediate));
    int64_t block = multiply(add(columns, 2), result.hidden);
    if (result.attentionBias)
      block = add(block, add(add(width, multiply(2, kvWidth)), result.hidden));
    if (result.mlpBias)
      block = add(block, add(multiply(2, result.intermediate), result.hidden));
    int64_t tables = multiply(result.vocabulary, result.tiedHead ? 1 : 2);
    int64_t outside = multiply(add(tables, 1), result.hidden);
    int64_t elements = add(multiply(block, result.layers), outside);
    if (!overflow && elements <= kMaxElements)
      return;
    InFlightDiagnostic diagnostic = config.error("hidden_size");
    if (overflow)
      diagnostic << "the model has more than 2^63";
    else
      diagnostic << "the model has " << elements;
    diagnostic << " parameters, but at most 2^40 are supported; make "
                  "hidden_size, intermediate_size, num_hidden_layers or "
                  "vocab_size smaller";
  }

  JsonSection &root;
  JsonConfig &config;
  const HuggingFaceOptions &options;
  bool isOurs = false;
  LlamaConfig result;
};

} // namespace

FailureOr<LlamaConfig> lns::readLlamaConfig(JsonSection &root,
                                            JsonConfig &config,
                                            const HuggingFaceOptions &options) {
  return LlamaReader(root, config, options).read();
}
