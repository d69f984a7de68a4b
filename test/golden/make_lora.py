#!/usr/bin/env python3
"""Makes the folder lora: adapters by PEFT, and what they compute.

The base is the model of the case untied-lns, or untied-pre, of this folder,
with their parameters and tokens. PEFT (0.21) puts adapters on it, saves them, and
computes logits, loss and the gradients of A and B, all in float64, of which
nothing is rounded: tests compare the interpreter with these to 1e-12. Tests
read the stored files and need none of the packages.

  make_lora.py            write all cases
  make_lora.py --check    recompute, compare with the stored files
"""

import copy
import json
import os
import random
import struct
import sys

import peft
import torch

import make_golden

# case -> (base, adapter's configuration)
CASES = {
    "lns": ("untied-lns", dict(
        r=3, lora_alpha=5,
        target_modules=["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"])),
    "pre-rslora": ("untied-pre", dict(
        r=4, lora_alpha=6, use_rslora=True, target_modules="all-linear")),
}
PREFIX = "base_model.model."


def build(case):
    base, options = CASES[case]
    sizes, norm, _, seed = make_golden.CASES[base]
    model = make_golden.make_model(make_golden.make_config(sizes), seed, norm)
    config = peft.LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0,
                             base_model_name_or_path=base, **options)
    model = peft.get_peft_model(model, config, autocast_adapter_dtype=False)
    rng = random.Random(50 + seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            if "lora_" in name:
                assert p.requires_grad and p.dtype == torch.float64
                p.copy_(make_golden.draw(p.shape, rng, 0.0, 0.1))
            else:
                assert not p.requires_grad
    return model.eval(), make_golden.make_tokens(seed, sizes["vocab_size"])


def evaluate(model, tokens):
    model.zero_grad()
    logits, loss = make_golden.forward(model, tokens)
    loss.backward()
    out = {"loss": loss.detach().view(1), "logits": logits.detach()}
    for name, p in model.named_parameters():
        if p.requires_grad:
            name = name.removeprefix(PREFIX).replace(".default.", ".")
            out["grad." + name] = p.grad.clone()
    # The merged model is the same function.
    merged = copy.deepcopy(model).merge_and_unload()
    with torch.no_grad():
        again, _ = make_golden.forward(merged, tokens)
    assert (again - logits).norm() < 1e-12 * logits.norm()
    return out


def write_f64(path, tensors):
    header, blobs, at = {}, [], 0
    for name in sorted(tensors):
        t = tensors[name].detach().contiguous()
        assert t.dtype == torch.float64
        values = t.flatten().tolist()
        blob = struct.pack(f"<{len(values)}d", *values)
        header[name] = {"dtype": "F64", "shape": list(t.shape),
                        "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def check(folder, expected):
    from safetensors.torch import load_file
    stored = load_file(os.path.join(folder, "expected.safetensors"))
    assert stored.keys() == expected.keys()
    worst = max(make_golden.distances(expected, stored).values())
    print(f"{os.path.basename(folder):12} largest relative difference "
          f"{worst:.1e}")
    return worst < 1e-12


def main():
    make_golden.use_float64()
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lora")
    ok = True
    for case in CASES:
        model, tokens = build(case)
        expected = evaluate(model, tokens)
        folder = os.path.join(root, case)
        if "--check" in sys.argv[1:]:
            ok &= check(folder, expected)
            continue
        copy.deepcopy(model).float().save_pretrained(folder)
        os.remove(os.path.join(folder, "README.md"))
        write_f64(os.path.join(folder, "expected.safetensors"), expected)
        print(f"{case:12} loss {expected['loss'].item():.9f}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
