"""Trains a small model of every scheme that lnsc lists: LNSC LNS FOLDER.

FOLDER holds config.json. The text repeats itself, so that the loss must fall far
below the ln 256 = 5.5 that it starts from.
"""

import json
import math
import pathlib
import re
import subprocess
import sys

lnsc, lns, folder = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {result.returncode}\n"
                 f"{result.stdout}{result.stderr}")
    return result.stdout


(folder / "text").write_text("The quick brown fox jumps over the lazy dog. " * 90)
run(lns, "data", "prepare", "--text", folder / "text", "-o", folder / "data")
listing = run(lnsc, "--list-norms").split("\noptions:")[0]
schemes = re.findall(r"^  (\S+) ", listing, re.MULTILINE)
# In so few steps branches must open soon.
options_of = {"prores": ",T=5"}
for name in schemes:
    scheme = name + options_of.get(name, "")
    plan, out = folder / f"{name}.plan", folder / name
    options = ["--batch=4", "--seq=16", "--cpu=x86-64-v3"]
    run(lnsc, folder / "config.json", f"--norm={scheme}", *options, "-o", plan)
    run(lns, "train", plan, "--data", folder / "data", "--out", out, "--steps",
        "60", "--warmup", "5", "--lr", "1e-2", "--log-every", "0")
    lines = [json.loads(line) for line in open(out / "metrics.jsonl")]
    losses = [line["loss"] for line in lines if "loss" in line]
    if not (len(losses) == 60 and abs(losses[0] - math.log(256)) < 1
            and losses[-1] < 2.6):
        sys.exit(f"{scheme}: loss went from {losses[0]} to {losses[-1]}")
    again = folder / f"{name}-again.plan"
    run(lnsc, out / "step-000060" / "config.json", *options, "-o", again)
    run(lns, "eval", again, "--checkpoint", out, "--data", folder / "data")
print(len(schemes), "schemes")
