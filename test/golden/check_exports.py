#!/usr/bin/env python3
"""Holds exports of 'lns ckpt export-hf' to the transformers that reads them.

  check_exports.py LNSC LNS FOLDER [CASE...]

For every case of test/Integration/Inputs/exchange.py a run with random parameters
is exported, AutoModelForCausalLM.from_pretrained() loads the folder as it is, and
its logits are compared with those that 'lns grads --logits' computes from the
run. Also that the class is the one that config.json names, that no parameter is
missing or left over, and that a bf16 export in shards loads. Fails where a
difference, relative to the norm of all logits, is above 1e-5. Needs torch and
transformers 5.24; FOLDER must be empty.
"""

import pathlib
import sys

import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Integration" / "Inputs"))
import exchange  # noqa: E402

BATCH, SEQ = 2, 9
TOLERANCE, BF16_TOLERANCE = 1e-5, 2e-2


def load(folder):
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager",
        output_loading_info=True)
    left = {key: value for key, value in info.items() if value}
    if left:
        sys.exit(f"{folder}: {left}")
    return model.eval()


def logits_of(model, tokens):
    with torch.no_grad():
        return model(input_ids=tokens, use_cache=False).logits.double()


def check(case, tokens):
    out, folder = exchange.export(case)
    architecture = exchange.class_of(case)
    _, logits = exchange.evaluate(out / "plan", out / "run", out / "g")
    wanted = torch.tensor(list(logits), dtype=torch.float64)
    model = load(folder)
    if type(model).__name__ != architecture:
        sys.exit(f"{case}: {type(model).__name__} was loaded")
    got = logits_of(model, tokens)
    wanted = wanted.view_as(got)
    far = ((got - wanted).norm() / wanted.norm()).item()
    exchange.run(exchange.lns, "ckpt", "export-hf", out / "run", "-o",
                 out / "bf16", "--dtype=bf16", "--max-shard=3k")
    # The same numbers in f32, so that only the rounding of weights is seen.
    coarse = logits_of(load(out / "bf16"), tokens)
    rounding = ((coarse - wanted).norm() / wanted.norm()).item()
    print(f"{case:20} {architecture:22} {far:.1e}  bf16 {rounding:.1e}",
          flush=True)
    return far <= TOLERANCE and rounding <= BF16_TOLERANCE


def main():
    transformers.utils.logging.disable_progress_bar()
    exchange.start(*sys.argv[1:4])
    shard = (exchange.root / "tokens.bin").read_bytes()[1024:]
    tokens = torch.frombuffer(bytearray(shard), dtype=torch.uint16)
    tokens = tokens[: BATCH * SEQ].view(BATCH, SEQ).long()
    names = sys.argv[4:] or list(exchange.CASES)
    failed = [name for name in names if not check(name, tokens)]
    print(f"{len(names) - len(failed)} of {len(names)} within {TOLERANCE:g}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
