"""Fails unless two plans of different depth have kernels of the same kinds,
and no norm is left but the final one, whose head is too wide to fuse with: a
kernel for inference and one that keeps the statistics for training."""

import collections
import json
import subprocess
import sys


def info(plan):
    out = subprocess.run(["lns", "plan", "info", plan, "--json"], check=True,
                         capture_output=True)
    return json.loads(out.stdout)


a, b = (info(path) for path in sys.argv[1:3])
kernels = [collections.Counter((k["kind"], k["source"]) for k in plan["kernels"])
           for plan in (a, b)]
if a["layers"] == b["layers"]:
    sys.exit("both plans have %d layers" % a["layers"])
if kernels[0] != kernels[1]:
    sys.exit("kernels differ with depth: %s" %
             ((kernels[0] - kernels[1]) + (kernels[1] - kernels[0])))
for plan in (a, b):
    if plan["norm_kernels"] > 2:
        sys.exit("%d norm kernels are left" % plan["norm_kernels"])
for key in ("parameters", "entry_points", "kernels", "norm_kernels",
            "arena_bytes", "activation_bytes", "flops_per_step"):
    if key not in a:
        sys.exit("plan info --json lacks '%s'" % key)
