"""Compares schemes with those that they are at some parameters:
LNSC LNS GOLDEN FOLDER DEVICE DTYPE.

GOLDEN holds config.json, model.safetensors and tokens.bin of a model of 2 blocks.
"""

import json
import pathlib
import struct
import subprocess
import sys

lnsc, lns = sys.argv[1:3]
golden, folder = pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
device, dtype = sys.argv[5:7]
folder.mkdir(parents=True)


def run(*command, fails=False):
    result = subprocess.run(command, capture_output=True, text=True)
    if (result.returncode != 0) != fails:
        sys.exit(f"{' '.join(map(str, command))}: {result.returncode}\n"
                 f"{result.stdout}{result.stderr}")
    return result.stdout + result.stderr


def read(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    return {name: (entry["shape"], body[slice(*entry["data_offsets"])])
            for name, entry in header.items() if name != "__metadata__"}


def write(path, tensors):
    header, body = {}, b""
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def numbers(data):
    return struct.unpack(f"<{len(data) // 4}f", data)


ROUNDING = {"f32": 1e-5, "bf16": 1e-2}[dtype]
weights = read(golden / "model.safetensors")


def compute(norm, extra={}, *options):
    """Loss, logits and gradients, with further parameters for every block."""
    name = norm.replace(",", "-").replace("=", "")
    plan, file = folder / f"{name}.plan", folder / f"{name}.safetensors"
    run(lnsc, golden / "config.json", f"--norm={norm}", "--batch=2", "--seq=12",
        f"--target={device}", f"--dtype={dtype}", "-o", plan)
    write(file, weights | {f"model.layers.{layer}.{key}":
                           ([1], struct.pack("<f", value))
                           for layer in range(2)
                           for key, value in extra.items()})
    out = folder / f"{name}-grads.safetensors"
    command = [lns, "grads", plan, f"--device={device}", "--checkpoint", file,
               "--tokens", golden / "tokens.bin", "-o", out, "--logits"]
    run(*command, *options)
    return read(out), command


def same(ours, theirs, what):
    for name, tensor in theirs.items():
        if ours[name] != tensor:
            sys.exit(f"{what}: {name} differs")


def near(ours, theirs, names, what):
    for name in names:
        a, b = numbers(ours[name][1]), numbers(theirs[name][1])
        error = sum((x - y) ** 2 for x, y in zip(a, b)) ** 0.5
        if not error <= ROUNDING * sum(y * y for y in b) ** 0.5:
            sys.exit(f"{what}: {name} differs by {error}")


pre, _ = compute("pre")

# Behind its end a ramp is no more; at its beginning no branch is there, and
# nothing of a block has a gradient.
open_, command = compute("prores,T=10", {}, "--steps-done", "20")
same(open_, pre, "prores, open")
print(run(*command, fails=True).strip().splitlines()[-1])
run(*command, "--steps-done", "0")
closed = read(folder / "prores-T10-grads.safetensors")
for name, (shape, data) in closed.items():
    if (any(numbers(data)) == name.startswith("model.layers.")):
        sys.exit(f"prores, closed: {name}")
half = compute("prores,T=10", {}, "--steps-done", "7")[0]
if half["logits"] in (pre["logits"], closed["logits"]):
    sys.exit("prores, half open")

# silu(0) is 0; the gradient of the gate is not.
gpas, _ = compute("gpas", {"gpas_gate": 0})
same(gpas, pre, "gpas")
if not numbers(gpas["model.layers.1.gpas_gate"][1])[0]:
    sys.exit("gpas has no gradient")

# The mix of a value and 0 times another; on CUDA it may be in another kernel than the
# value alone, which then is rounded elsewhere.
mixed, _ = compute("pre,value-residual",
                   {"self_attn.value_residual.scale": 1,
                    "self_attn.value_residual.own": 1,
                    "self_attn.value_residual.first": 0})
near(mixed, pre, ("logits", "loss"), "value-residual")
if not numbers(mixed["model.layers.1.self_attn.value_residual.first"][1])[0]:
    sys.exit("value-residual has no gradient")
print("same")
