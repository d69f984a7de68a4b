"""held_out.py FOLDER PLAN...

Measures the held-out loss of FOLDER/run on FOLDER/data with every plan, and
gradients of a shard of two rows and a half with 3.plan and 8.plan. Fails where
plans of one model disagree, or leave out a target."""

import array
import json
import os
import struct
import subprocess
import sys


def lns(*arguments):
    return json.loads(subprocess.check_output(["lns", *arguments, "--json"]))


def read_shard(path):
    with open(path, "rb") as file:
        header = struct.unpack("<256i", file.read(1024))
        return array.array("H", file.read(2 * header[2]))


def write_shard(path, tokens):
    with open(path, "wb") as file:
        file.write(struct.pack("<256i", 20240520, 1, len(tokens), *[0] * 253))
        file.write(array.array("H", tokens).tobytes())


def tensors(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    header.pop("__metadata__", None)
    return {
        name: array.array("f", data[slice(*entry["data_offsets"])])
        for name, entry in header.items()
    }


def near(a, b):
    return abs(a - b) <= 1e-6 * abs(a)


os.chdir(sys.argv[1])
plans = sys.argv[2:]
held_out = read_shard("data/val.bin")
results = [lns("eval", plan, "--checkpoint", "run", "--data", "data") for plan in plans]
for plan, result in zip(plans, results):
    if result["targets"] != len(held_out) - 1:
        sys.exit(f"{plan}: {result} of {len(held_out)} tokens")
    if not near(results[0]["val_loss"], result["val_loss"]):
        sys.exit(f"{plan}: {result}, {plans[0]}: {results[0]}")
if (len(held_out) - 1) % 64 == 0:
    sys.exit("the last row is full, so that this shows nothing")
print(f"all {len(held_out) - 1} targets of val.bin")
print(f"{len(plans)} plans agree")

write_shard("short.bin", held_out[: 2 * 64 + 33])
grads = []
for plan in "3.plan", "8.plan", "parts.plan":
    out = plan + ".grads"
    loss = lns("grads", plan, "--checkpoint", "run", "--tokens", "short.bin", "-o", out)
    grads.append((loss["loss"], tensors(out)))
for loss, other in grads[1:]:
    if not near(grads[0][0], loss):
        sys.exit(f"losses {[g[0] for g in grads]}")
    for name, values in grads[0][1].items():
        distance = sum((x - y) ** 2 for x, y in zip(values, other[name])) ** 0.5
        size = sum(x * x for x in values) ** 0.5
        if not 0 < size or not distance <= 1e-5 * size:
            sys.exit(f"{name}: distance {distance} of {size}")
print("gradients of a padded batch agree")
