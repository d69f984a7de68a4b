#!/usr/bin/env python3
"""Makes the golden files of this folder with PyTorch and Hugging Face.

The stored files answer one question: does a compiled LLaMA (or GPT-2) compute
what the model that everyone means by "LLaMA" computes? So the forward code is
that of `transformers` (LlamaForCausalLM and GPT2LMHeadModel, eager attention),
and the derivatives are PyTorch's. Nothing of this repository takes part. Tests read the stored files
and need neither package.

Precision. Parameters are float32 numbers. Everything is evaluated in float64
and rounded to float32 once, when it is stored. `transformers` drops to float32
in three places whatever the model's type (the RMSNorm statistics, the softmax,
the RoPE angles), so its module sees a `torch` whose `float32` is `float64`;
central differences of the loss (always run, see `check_gradients`) would show
any float32 that is left.

LNS is what the paper defines: the output of both norms of block l = 1, 2, ...
is multiplied by 1/sqrt(l); the final norm is not. (With parameters at random,
l = 2 has a scale of 0.7071, which the gradients of the gains see too.)

The case gpt2 is test/Models/gpt2.mlir, with its names and its layout: query, key
and value apart, matrices [out, in]. That model has no bias at the key, which a
softmax cannot see; there it is zero, and its gradient is checked to be zero. The
cases gpt2-hf... have the parameters as transformers saves them, and gradients by
the names and in the layout of lnsc; the key's bias is not zero, its gradient is.

Loss: the mean cross entropy over B * T positions, the way llm.c reads a shard:
a flat buffer of B * T + 1 tokens, inputs buf[:-1], targets buf[1:], both
reshaped to [B, T]. Hugging Face's own shift inside a row is not used.

  make_golden.py [CASE...]     write all cases, or these
  make_golden.py --check       recompute, compare with the stored files
  make_golden.py --sensitivity how far off a few plausible bugs would be
"""

import argparse
import array
import importlib
import json
import math
import os
import random
import struct
import sys
import types

import torch
import torch.nn.functional as F
import transformers
from transformers.models.llama import modeling_llama

FAMILIES = ("llama", "mistral", "qwen2", "qwen3", "olmo2", "granite",
            "smollm3", "exaone4", "gemma2", "gemma3")
# What gpt2's config.json is kept with.
GPT2_KEYS = {
    "activation_function", "add_cross_attention", "attn_pdrop", "embd_pdrop",
    "layer_norm_epsilon", "n_embd", "n_head", "n_inner", "n_layer",
    "n_positions", "reorder_and_upcast_attn", "resid_pdrop",
    "scale_attn_by_inverse_layer_idx", "scale_attn_weights",
    "summary_activation", "summary_first_dropout", "summary_proj_to_labels",
    "summary_type", "summary_use_proj", "task_specific_params",
}
GEMMA_KEYS = {"attn_logit_softcapping", "final_logit_softcapping",
              "hidden_activation", "layer_types", "query_pre_attn_scalar",
              "sliding_window"}
# Keys of config.json that only one family has.
OWN_KEYS = {
    "gpt2": GPT2_KEYS,
    "qwen2": {"layer_types", "max_window_layers", "sliding_window",
              "use_sliding_window"},
    "qwen3": {"layer_types", "max_window_layers", "sliding_window",
              "use_sliding_window"},
    "exaone4": {"layer_types", "sliding_window"},
    "gemma2": GEMMA_KEYS,
    "gemma3_text": GEMMA_KEYS,
    "mistral": {"sliding_window"},
    "granite": {"attention_multiplier", "embedding_multiplier",
                "logits_scaling", "residual_multiplier"},
    "smollm3": {"layer_types", "no_rope_layer_interval", "no_rope_layers",
                "sliding_window", "use_sliding_window"},
}
BATCH, SEQ = 2, 12
SHARD_TOKENS = 61  # two batches and a bit: only the first one is expected
MAGIC, VERSION = 20240520, 1  # llm.c's shard header

