//===- HarmlessKeys.cpp - Keys of a config that compute nothing -*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Taken from transformers 4.30.2, 4.34.1, 4.38.2, 4.46.3, 4.50.3, 4.57.1, 5.0.0
// and 5.24.0 (configuration_utils.py, generation/configuration_utils.py, the
// configs of LLaMA and Mistral), and from what other tools write. A key belongs
// here only if no value of it changes the forward pass; keys that do so for
// some of their values are read in DecoderConfig.cpp.
//
//===----------------------------------------------------------------------===//

#include "frontend/HarmlessKeys.h"

using llvm::StringRef;

static constexpr StringRef kHarmless[] = {
    // PretrainedConfig: bookkeeping.
    "_attn_implementation", "_attn_implementation_autoset",
    "_attn_implementation_internal", "_auto_class", "_commit_hash",
    "_configuration_file", "_experts_implementation",
    "_experts_implementation_internal", "_flash_attn_2_enabled", "_from_auto",
    "_from_model_config", "_from_pipeline", "_name_or_path", "_num_labels",
    "_output_attentions", "attn_implementation", "base_config_key",
    "base_model_ep_plan", "base_model_fsdp_plan", "base_model_pp_plan",
    "base_model_tp_plan", "cache_dir", "dtype", "experts_implementation",
    "force_download", "keys_to_ignore_at_inference", "local_files_only",
    "name_or_path", "proxies", "resume_download", "revision", "sub_configs",
    "subfolder", "tensor_parallel_style", "token", "torch_dtype", "torchscript",
    "transformers_version", "transformers_weights", "trust_remote_code",
    "use_auth_token", "use_bfloat16", "xla_device",
    // PretrainedConfig: what a model returns, tasks, other kinds of models.
    "add_cross_attention", "chunk_size_feed_forward", "classifier_dropout",
    "cross_attention_hidden_size", "finetuning_task", "id2label", "is_decoder",
    "is_encoder_decoder", "label2id", "num_labels", "output_attentions",
    "output_hidden_states", "output_past", "problem_type", "return_dict",
    "task_specific_params", "tf_legacy_loss", "tie_encoder_decoder",
    "tie_last_hidden_states",
    // The tokenizer and its tokens.
    "add_bos_token", "add_eos_token", "additional_special_tokens", "bos_token",
    "bos_token_id", "chat_template", "cls_token_id", "decoder_start_token_id",
    "eos_token", "eos_token_id", "eos_token_ids", "mask_token_id", "pad_token",
    "pad_token_id", "sep_token_id", "tokenizer", "tokenizer_class",
    "tokenizer_model", "tokenizer_name", "tokenizer_type",
    "tokenizer_vocab_size", "unk_token", "unk_token_id", "vocab_file",
    // Generation.
    "assistant_confidence_threshold", "assistant_early_exit",
    "assistant_ensemble_weight", "assistant_lookbehind", "bad_words_ids",
    "begin_suppress_tokens", "cache_config", "cache_implementation",
    "compile_config", "constraints", "continuous_batching_config",
    "disable_compile", "diversity_penalty", "do_sample", "dola_layers",
    "early_stopping", "encoder_no_repeat_ngram_size",
    "encoder_repetition_penalty", "epsilon_cutoff", "eta_cutoff",
    "exponential_decay_length_penalty", "force_words_ids",
    "forced_bos_token_id", "forced_decoder_ids", "forced_eos_token_id",
    "generation_config", "generation_kwargs", "guidance_scale", "is_assistant",
    "length_penalty", "low_memory", "max_cache_len", "max_length",
    "max_matching_ngram_size", "max_new_tokens", "max_time", "min_length",
    "min_new_tokens", "min_p", "no_repeat_ngram_size", "num_assistant_tokens",
    "num_assistant_tokens_schedule", "num_beam_groups", "num_beams",
    "num_return_sequences", "output_logits", "output_scores", "penalty_alpha",
    "prefill_chunk_size", "prefix", "prompt_lookup_num_tokens",
    "remove_invalid_values", "renormalize_logits", "repetition_penalty",
    "return_dict_in_generate", "return_legacy_cache", "sequence_bias",
    "speculation_type", "stop_strings", "suppress_tokens", "target_lookbehind",
    "temperature", "token_healing", "top_h", "top_k", "top_p", "typical_p",
    "use_cache", "use_mtp", "watermarking_config",
    // How long sequences may be: names that readers of configs know. RoPE's own
    // are read with it.
    "context_length", "max_context_length", "max_model_len",
    "max_position_embedding", "max_seq_len", "max_seq_length",
    "max_sequence_length", "max_window_layers", "model_max_length", "n_ctx",
    "n_positions", "seq_len", "seq_length", "tokenizer_model_max_length",
    // How a computation is cut, which kernels do it, and in which type: the
    // same
    // numbers but for rounding. pretraining_tp sums a product in parts.
    "activation_checkpointing", "attn_backend", "bf16", "ds_config",
    "enable_gradient_checkpointing", "flash_attention", "fp16", "fp32",
    "fused_mlp", "gradient_checkpointing", "gradient_checkpointing_kwargs",
    "num_logits_to_keep", "pretraining_tp", "sequence_parallel",
    "tensor_parallel_degree", "tensor_parallel_output", "tp_size",
    "use_flash_attention", "use_flash_attention_2", "use_flash_attn",
    "use_fused_cross_entropy", "use_fused_rms_norm", "use_fused_rope",
    "use_gradient_checkpointing", "use_memory_efficient_attention", "use_sdpa",
    "zero_optimization",
    // Written by tools: unsloth, axolotl, peft, trl, optimum (ONNX, OpenVINO,
    // Neuron), transformers.js, llama.cpp, NeMo and Megatron, nanotron,
    // mergekit, the Hub.
    "_hf_peft_config_loaded", "_load_in_4bit", "_load_in_8bit",
    "architectures_original", "axolotl_config", "axolotl_version", "base_model",
    "base_model_name_or_path", "custom_generate", "custom_pipelines",
    "description", "export_model_type", "gguf_file", "inference_mode",
    "is_llama_config", "language", "library_name", "license",
    "megatron_version", "merge_method", "mergekit_version", "model_id",
    "model_name", "model_tags", "model_version", "nemo_version", "neuron",
    "onnx_dtype", "onnx_export", "onnx_opset", "openvino_config", "opset",
    "optimum_version", "peft_type", "quantized_by", "tags", "task",
    "transformers.js_config", "trl_version", "unsloth_fixed", "unsloth_version",
    "version"};

static constexpr StringRef kQuantization[] = {
    "bits",         "compression_config", "load_in_4bit",
    "load_in_8bit", "quant_config",       "quant_method",
    "quantization", "quantization_config"};

static constexpr StringRef kDropout[] = {
    "attention_dropout", "attention_probs_dropout_prob",
    "attn_dropout",      "attn_pdrop",
    "dropout",           "embd_pdrop",
    "embedding_dropout", "ffn_dropout",
    "hidden_dropout",    "hidden_dropout_prob",
    "resid_pdrop",       "residual_dropout"};

llvm::ArrayRef<StringRef> lns::getHarmlessKeys() { return kHarmless; }

llvm::ArrayRef<StringRef> lns::getQuantizationKeys() { return kQuantization; }

llvm::ArrayRef<StringRef> lns::getDropoutKeys() { return kDropout; }
