#!/usr/bin/env python3
"""Holds 'lns ckpt export-lora' and 'merge' to the PEFT that reads their files.

  check_lora.py LNSC LNS FOLDER [CASE...]

For cases of test/Integration/Inputs/exchange.py a run with random parameters and
random adapters is made. Its adapters are exported, PEFT puts them on the class that
transformers makes of the exported base, and the logits are compared with the run's.
So are those of the merged run, exported, and PEFT's own merged model. What PEFT saves
of it again must be imported as the same numbers. Fails where a difference, relative to
the norm of all logits, is above 1e-5. Needs torch, transformers 5.24 and PEFT 0.21;
FOLDER must be empty.
"""

import pathlib
import random
import sys

import peft
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Integration" / "Inputs"))
import exchange  # noqa: E402
from check_exports import BATCH, SEQ, TOLERANCE, load, logits_of  # noqa: E402

CASES = {
    "pre": "rank=3,alpha=5,targets=q_proj:v_proj",
    "lns": "rank=4,alpha=6,targets=all-linear,rslora",
    "lns-tied": "rank=2,alpha=2,targets=self_attn.o_proj:down_proj",
    "lns-qwen3": "rank=2,alpha=3,targets=k_proj:gate_proj,save=lm_head:norm",
    "lns-granite": "rank=2,alpha=3,targets=all-linear",
    "qwen2": "rank=5,alpha=8,targets=q_proj:k_proj:v_proj",
    "gemma2": "rank=2,alpha=3,targets=all-linear",
    "gemma3": "rank=2,alpha=3,targets=all-linear",
    "sandwich": "rank=2,alpha=3,targets=up_proj:o_proj",
    "olmo2": "rank=2,alpha=3,targets=all-linear",
    "exaone4": "rank=2,alpha=3,targets=all-linear",
}


def distance(got, wanted):
    wanted = torch.tensor(list(wanted), dtype=torch.float64).view_as(got)
    return ((got - wanted).norm() / wanted.norm()).item()


def check(case, tokens):
    out, folder = exchange.export(case)
    norm = exchange.CASES[case][1]
    run, lns = exchange.run, exchange.lns
    run(exchange.lnsc, out / "config.json", *([f"--norm={norm}"] if norm else []),
        *exchange.OPTIONS, f"--lora={CASES[case]}", "-o", out / "lora.plan")
    tensors, _ = exchange.read_tensors(out / "drawn.safetensors")
    exchange.draw(out / "lora.plan", out / "all.safetensors", 7)
    drawn, _ = exchange.read_tensors(out / "all.safetensors")
    for name, value in drawn.items():
        if name not in tensors:
            tensors[name] = value
    exchange.write_tensors(out / "all.safetensors", tensors)
    run(lns, "ckpt", "import-hf", out / "all.safetensors", "-o", out / "lora",
        "--plan", out / "lora.plan")
    _, wanted = exchange.evaluate(out / "lora.plan", out / "lora", out / "g")

    run(lns, "ckpt", "export-lora", out / "lora", "-o", out / "peft")
    model = peft.PeftModel.from_pretrained(load(folder), out / "peft").eval()
    distances = [distance(logits_of(model, tokens), wanted)]
    model.save_pretrained(out / "saved")
    merged = model.merge_and_unload()
    distances.append(distance(logits_of(merged, tokens), wanted))
    run(lns, "ckpt", "merge", out / "lora", "-o", out / "merged")
    run(lns, "ckpt", "export-hf", out / "merged", "-o", out / "merged-hf")
    distances.append(distance(logits_of(load(out / "merged-hf"), tokens), wanted))
    run(lns, "ckpt", "import-lora", out / "saved", "--base", out / "run", "-o",
        out / "again", "--plan", out / "lora.plan")
    one, two = (exchange.read_tensors(out / name / "step-000000" /
                                      "model.safetensors")[0]
                for name in ("lora", "again"))
    if one != two:
        sys.exit(f"{case}: what PEFT saves is imported as other numbers")
    print(f"{case:14} {type(merged).__name__:22} "
          f"{'  '.join(f'{far:.1e}' for far in distances)}", flush=True)
    return max(distances) <= TOLERANCE


def main():
    transformers.utils.logging.disable_progress_bar()
    random.seed(1)
    exchange.start(*sys.argv[1:4])
    shard = (exchange.root / "tokens.bin").read_bytes()[1024:]
    tokens = torch.frombuffer(bytearray(shard), dtype=torch.uint16)
    tokens = tokens[: BATCH * SEQ].view(BATCH, SEQ).long()
    names = sys.argv[4:] or list(CASES)
    failed = [name for name in names if not check(name, tokens)]
    print(f"{len(names) - len(failed)} of {len(names)} within {TOLERANCE:g}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
