"""Checks what bench/gpu wrote.

  gpu_results.py RESULTS.json                   all numbers are there and finite
  gpu_results.py --damage nan|cut FROM TO       a safetensors file with a fault
  gpu_results.py --self-check FOLDER            limits.py, process.py and budget.py
  gpu_results.py --sanitizer BUNDLE/python      verdicts of compute-sanitizer
  gpu_results.py --torch torch_llama.py GOLDEN  its losses, if torch is installed
"""

import importlib.util
import json
import math
import struct
import subprocess
import sys


def check_results(path):
    with open(path) as file:
        results = json.load(file, parse_constant=lambda word: sys.exit(
            f"{path}: {word} is no JSON"))
    assert results["verdict"] == "passed", results["verdict"]
    assert results["conformance"] and results["speed"]
    for row in results["conformance"]:
        assert row["ok"] and row["checks"] > 50 and not row["error"], row
        # At the latest in f32 nothing agrees with anything to the last bit.
        assert 0 < row["worst_gradient"] < 1, row
    for row in results["speed"]:
        for key in ("step_ms", "tokens_per_s", "loss", "floor_ms",
                    "cold_start_s", "warm_start_s"):
            assert math.isfinite(row[key]) and row[key] > 0, (key, row[key])
        assert row["memory"]["total"] > 0 and row["ops"]
        product = row["tokens_per_s"] * row["step_ms"] / 1e3
        assert abs(product - row["batch"] * row["sequence"]) < 1e-3
    parts = [part["part"] for part in results["dropped"]]
    assert all(part["why"] for part in results["dropped"]) and parts


def damage(how, source, target):
    with open(source, "rb") as file:
        data = bytearray(file.read())
    if how == "cut":
        del data[-1]
    else:
        # The last number of the last tensor.
        data[-4:] = struct.pack("<f", math.nan)
    with open(target, "wb") as file:
        file.write(data)


def self_check(folder):
    sys.path.insert(0, folder)
    import limits
    import process
    from budget import Budget
    tflops = lambda name: (limits.peak_of(name) or {}).get("tflops")
    assert tflops("NVIDIA H100 80GB HBM3") == 989.4
    assert tflops("NVIDIA H100 PCIe") == 756.5
    assert tflops("NVIDIA H200") == 989.4
    assert tflops("NVIDIA GH200 480GB") == 989.4
    assert tflops("NVIDIA B200") == 2250 and tflops("NVIDIA GB200") == 2500
    assert tflops("NVIDIA L40S") == 362.1 and tflops("NVIDIA L4") == 121
    assert tflops("lns emulated device") is None
    # LLaMA 130M by hand: 12 blocks of 4 x 768^2 + 3 x 768 x 2048, and the head.
    config = {"hidden_size": 768, "num_hidden_layers": 12,
              "num_attention_heads": 12, "intermediate_size": 2048,
              "vocab_size": 32000}
    matrices = 12 * (4 * 768**2 + 3 * 768 * 2048) + 768 * 32000
    cost = limits.model_cost(config, 1024)
    assert cost["matrix_parameters"] == matrices == 109510656
    assert cost["flops_per_token"] == 6 * matrices + 6 * 12 * 1024 * 768
    peak = {"tflops": 1000.0, "gbps": 2000.0}
    share = limits.mfu(config, 1024, 1e6, peak)
    assert math.isclose(share, 1e6 * cost["flops_per_token"] / 1e15)
    assert limits.mfu(config, 1024, 1e6, None) is None
    row = {"bytes": 2e9, "flops": 5e11}
    assert limits.row_limit_ms(row, peak) == (1.0, "memory")
    assert limits.row_limit_ms({"flops": 5e12}, peak) == (5.0, "products")
    assert limits.row_limit_ms({"bytes": 0, "flops": 0}, peak) is None
    for command, words in ((["false"], "exit code 1"),
                           (["sleep", "60"], "no end after")):
        try:
            process.run(command, 0.5)
        except process.Failure as failure:
            assert words in str(failure), failure
        else:
            raise AssertionError(command)
    budget = Budget(Budget.RESERVE + 5)
    assert budget.run("short", 1, lambda: 7) == 7
    assert budget.run("long", 50, lambda: 7) is None
    assert [drop["part"] for drop in budget.dropped] == ["long"]


def check_sanitizer(folder):
    """What it finds is a failure, what it cannot do is not."""
    import os
    import tempfile
    import types
    sys.path.insert(0, folder)
    import conformance
    from budget import Budget
    keys = ("name", "plan", "checkpoint", "tokens")
    plan = {key: key for key in keys}
    tools = types.SimpleNamespace(lns="lns", path=lambda name: name,
                                  device_options=lambda device: [])
    with tempfile.TemporaryDirectory() as work:
        for code, ok, done, dropped in ((0, True, 2, 0), (9, False, 0, 0),
                                        (1, True, 0, 2)):
            program = os.path.join(work, "sanitizer")
            with open(program, "w") as file:
                file.write(f"#!/bin/sh\nexit {code}\n")
            os.chmod(program, 0o755)
            budget = Budget(60)
            row = conformance.sanitize(tools, plan, "cuda", program, work, budget)
            assert row["ok"] == ok and len(row["tools"]) == done, (code, row)
            assert len(budget.dropped) == dropped, (code, budget.dropped)
            assert ok or "exit code 9" in row["error"], row


def check_torch(program, golden):
    if importlib.util.find_spec("torch") is None:
        return
    for case in ("untied-lns", "untied-pre", "tied-lns", "tied-pre"):
        folder = f"{golden}/{case}"
        subprocess.run(
            [sys.executable, program, "--check", "--config",
             f"{folder}/config.json", "--norm", case[-3:], "--checkpoint",
             f"{folder}/model.safetensors", "--tokens", f"{folder}/tokens.bin",
             "--expected", f"{folder}/expected.safetensors", "--batch", "2",
             "--seq", "12"], check=True)


def main():
    if sys.argv[1] == "--damage":
        damage(*sys.argv[2:])
    elif sys.argv[1] == "--self-check":
        self_check(sys.argv[2])
    elif sys.argv[1] == "--sanitizer":
        check_sanitizer(sys.argv[2])
    elif sys.argv[1] == "--torch":
        check_torch(*sys.argv[2:])
    else:
        check_results(sys.argv[1])


main()