UNTIED = dict(
    vocab_size=96, hidden_size=48, intermediate_size=84, num_hidden_layers=2,
    num_attention_heads=6, num_key_value_heads=2, rms_norm_eps=1e-6,
    rope_theta=10000.0, tie_word_embeddings=False,
)
# head_dim is not hidden / heads; theta and eps are not the defaults, and eps
# is large enough that ignoring it shows.
TIED = dict(
    vocab_size=96, hidden_size=48, intermediate_size=44, num_hidden_layers=2,
    num_attention_heads=6, num_key_value_heads=3, head_dim=16,
    rms_norm_eps=1e-3, rope_theta=500.0, tie_word_embeddings=True,
)
# The sizes of test/Models/gpt2.mlir.
GPT2 = dict(
    vocab_size=61, n_positions=16, n_embd=36, n_layer=2, n_head=3, n_inner=50,
    layer_norm_epsilon=1e-5, activation_function="gelu_new",
)
# Heads of 6 columns, an epsilon that shows, and positions beyond the sequence.
GPT2_HF = dict(
    model_type="gpt2", vocab_size=61, n_positions=14, n_embd=30, n_layer=2,
    n_head=5, n_inner=52, layer_norm_epsilon=1e-3,
)
# Scores over their layer's number instead of the root of the head's size, an
# inner width that is four times the model's, another GELU, a head of its own. Heads
# of 5 columns, which RoPE could not turn.
GPT2_SCALED = dict(
    GPT2_HF, n_embd=15, n_layer=3, n_head=3, n_inner=None,
    activation_function="gelu", scale_attn_weights=False,
    scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False,
)
# Families: what each computes otherwise than a LLaMA, at sizes where it shows.
# Biases at query, key and value alone.
QWEN2 = dict(
    model_type="qwen2", vocab_size=61, hidden_size=40, intermediate_size=52,
    num_hidden_layers=2, num_attention_heads=5, num_key_value_heads=1,
    rms_norm_eps=1e-5, rope_theta=1e6, tie_word_embeddings=True,
)
# Norms behind the sublayers, and of the whole query and key.
OLMO2 = dict(
    model_type="olmo2", vocab_size=61, hidden_size=40, intermediate_size=52,
    num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
    rms_norm_eps=1e-4, rope_theta=5e5, tie_word_embeddings=False,
)
# Multipliers on embedding, scores, branches and logits.
GRANITE = dict(
    model_type="granite", vocab_size=61, hidden_size=40, intermediate_size=52,
    num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    rms_norm_eps=1e-5, rope_theta=1e4, tie_word_embeddings=True,
    attention_bias=True, mlp_bias=True, embedding_multiplier=6.0,
    attention_multiplier=0.2, residual_multiplier=0.22, logits_scaling=4.0,
)
# No RoPE in every third layer; the last two have it and have it not.
SMOLLM3 = dict(
    model_type="smollm3", vocab_size=61, hidden_size=40, intermediate_size=52,
    num_hidden_layers=5, num_attention_heads=4, num_key_value_heads=2,
    rms_norm_eps=1e-6, rope_theta=2e6, tie_word_embeddings=True,
    no_rope_layers=[1, 1, 0, 1, 0],
)
# A norm of each head of query and key, with heads wider than the model's share.
QWEN3 = dict(
    model_type="qwen3", vocab_size=61, hidden_size=36, intermediate_size=52,
    num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    head_dim=14, rms_norm_eps=1e-4, rope_theta=1e6, tie_word_embeddings=False,
)
# The same behind the sublayers.
EXAONE4 = dict(
    model_type="exaone4", vocab_size=61, hidden_size=40, intermediate_size=52,
    num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    rms_norm_eps=1e-4, rope_theta=1e4, tie_word_embeddings=True,
    sliding_window=None, layer_types=["full_attention"] * 2,
)
# A window in every layer, shorter than the sequence, and wider heads.
MISTRAL = dict(
    model_type="mistral", vocab_size=61, hidden_size=36, intermediate_size=52,
    num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    head_dim=14, rms_norm_eps=1e-5, rope_theta=1e4, tie_word_embeddings=False,
    sliding_window=5,
)
# A window in the layers from the second on.
QWEN2_WINDOW = dict(
    QWEN2, num_hidden_layers=3, use_sliding_window=True, sliding_window=4,
    max_window_layers=1,
)
# A window in those layers that a list says.
QWEN3_WINDOW = dict(
    QWEN3, num_hidden_layers=3, use_sliding_window=True, sliding_window=3,
    layer_types=["sliding_attention", "full_attention", "sliding_attention"],
)
# Three layers with a window and RoPE, one with neither, and one more.
EXAONE4_WINDOW = dict(
    EXAONE4, num_hidden_layers=5, sliding_window=4,
    layer_types=["sliding_attention"] * 3 + ["full_attention",
                                             "sliding_attention"],
)
# Every second layer with a window; soft-caps low enough to act; scores over
# another number than the root of the head's size.
GEMMA2 = dict(
    model_type="gemma2", vocab_size=61, hidden_size=36, intermediate_size=52,
    num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
    head_dim=14, rms_norm_eps=1e-4, rope_theta=1e4, tie_word_embeddings=True,
    sliding_window=5, query_pre_attn_scalar=9, attn_logit_softcapping=1.5,
    final_logit_softcapping=3.0,
)
# Two layers with a window to one without, which turns by another base, scaled.
GEMMA3 = dict(
    model_type="gemma3_text", vocab_size=61, hidden_size=36,
    intermediate_size=52, num_hidden_layers=5, num_attention_heads=4,
    num_key_value_heads=2, head_dim=14, rms_norm_eps=1e-4,
    tie_word_embeddings=True, sliding_window=4, query_pre_attn_scalar=9,
    layer_types=["sliding_attention", "sliding_attention", "full_attention",
                 "sliding_attention", "sliding_attention"],
    rope_parameters={
        "full_attention": {"rope_type": "linear", "rope_theta": 1e6,
                           "factor": 4.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    },
)
# case -> (model, norm placement, spelling of RoPE in config.json, seed); the
# two norms of a model share parameters and tokens.
CASES = {
    "untied-pre": (UNTIED, "pre", "nested", 1),
    "untied-lns": (UNTIED, "lns", "flat", 1),
    "tied-pre": (TIED, "pre", "flat", 2),
    "tied-lns": (TIED, "lns", "nested", 2),
    "gpt2": (GPT2, "pre", None, 3),
    "qwen2": (QWEN2, "pre", "flat", 4),
    "qwen2-lns": (QWEN2, "lns", "nested", 4),
    "olmo2": (OLMO2, "pre", "nested", 5),
    "granite": (GRANITE, "pre", "nested", 6),
    "smollm3": (SMOLLM3, "pre", "nested", 7),
    "qwen3": (QWEN3, "pre", "nested", 8),
    "exaone4": (EXAONE4, "pre", "nested", 9),
    "mistral": (MISTRAL, "pre", "flat", 10),
    "qwen2-window": (QWEN2_WINDOW, "pre", "nested", 11),
    "qwen3-window": (QWEN3_WINDOW, "pre", "nested", 12),
    "exaone4-window": (EXAONE4_WINDOW, "pre", "nested", 13),
    "gemma2": (GEMMA2, "pre", "nested", 14),
    "gemma3": (GEMMA3, "pre", "nested", 15),
    "gemma3-old": (GEMMA3, "pre", "flat", 15),
    "gpt2-hf": (GPT2_HF, "pre", "nested", 16),
    "gpt2-hf-lns": (GPT2_HF, "lns", "nested", 16),
    "gpt2-hf-scaled": (GPT2_SCALED, "pre", "nested", 17),
}


def use_float64():
    """Lets the models' code compute in float64 where it asks for float32."""
    view = types.ModuleType("torch_float64")
    view.__dict__.update(torch.__dict__)
    view.float32 = view.float = torch.float64
    torch.Tensor.float = torch.Tensor.double
    importlib.import_module("transformers.modeling_rope_utils").torch = view
    for family in FAMILIES:
        importlib.import_module(
            f"transformers.models.{family}.modeling_{family}").torch = view


def make_config(sizes):
    sizes = dict(sizes)
    if "n_embd" in sizes:
        sizes.pop("model_type", None)
        return transformers.GPT2Config(
            attn_implementation="eager", bos_token_id=None, eos_token_id=None,
            **sizes)
    if "rope_parameters" not in sizes:
        sizes["rope_parameters"] = {"rope_theta": sizes.pop("rope_theta"),
                                    "rope_type": "default"}
    # The config writes defaults into what it is given.
    sizes = json.loads(json.dumps(sizes))
    return transformers.AutoConfig.for_model(
        sizes.pop("model_type", "llama"), max_position_embeddings=64,
        attn_implementation="eager", pad_token_id=None, **sizes)


def draw(shape, rng, mean, std):
    """Normal numbers rounded to float32, from Python's generator: the same
    for every version of PyTorch."""
    count = math.prod(shape)
    values = array.array("f", (rng.gauss(mean, std) for _ in range(count)))
    return torch.tensor(values, dtype=torch.float64).view(shape)


def make_model(config, seed, norm, key_bias=True):
    """A float64 model with parameters that float32 can hold."""
    # Gemma's gains are 1 + w.
    gain_mean = 0.0 if config.model_type.startswith("gemma") else 1.0
    model = transformers.AutoModelForCausalLM.from_config(config)
    model = model.double().eval()
    rng = random.Random(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            gain = name.endswith("norm.weight") or (
                ".ln_" in name and name.endswith(".weight"))
            p.copy_(draw(p.shape, rng, gain_mean if gain else 0.0, 0.2))
            if not key_bias and name.endswith("c_attn.bias"):
                p.chunk(3)[1].zero_()
    if norm == "lns":
        is_gpt2 = config.model_type == "gpt2"
        for index, layer in enumerate(
                model.transformer.h if is_gpt2 else model.model.layers):
            scale = 1.0 / math.sqrt(index + 1)
            for part in ((layer.ln_1, layer.ln_2) if is_gpt2 else
                         (layer.input_layernorm,
                          layer.post_attention_layernorm)):
                part.register_forward_hook(
                    lambda module, args, out, scale=scale: out * scale)
    return model


def make_tokens(seed, vocab):
    """Repeats some tokens, and uses the first and last of the vocabulary."""
    rng = random.Random(1000 + seed)
    pool = [0, vocab - 1] + rng.sample(range(1, vocab - 1), 14)
    tokens = [rng.choice(pool) for _ in range(SHARD_TOKENS)]
    tokens[3], tokens[17] = vocab - 1, 0
    return tokens


def forward(model, tokens):
    buf = torch.tensor(tokens[: BATCH * SEQ + 1])
    inputs, targets = buf[:-1].view(BATCH, SEQ), buf[1:].view(BATCH, SEQ)
    logits = model(input_ids=inputs, use_cache=False).logits
    assert logits.dtype == model.lm_head.weight.dtype
    return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())


GPT2_NAMES = (
    ("h.", "layers."), ("ln_1", "input_layernorm"),
    ("ln_2", "post_attention_layernorm"), ("ln_f", "norm"),
    ("wte", "embed_tokens"), ("wpe", "embed_positions"),
    ("attn.c_proj", "self_attn.o_proj"), ("mlp.c_fc", "mlp.up_proj"),
    ("mlp.c_proj", "mlp.down_proj"))


def rename(named):
    """The same for a GPT-2 that lnsc has compiled from its config.json."""
    out = {}
    for name, t in named.items():
        if not name.startswith("transformer."):
            out[name] = t
            continue
        name = name.replace("transformer.", "model.")
        parts = t.T if ".c_" in name and t.dim() == 2 else t
        if ".c_attn." not in name:
            for theirs, ours in GPT2_NAMES:
                name = name.replace("." + theirs, "." + ours)
            out[name] = parts
            continue
        name = name.replace(".h.", ".layers.").replace(".attn.", ".self_attn.")
        for letter, part in zip("qkv", parts.chunk(3)):
            new = name.replace("c_attn", letter + "_proj")
            if new.endswith("k_proj.bias"):
                assert part.abs().max() < 1e-12, part.abs().max()
                part = torch.zeros_like(part)
            out[new] = part
    return out


def export(named):
    """Parameters or gradients by the names and in the layout of our models: a
    LLaMA's are Hugging Face's own."""
    out = {}
    for name, t in named.items():
        if not name.startswith("transformer."):
            out[name] = t
            continue
        name = name.removeprefix("transformer.")
        name = name.replace(".attn.c_proj", ".o").replace(".attn.", ".")
        name = name.replace(".mlp.c_", ".")
        is_matrix = t.dim() == 2 and name.startswith("h.")
        parts = t.T if is_matrix else t
        if ".c_attn." not in name:
            out[name] = parts
            continue
        for letter, part in zip("qkv", parts.chunk(3)):
            new = name.replace("c_attn", letter)
            if new.endswith(".k.bias"):
                assert part.abs().max() < 1e-12, part.abs().max()
                continue
            out[new] = part
    return out


def evaluate(model, tokens, export=export):
    """All expected tensors, float64, by name."""
    model.zero_grad()
    logits, loss = forward(model, tokens)
    loss.backward()
    out = {"loss": loss.detach().view(1), "logits": logits.detach()}
    grads = {name: p.grad.clone() for name, p in model.named_parameters()}
    for name, grad in export(grads).items():
        out["grad." + name] = grad
    return out


def check_gradients(model, tokens):
    """Central differences, of the fourth order, along one random direction per
    parameter. A step of 1e-4 leaves about 1e-9; any float32 on the way would
    leave 1e-3."""
    rng, step = random.Random(7), 1e-4
    worst = 0.0
    for name, p in model.named_parameters():
        grad = p.grad.clone()
        # Half of the direction is the gradient's own, so that the slope is
        # never an accidental near-zero.
        direction = draw(p.shape, rng, 0.0, 1.0)
        direction = direction / direction.norm() + grad / grad.norm()
        start, values = p.detach().clone(), []
        with torch.no_grad():
            for steps in (1, -1, 2, -2):
                p.copy_(start + steps * step * direction)
                values.append(forward(model, tokens)[1].item())
            p.copy_(start)
        slope = (8 * (values[0] - values[1]) -
                 (values[2] - values[3])) / (12 * step)
        exact = (grad * direction).sum().item()
        worst = max(worst, abs(slope - exact) / abs(exact))
    assert worst < 1e-6, f"central differences disagree by {worst:.1e}"
    return worst


def write_safetensors(path, tensors):
    header, blobs, at = {}, [], 0
    for name in sorted(tensors):
        t = tensors[name].detach().to(torch.float32).contiguous()
        blob = array.array("f", t.flatten().tolist()).tobytes()
        header[name] = {"dtype": "F32", "shape": list(t.shape),
                        "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps({"__metadata__": {"format": "pt"}, **header},
                      separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def write_shard(path, tokens):
    header = [MAGIC, VERSION, len(tokens)] + [0] * 253
    with open(path, "wb") as f:
        f.write(struct.pack("<256i", *header))
        f.write(struct.pack(f"<{len(tokens)}H", *tokens))


def write_config(path, config, spelling, architecture):
    """config.json as transformers saves it; `flat` is the spelling that it
    used before version 5: rope_theta and rope_scaling on the top level."""
    config.architectures = [architecture]
    config.dtype = "float32"
    data = json.loads(config.to_json_string(use_diff=False))
    keep = {
        "architectures", "attention_bias", "attention_dropout", "bos_token_id",
        "dtype", "eos_token_id", "head_dim", "hidden_act", "hidden_size",
        "initializer_range", "intermediate_size", "max_position_embeddings",
        "mlp_bias", "model_type", "num_attention_heads", "num_hidden_layers",
        "num_key_value_heads", "pad_token_id", "pretraining_tp",
        "rms_norm_eps", "rope_parameters", "tie_word_embeddings",
        "transformers_version", "use_cache", "vocab_size",
    } | OWN_KEYS.get(config.model_type, set())
    data = {key: value for key, value in data.items() if key in keep}
    if spelling == "flat":
        rope = data.pop("rope_parameters")
        data["rope_scaling"] = None
        if "full_attention" in rope:
            # What layer_types says is said by a pattern.
            data.pop("layer_types")
            data["sliding_window_pattern"] = 3
            data["rope_local_base_freq"] = (
                rope["sliding_attention"]["rope_theta"])
            rope = rope["full_attention"]
            data["rope_scaling"] = {"factor": rope["factor"],
                                    "rope_type": rope["rope_type"]}
        data["rope_theta"] = rope["rope_theta"]
        data["torch_dtype"] = data.pop("dtype")
        del data["transformers_version"]  # the values are 5.x's, not the form
    with open(path, "w") as f:
        json.dump(data, f, indent=2, sort_keys=True)
        f.write("\n")


def build(case):
    sizes, norm, spelling, seed = CASES[case]
    config = make_config(sizes)
    model = make_model(config, seed, norm, key_bias=sizes is not GPT2)
    tokens = make_tokens(seed, config.vocab_size)
    return config, model, tokens, spelling


def layouts(case):
    """How a case's parameters and its gradients are stored."""
    if case == "gpt2":
        return export, export
    return dict, rename


def write_case(case, root):
    config, model, tokens, spelling = build(case)
    of_parameters, of_gradients = layouts(case)
    expected = evaluate(model, tokens, of_gradients)
    worst = check_gradients(model, tokens)
    folder = os.path.join(root, case)
    os.makedirs(folder, exist_ok=True)
    if spelling:
        write_config(os.path.join(folder, "config.json"), config, spelling,
                     type(model).__name__)
    write_safetensors(os.path.join(folder, "model.safetensors"),
                      of_parameters(dict(model.named_parameters())))
    write_shard(os.path.join(folder, "tokens.bin"), tokens)
    write_safetensors(os.path.join(folder, "expected.safetensors"), expected)
    print(f"{case:12} loss {expected['loss'].item():.9f}  central differences "
          f"{worst:.1e}  {sum(p.numel() for p in model.parameters())} "
          "parameters")


def distances(got, want):
    # That of a key's bias is zero.
    return {name: ((got[name].double() - want[name].double()).norm() /
                   (want[name].double().norm() or 1)).item() for name in want}


def check_case(case, root):
    """Stored files against a fresh evaluation; the parameters bit for bit,
    the expected tensors to float32 rounding."""
    from safetensors.torch import load_file
    _, model, tokens, _ = build(case)
    folder = os.path.join(root, case)
    stored = load_file(os.path.join(folder, "model.safetensors"))
    of_parameters, of_gradients = layouts(case)
    for name, p in of_parameters(dict(model.named_parameters())).items():
        assert torch.equal(stored.pop(name).double(), p.detach()), name
    assert not stored, sorted(stored)
    want = load_file(os.path.join(folder, "expected.safetensors"))
    got = evaluate(model, tokens, of_gradients)
    assert got.keys() == want.keys()
    worst = max(distances(got, want).values())
    print(f"{case:12} largest relative difference {worst:.1e}")
    return worst < 2e-7


def sensitivity(case):
    """Relative error of the loss, and the median and largest of the
    gradients', that a plausible mistake would cause."""
    config, model, tokens, _ = build(case)
    want = evaluate(model, tokens)

    def report(label, mutant):
        far = distances(evaluate(mutant, tokens), want)
        grads = sorted(v for k, v in far.items() if k.startswith("grad."))
        print(f"{case:12} {label:34} loss {far['loss']:.1e}  logits "
              f"{far['logits']:.1e}  gradients {grads[len(grads) // 2]:.1e} "
              f"{grads[-1]:.1e}")

    sizes, norm, _, seed = CASES[case]
    def remade(**changes):
        return make_model(make_config({**sizes, **changes}), seed, norm)
    report("other norm placement",
           make_model(config, seed, "pre" if norm == "lns" else "lns"))
    report("RoPE base 10000 <-> 500",
           remade(rope_theta=10500.0 - sizes["rope_theta"]))
    report("eps 1e-5", remade(rms_norm_eps=1e-5))

    plain = modeling_llama.rotate_half
    modeling_llama.rotate_half = lambda x: torch.stack(
        (-x[..., 1::2], x[..., ::2]), dim=-1).flatten(-2)
    report("RoPE on interleaved pairs", remade())
    modeling_llama.rotate_half = plain

    plain = modeling_llama.repeat_kv
    modeling_llama.repeat_kv = lambda x, n: x.repeat(1, n, 1, 1)
    report("key heads tiled, not repeated", remade())
    modeling_llama.repeat_kv = plain

    mutant = remade()
    for layer in mutant.model.layers:
        layer.self_attn.scaling = config.hidden_size ** -0.5
    report("scores over sqrt(hidden)", mutant)

    mutant = remade()
    with torch.no_grad():
        mutant.model.norm.weight.fill_(1.0)
    report("final gain ignored", mutant)

    # Not a mistake: what rounding costs, to be far below the tolerance.
    modeling_llama.torch = torch
    report("(float32 throughout)", remade().float())
    use_float64()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", default=os.path.dirname(
        os.path.abspath(__file__)), help="folder of the cases")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--sensitivity", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    use_float64()
    good = True
    for case in args.cases or CASES:
        if args.check:
            good &= check_case(case, args.root)
        elif args.sensitivity:
            if "n_embd" not in CASES[case][0]:
                sensitivity(case)
        else:
            write_case(case, args.root)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
