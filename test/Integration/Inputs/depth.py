"""Compares the time that lnsc takes for a deep model and one four times as deep.

usage: depth.py WORK [OPTION...]    options of lnsc

Time of the processor, not of the clock, and the least of up to four pairs: other
work on the machine makes a time longer, never shorter. Four times the layers are
four times the work, and what does not depend on depth makes it less; an order that
is compared, a list that is walked or a table that is searched once a layer makes it
sixteen.
"""

import json
import os
import resource
import subprocess
import sys

LAYERS = (100, 400)
LIMIT = 6.5
MODEL = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "vocab_size": 256,
    "tie_word_embeddings": False,
}


def compile_model(work, layers, options):
    path = os.path.join(work, f"{layers}.json")
    with open(path, "w") as file:
        json.dump({**MODEL, "num_hidden_layers": layers}, file)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        ["lnsc", path, "--norm=lns", "--batch=1", "--seq=16", "--threads=1", *options]
        + ["-o", os.path.join(work, "plan")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime


def main():
    work, *options = sys.argv[1:]
    os.makedirs(work, exist_ok=True)
    budget = [int(o.split("=")[1]) for o in options if o.startswith("budget-per-layer=")]
    options = [o for o in options if not o.startswith("budget-per-layer=")]
    least = [float("inf")] * 2
    for _ in range(4):
        for i, layers in enumerate(LAYERS):
            more = [f"--memory-budget={layers * budget[0]}"] if budget else []
            least[i] = min(least[i], compile_model(work, layers, options + more))
        if least[1] <= LIMIT * least[0]:
            print(f"{LAYERS[1]} layers take at most {LIMIT} times as long as {LAYERS[0]}")
            return
    sys.exit(
        f"{LAYERS[0]} layers take {least[0]:.2f} s, {LAYERS[1]} take {least[1]:.2f} s: "
        f"{least[1] / least[0]:.1f} times as long, expected at most {LIMIT}"
    )


main()
