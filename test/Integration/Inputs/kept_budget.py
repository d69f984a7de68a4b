"""Compiles a model for CUDA to budgets with and without room for compute weights.

usage: kept_budget.py FOLDER MODEL OPTION...
"""

import re
import subprocess
import sys

folder, model, *options = sys.argv[1:]


def compile_plan(*more):
    """What lnsc prints to standard output and to standard error."""
    command = ["lnsc", model, "--target=cuda", "-o", folder + "/plan", *options, *more]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout, run.stderr


def memory(output):
    """Bytes of a session, and those of compute weights among them."""
    total = re.search(r"on a CUDA device: (\d+) bytes", output)
    kept = re.search(r"\+ compute weights (\d+)$", output, re.MULTILINE)
    return int(total.group(1)), int(kept.group(1))


everything, kept = memory(compile_plan()[0])
print(f"no budget: {everything} bytes, compute weights {kept}")

output, errors = compile_plan(f"--memory-budget={everything - 1}")
total, same = memory(output)
assert total < everything and same == kept and not errors, output + errors
print("one byte less: compute weights are kept")

smallest = int(re.search(r"the smallest budget is (\d+) bytes", compile_plan("--memory-budget=1")[1]).group(1))
output, errors = compile_plan(f"--memory-budget={smallest}")
total, none = memory(output)
assert none == 0 and total <= smallest, output
print(f"smallest budget: compute weights {none}")
print(errors.strip())

output, errors = compile_plan(f"--memory-budget={smallest}", "--disable-kept-weights")
assert memory(output) == (total, 0) and not errors, output + errors
print("asked for without: nothing to say")

errors = compile_plan(f"--memory-budget={smallest - 1}")[1]
assert f"the smallest budget is {smallest} bytes" in errors and "no room to keep" not in errors, errors
print("less than that: refused")
