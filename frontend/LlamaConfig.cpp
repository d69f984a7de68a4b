//===- LlamaConfig.cpp - What a LLaMA's config.json says --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/LlamaConfig.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lns;

namespace {

constexpr int64_t kMaxDepth = 10000;               // lns.layers, C1
constexpr int64_t kMaxElements = int64_t(1) << 40; // of one tensor

/// Tokens, storage, generation, and what only matters to other programs.
constexpr llvm::StringRef kHarmlessKeys[] = {"_attn_implementation",
                                             "_name_or_path",
                                             "attn_implementation",
                                             "bos_token_id",
                                             "dtype",
                                             "eos_token_id",
                                             "finetuning_task",
                                             "id2label",
                                             "is_decoder",
                                             "is_encoder_decoder",
                                             "label2id",
                                             "max_position_embeddings",
                                             "max_sequence_length",
                                             "name_or_path",
                                             "num_labels",
                                             "output_attentions",
                                             "output_hidden_states",
                                             "pad_token_id",
                                             "pretraining_tp",
                                             "problem_type",
                                             "return_dict",
                                             "task_specific_params",
                                             "tokenizer_class",
                                             "torch_dtype",
                                             "torchscript",
                                             "transformers_version",
                                             "unk_token_id",
                                             "use_cache"};

class LlamaReader {
public:
  LlamaReader(JsonSection &root, JsonConfig &config)
      : root(root), config(config) {}

  FailureOr<LlamaConfig> read() {
    // Errors about keys of a network that is not ours would only confuse.
    if (!readModelType())
      return failure();
    readSizes();
    readHeads();
    readNumbers();
    readFlags();
    rejectVariants();
    if (result.headDim)
      result.rope = readRopeConfig(root, result.headDim);
    else
      root.ignore({"rope_parameters", "rope_scaling", "rope_theta"});
    root.ignore(kHarmlessKeys);
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
    if (*type != "llama" && *type != "mistral") {
      root.mismatch("model_type")
          << "only \"llama\" and \"mistral\" are supported; write the model "
             "as .mlir (docs/dialect.md)";
      return false;
    }
    isMistral = *type == "mistral";
    std::optional<SmallVector<StringRef>> names =
        root.getStrings("architectures");
    if (!names)
      return !config.hasFailed();
    // Another head than a causal language model's has another loss.
    std::string wanted = (*type + "forcausallm").str();
    if (names->size() == 1 && names->front().lower() == wanted)
      return true;
    root.mismatch("architectures")
        << "must be [\"" << (isMistral ? "Mistral" : "Llama")
        << "ForCausalLM\"] for model_type \"" << *type << "\"";
    return false;
  }

  void readSizes() {
    auto get = [&](StringRef key, int64_t max) {
      return root.requireInteger(key, 1, max).value_or(0);
    };
    constexpr int64_t max = std::numeric_limits<int32_t>::max();
    result.hidden = get("hidden_size", max);
    result.intermediate = get("intermediate_size", max);
    result.layers = get("num_hidden_layers", kMaxDepth);
    result.vocabulary = get("vocab_size", max);
    result.heads = get("num_attention_heads", max);
  }

  void readHeads() {
    int64_t heads = result.heads;
    if (isMistral && !root.has("num_key_value_heads"))
      root.missing("num_key_value_heads")
          << "; add it, because Mistral's default is 8 and a LLaMA's "
             "num_attention_heads";
    result.kvHeads = root.getInteger("num_key_value_heads", 1).value_or(heads);
    if (heads && heads % result.kvHeads)
      root.mismatch("num_key_value_heads")
          << "must divide num_attention_heads, which is " << heads;

    if (root.has("head_dim")) {
      result.headDim = root.getInteger("head_dim", 1).value_or(0);
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
    result.attentionBias = root.getBool("attention_bias").value_or(false);
    result.mlpBias = root.getBool("mlp_bias").value_or(false);
    if (isMistral && (result.attentionBias || result.mlpBias))
      root.mismatch(result.attentionBias ? "attention_bias" : "mlp_bias")
          << "Mistral's linears have no bias; remove it, or set model_type to "
             "\"llama\"";
  }

  /// Keys that change what is computed unless they have one certain value.
  void rejectVariants() {
    std::optional<StringRef> activation = root.getString("hidden_act");
    if (activation && *activation != "silu" && *activation != "swish")
      root.mismatch("hidden_act")
          << "only \"silu\" is supported; write the model as .mlir";
    for (StringRef key : {"attention_dropout", "hidden_dropout"}) {
      std::optional<double> dropout = root.getNumber(key);
      if (dropout && *dropout != 0)
        root.mismatch(key) << "dropout is not supported; set it to 0";
    }
    std::optional<double> rotary = root.getNumber("partial_rotary_factor");
    if (rotary && *rotary != 1)
      root.mismatch("partial_rotary_factor")
          << "only RoPE over whole heads is supported; it must be 1";
    if (isMistral && !rootNames("sliding_window"))
      root.missing("sliding_window")
          << "; add it as null, because Mistral's default is a window of 4096";
    bool windowIsUsed =
        root.getBool("use_sliding_window").value_or(root.has("sliding_window"));
    root.ignore({"sliding_window"});
    if (windowIsUsed && root.has("sliding_window"))
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

  /// Whether the key is there, be it null.
  bool rootNames(StringRef key) {
    return root.has(key) || config.contains(key);
  }

  void checkElements() {
    auto check = [&](StringRef what, StringRef key, int64_t a, int64_t b) {
      int64_t elements = 0;
      if (!llvm::MulOverflow(a, b, elements) && elements <= kMaxElements)
        return;
      root.mismatch(key) << what << " would be " << a << " x " << b
                         << ", and a tensor has at most 2^40 elements; make "
                            "the model smaller";
    };
    check("the embedding", "vocab_size", result.vocabulary, result.hidden);
    check("mlp.gate_proj", "intermediate_size", result.intermediate,
          result.hidden);
    int64_t width = 0;
    if (llvm::MulOverflow(result.heads, result.headDim, width))
      width = std::numeric_limits<int64_t>::max();
    check("self_attn.q_proj", "num_attention_heads", width, result.hidden);
  }

  JsonSection &root;
  JsonConfig &config;
  LlamaConfig result;
  bool isMistral = false;
};

} // namespace

FailureOr<LlamaConfig> lns::readLlamaConfig(JsonSection &root,
                                            JsonConfig &config) {
  return LlamaReader(root, config).read();
}
