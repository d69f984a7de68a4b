"""Imports stored models of Hugging Face with plans of others: LNSC LNS GOLDEN WORK.

Every case changes keys of the config.json that no tensor's shape tells of. The
model's own plan takes the files, that of the changed one must not.
"""

import json
import pathlib
import shutil
import struct
import subprocess
import sys

lnsc, lns = sys.argv[1:3]
golden, work = map(pathlib.Path, sys.argv[3:])
CASES = [
    ("mistral", {"sliding_window": None}, "sliding_window"),
    ("mistral", {"sliding_window": 2}, "sliding_window"),
    ("exaone4-window", {"sliding_window": 2}, "sliding_window"),
    ("gemma2", {"sliding_window": 2}, "sliding_window"),
    ("gemma2", {"attn_logit_softcapping": None}, "attn_logit_softcapping"),
    ("gemma2", {"final_logit_softcapping": 30.0}, "final_logit_softcapping"),
    ("gemma2", {"query_pre_attn_scalar": 300}, "attention_scale"),
    ("gemma2", {"hidden_activation": "silu"}, "activation"),
    ("granite", {"embedding_multiplier": 1.0}, "embedding_multiplier"),
    ("granite", {"logits_scaling": 1.0}, "logits_scaling"),
    ("granite", {"attention_multiplier": 0.7}, "attention_"),
    ("granite", {"residual_multiplier": 1.0}, "residual_scale"),
    ("granite", {"hidden_act": "relu"}, "activation"),
]


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True,
                          text=True)


def compile_plan(config, plan, *options):
    path = work / "config.json"
    path.write_text(json.dumps(config))
    made = run(lnsc, path, "--batch=1", "--seq=4", "--cpu=x86-64-v3", *options,
               "-o", plan)
    assert made.returncode == 0, made.stderr


def take(files, plan):
    shutil.rmtree(work / "run", ignore_errors=True)
    return run(lns, "ckpt", "import-hf", files, "-o", work / "run", "--plan", plan)


def write_folded(source, path, names):
    """Some tensors of a file, marked as folded LNS."""
    data = source.read_bytes()
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    body, result = b"", {"__metadata__": {"lnsc": json.dumps(
        {"norm": "lns", "folded": True, "version": 1})}}
    for name in names(header):
        begin, end = header[name]["data_offsets"]
        result[name] = dict(header[name],
                            data_offsets=[len(body), len(body) + end - begin])
        body += data[8 + length + begin:8 + length + end]
    text = json.dumps(result).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


for name, changes, key in CASES:
    config = json.loads((golden / name / "config.json").read_text())
    assert all(k in config and config[k] != v for k, v in changes.items()), changes
    compile_plan(config, work / "own.plan")
    taken = take(golden / name, work / "own.plan")
    assert taken.returncode == 0, f"{name}: {taken.stderr}"
    compile_plan(config | changes, work / "other.plan")
    refused = take(golden / name, work / "other.plan")
    assert refused.returncode == 1 and f"{key}" in refused.stderr and (
        "of another model than the plan" in refused.stderr), (
        f"{name} {changes}: {refused.returncode} {refused.stderr}")
    forced = run(lns, "ckpt", "import-hf", golden / name, "-o", work / "forced",
                 "--plan", work / "other.plan", "--force")
    assert forced.returncode == 0 and "taken because of --force" in forced.stderr
    shutil.rmtree(work / "forced")

# Gains that are stored as w of 1 + w have no scale that could be taken out.
config = json.loads((golden / "gemma2" / "config.json").read_text())
compile_plan(config, work / "lns.plan", "--norm=lns")
write_folded(golden / "gemma2" / "model.safetensors", work / "folded.safetensors",
             lambda header: [n for n in header if n != "__metadata__"
                             and "feedforward_layernorm" not in n])
refused = take(work / "folded.safetensors", work / "lns.plan")
assert refused.returncode == 1 and (
    "norms of the plan have none that could take them out" in refused.stderr), (
    refused.stderr)
print(len(CASES), "other models refused")
