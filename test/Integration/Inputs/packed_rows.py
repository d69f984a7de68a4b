"""Held-out losses of packed and of single documents, and their gradients."""

import json
import pathlib
import struct
import subprocess
import sys

folder = pathlib.Path(sys.argv[1])
packed, parts, plain = sys.argv[2:]


def run(*arguments):
    return subprocess.run(["lns", *map(str, arguments)], check=True, capture_output=True).stdout


def evaluate(plan, *more):
    out = run("eval", folder / plan, "--checkpoint", folder / "run", "--data", folder / "data", "--json", *more)
    result = json.loads(out)
    return result["val_loss"], result["targets"]


ways = [
    (packed,),
    (packed, "--no-packing"),
    (packed, "--pack-align", "16"),
    (parts,),
    (parts, "--pack-align", "7"),
    (plain,),
]
losses = [evaluate(*way) for way in ways]
for way, (loss, targets) in zip(ways, losses):
    assert targets == losses[0][1], (way, targets, losses[0])
    assert abs(loss - losses[0][0]) < 1e-5 * losses[0][0], (way, loss, losses[0])
print(f"{len(ways)} evaluations of {losses[0][1]} targets agree")


def gradients(name):
    data = (folder / name).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    tensors = {}
    for tensor, entry in header.items():
        if tensor != "__metadata__":
            begin, end = entry["data_offsets"]
            tensors[tensor] = struct.unpack(f"<{(end - begin) // 4}f", data[8 + size + begin : 8 + size + end])
    return tensors


# Two documents, side by side in a packed row of one plan and in rows of their own in another:
# the means are over the same targets.
rows = (folder / "rows.jsonl").read_text().splitlines()[:2]
(folder / "two.jsonl").write_text("\n".join(rows))
run("data", "prepare", "--jsonl", folder / "two.jsonl", "--held-out", "0", "-o", folder / "two")
for plan in (packed, plain):
    run("grads", folder / plan, "--checkpoint", folder / "run", "--tokens", folder / "two/train.bin", "-o", folder / f"{plan}.grads")
ours, theirs = gradients(f"{packed}.grads"), gradients(f"{plain}.grads")
assert ours.keys() == theirs.keys() and ours
for name in ours:
    norm = sum(x * x for x in theirs[name]) ** 0.5
    off = sum((x - y) ** 2 for x, y in zip(ours[name], theirs[name])) ** 0.5
    assert norm > 0 and off < 1e-4 * norm, (name, off, norm)
print("gradients of packed rows agree")
