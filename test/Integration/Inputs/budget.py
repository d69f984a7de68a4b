"""budget.py FOLDER LNSC-ARGUMENTS...

Compiles a model without a budget, with 60 % of what that takes, and with the
smallest budget that there is, and trains all three plans on the shards in
FOLDER/data. Fails unless each keeps to its budget and all checkpoints are the
same bytes. For CUDA, where a session's fixed part is most of what a small model
takes, the first budget is halfway to the smallest."""

import filecmp
import os
import re
import subprocess
import sys

folder, arguments = sys.argv[1], sys.argv[2:]
cuda = "--target=cuda" in arguments


def compile_plan(name, budget=None):
    """The plan's path and the bytes that its session takes."""
    path = os.path.join(folder, name + ".plan")
    command = ["lnsc", *arguments, "-o", path]
    if budget is not None:
        command.append(f"--memory-budget={budget}")
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    total = int(re.search(r"to train on (?:2 threads|a CUDA device): (\d+) bytes", said.stdout)[1])
    if budget is not None and total > budget:
        sys.exit(f"{total} bytes, but the budget is {budget}")
    return path, total


def train(name, plan):
    out = os.path.join(folder, name)
    subprocess.run(
        ["lns", "train", plan, "--data", os.path.join(folder, "data"), "--out", out]
        + ["--steps", "3", "--lr", "1e-2", "--warmup", "0", "--threads", "2"]
        + ["--eval-batches", "1", "--device", "cuda" if cuda else "cpu"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return os.path.join(out, "step-000003")


def expect_same(first, second):
    for file in ("model.safetensors", "optimizer.safetensors"):
        if not filecmp.cmp(f"{first}/{file}", f"{second}/{file}", shallow=False):
            sys.exit(f"{file} differs between {first} and {second}")


def refusal(budget):
    """lnsc's error for a budget that is too small."""
    command = ["lnsc", *arguments, f"--memory-budget={budget}"]
    command += ["-o", os.path.join(folder, "none.plan")]
    said = subprocess.run(command, capture_output=True, text=True)
    if said.returncode == 0:
        sys.exit(f"a budget of {budget} was not refused")
    return said.stderr


plan, total = compile_plan("all")
print(f"everything kept: {total} bytes")
expected = train("all", plan)

smallest = int(re.search(r"the smallest budget is (\d+) bytes", refusal(1))[1])
budget = (total + smallest) // 2 if cuda else total * 60 // 100
small_plan, small_total = compile_plan("small", budget)
expect_same(expected, train("small", small_plan))
print(f"budget of {budget}: {small_total} bytes, the same bits")

least_plan, least_total = compile_plan("least", smallest)
if not least_total <= smallest < budget:
    sys.exit(f"smallest budget of {smallest}, taken {least_total}")
expect_same(expected, train("least", least_plan))
print(f"smallest budget of {smallest}: {least_total} bytes, the same bits")
refusal(smallest - 1)
print("one byte less: refused")

same_plan, _ = compile_plan("same", total)
if not filecmp.cmp(plan, same_plan, shallow=False):
    sys.exit("a budget that changes nothing changed the plan")
print(f"budget of {total}: the same plan")
