"""micro_batch.py FOLDER sizes WHOLE PARTS QUARTER MANY
   micro_batch.py FOLDER runs WHOLE PARTS

sizes: what plans of a whole batch, of the same in parts, of one part as a batch,
and of many parts say about themselves. runs: metrics and last checkpoints of two
training runs. Fails where they are not what batches in parts should be."""

import array
import json
import os
import struct
import subprocess
import sys


def check(condition, text):
    if not condition:
        sys.exit(f"not so: {text}")
    print(text)


def info(plan):
    command = ["lns", "plan", "info", "--json", "--threads", "2"]
    return json.loads(subprocess.check_output([*command, plan]))


def tensors(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    header.pop("__metadata__", None)
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        yield name, array.array("f", data[begin:end])


def near(a, b, tolerance):
    return abs(a - b) <= tolerance * max(abs(a), abs(b))


os.chdir(sys.argv[1])
if sys.argv[2] == "sizes":
    whole, parts, quarter, many = (info(plan) for plan in sys.argv[3:])
    memory = [plan["memory"] for plan in (whole, parts, quarter, many)]
    check(
        memory[1]["activations"] == memory[2]["activations"] == memory[3]["activations"]
        and near(4 * memory[1]["activations"], memory[0]["activations"], 0.01)
        and memory[1]["workspace"] < 1.01 * memory[2]["workspace"] + 4096,
        "activations of parts: a quarter of whole's",
    )
    commands = [
        {name: entry["commands"] for name, entry in plan["entry_points"].items()}
        for plan in (parts, many)
    ]
    check(
        commands[0] == commands[1]
        and 8 * parts["flops_per_step"] == many["flops_per_step"]
        and near(parts["flops_per_step"], whole["flops_per_step"], 0.01),
        "commands of many: as many as of parts",
    )
    sys.exit()

metrics = [
    [json.loads(line) for line in open(f"{run}/metrics.jsonl")] for run in sys.argv[3:]
]
steps = [[m for m in run if "loss" in m] for run in metrics]
assert len(steps[0]) == len(steps[1]) == 3, metrics
for a, b in zip(*steps):
    check(
        near(a["loss"], b["loss"], 1e-6) and near(a["grad_norm"], b["grad_norm"], 1e-5),
        f"step {a['step']}: loss and gradient norm agree",
    )
held = [[m["val_loss"] for m in run if "val_loss" in m][-1] for run in metrics]
check(near(held[0], held[1], 1e-6), "held-out loss agrees")
models = [tensors(f"{run}/step-000003/model.safetensors") for run in sys.argv[3:]]
for (name, a), (other, b) in zip(*models):
    assert name == other and len(a) == len(b)
    difference = sum((x - y) ** 2 for x, y in zip(a, b)) ** 0.5
    size = sum(x * x for x in a) ** 0.5
    # AdamW divides by what may be rounding alone where a gradient is nearly zero.
    if difference > 1e-4 * size:
        sys.exit(f"{name}: distance {difference} of {size}")
print("parameters agree")
