"""Does the device compute what the model means?

Each plan holds the same model for the CPU and for CUDA. Loss and every gradient
of one batch are compared with expected values (PyTorch's for the golden models,
the float64 interpreter's for the others) and with the CPU's; parameters and both
moments after three steps with the CPU's; and a second run with the first one's
bytes. Matrix products can be generated kernels or the library's; gradients are
compared with either.

Distances are ||a - b|| / ||b|| over a tensor. In f32 they stay within fixed
tolerances. In bf16 they are what rounding makes of the model, which the CPU's
distance from the exact values says: the device may round at other places, so it
gets SLACK times that for a tensor, and MEDIAN times that for the median over
tensors (a kernel that truncates where it should round is at 1.9).
"""

import math
import os
import statistics
from concurrent.futures import ThreadPoolExecutor

from compare import BadFile, distance, read_safetensors
from process import Failure, run

GRADIENT_TOLERANCE = 1e-4
LOSS_TOLERANCE = {"f32": 1e-5, "bf16": 2.0**-8}
STEP_TOLERANCE = {"parameters": 2e-4, "moments": 2e-3}
SLACK, STEP_SLACK, MEDIAN = 4.0, 8.0, 1.25
STEPS = 3


class Checks:
    """What was compared for one plan."""

    def __init__(self):
        self.rows = []  # {"what", "value", "limit", "ok"}

    def near(self, what, value, limit):
        # Written so that NaN and infinity fail.
        ok = value is not None and math.isfinite(value) and value <= limit
        self.rows.append({"what": what, "value": value, "limit": limit,
                          "ok": bool(ok)})

    def true(self, what, ok):
        self.rows.append({"what": what, "value": None, "limit": None,
                          "ok": bool(ok)})

    def failed(self):
        return [row for row in self.rows if not row["ok"]]


def _same_bytes(a, b):
    with open(a, "rb") as first, open(b, "rb") as second:
        return first.read() == second.read()


def _far(ours, theirs):
    """Distance of two (shape, values) pairs; None where they do not match. A
    loss may be a scalar or [1]."""
    if ours is None or theirs is None or len(ours[1]) != len(theirs[1]):
        return None
    if ours[0] != theirs[0] and len(ours[1]) > 1:
        return None
    return distance(ours[1], theirs[1])


class PlanCheck:
    def __init__(self, tools, plan, device, work, budget, products):
        self.tools, self.plan, self.device = tools, plan, device
        self.products = products  # of LNSRT_CUDA_PRODUCTS
        self.work, self.budget = work, budget
        os.makedirs(work, exist_ok=True)

    def _grads(self, name, device, env=None):
        path = os.path.join(self.work, name + ".safetensors")
        run([self.tools.lns, "grads", self.tools.path(self.plan["plan"]),
             "--checkpoint", self.tools.path(self.plan["checkpoint"]),
             "--tokens", self.tools.path(self.plan["tokens"]), "-o", path,
             "--logits"] + self.tools.device_options(device),
            self.budget.limit(self.tools.patience), env)
        return path

    def _train(self, name, device):
        folder = os.path.join(self.work, name)
        run([self.tools.lns, "train", self.tools.path(self.plan["plan"]),
             "--data", self.tools.path(self.plan["tokens"]), "--out", folder,
             "--steps", str(STEPS), "--lr", "1e-3", "--warmup", "0",
             "--schedule", "constant", "--weight-decay", "0.1", "--clip", "1",
             "--seed", "1", "--log-every", "0"]
            + self.tools.device_options(device),
            self.budget.limit(self.tools.patience))
        return os.path.join(folder, f"step-{STEPS:06}")

    def check(self):
        checks = Checks()
        cpu = self._grads("grads-cpu", "cpu")
        for choice in self.products:
            env = {"LNSRT_CUDA_PRODUCTS": choice} if choice else {}
            ours = self._grads(f"grads-{choice}", self.device, env)
            again = self._grads(f"grads-{choice}-again", self.device, env)
            self._compare_grads(
                checks, f"{choice} products: " if choice else "",
                *map(read_safetensors, (
                    ours, cpu, self.tools.path(self.plan["expected"]))))
            checks.true("gradients of a second run: same bytes",
                        _same_bytes(ours, again))
        ours = self._train("steps", self.device)
        again = self._train("steps-again", self.device)
        cpu = self._train("steps-cpu", "cpu")
        exact = cpu
        if self.plan["dtype"] == "bf16":
            exact = self._train_f32()
        for file, what in (("model.safetensors", "parameters"),
                           ("optimizer.safetensors", "moments")):
            self._compare_steps(checks, what, *(
                read_safetensors(os.path.join(folder, file))
                for folder in (ours, cpu, exact)))
            checks.true(f"{what} of a second run: same bytes",
                        _same_bytes(os.path.join(ours, file),
                                    os.path.join(again, file)))
        return checks

    def _train_f32(self):
        """The same model in f32 on the CPU, whose distance from bf16 says what
        rounding does to three steps."""
        twin = PlanCheck(self.tools, {**self.plan, "plan": self.plan["f32_plan"]},
                         "cpu", self.work, self.budget, [])
        return twin._train("steps-f32", "cpu")

    def _compare_grads(self, checks, prefix, ours, cpu, expected):
        dtype = self.plan["dtype"]
        wanted = {}
        for name, pair in expected.items():
            # PyTorch's are named grad.NAME, the interpreter's NAME.
            name = name[5:] if name.startswith("grad.") else name
            wanted[name] = pair
        ratios = []
        for name in sorted(wanted):
            far = _far(ours.get(name), wanted[name])
            rounding = _far(cpu.get(name), wanted[name])
            if name == "loss":
                for other, values in (("expected", wanted), ("CPU", cpu)):
                    checks.near(f"{prefix}loss, to the {other}",
                                _far(ours.get(name), values.get(name)),
                                LOSS_TOLERANCE[dtype])
                continue
            if dtype == "f32":
                checks.near(f"{prefix}{name}, to the expected", far, GRADIENT_TOLERANCE)
                checks.near(f"{prefix}{name}, to the CPU",
                            _far(ours.get(name), cpu.get(name)),
                            2 * GRADIENT_TOLERANCE)
                continue
            if rounding is None or not math.isfinite(rounding):
                checks.near(f"{prefix}{name}, the CPU's own distance", rounding, 1.0)
                continue
            checks.near(f"{prefix}{name}, to the expected", far,
                        SLACK * rounding + GRADIENT_TOLERANCE)
            if far is not None and rounding > 0:
                ratios.append(far / rounding)
        # The interpreter writes no logits.
        missing = sorted((set(ours) ^ set(wanted)) - {"logits"})
        checks.true(f"{prefix}tensors: the expected ones"
                    + (f", not {', '.join(missing[:3])}" if missing else ""),
                    not missing and len(wanted) > 2 and "loss" in wanted)
        if dtype == "bf16":
            checks.near(f"{prefix}median of distances over the CPU's",
                        statistics.median(ratios) if ratios else None, MEDIAN)

    def _compare_steps(self, checks, what, ours, cpu, exact):
        checks.true(f"{what}: the same tensors", ours and set(ours) == set(cpu))
        for name in sorted(cpu):
            limit = STEP_TOLERANCE[what]
            if self.plan["dtype"] == "bf16":
                rounding = _far(cpu[name], exact.get(name))
                # NaN here fails below.
                limit += STEP_SLACK * (math.nan if rounding is None else rounding)
            checks.near(f"{name} after {STEPS} steps, to the CPU",
                        _far(ours.get(name), cpu[name]), limit)


def check_plan(tools, plan, device, work, budget, products):
    """A row of the report."""
    row = {"plan": plan["name"], "dtype": plan["dtype"], "norm": plan["norm"],
           "checks": 0, "failed": [], "error": None, "ok": False}
    try:
        checks = PlanCheck(tools, plan, device, work, budget, products).check()
    except (Failure, BadFile, OSError) as error:
        row["error"] = str(error)
        return row
    row["checks"] = len(checks.rows)
    row["failed"] = checks.failed()
    row["ok"] = bool(checks.rows) and not row["failed"]
    grads = [check for check in checks.rows
             if check["what"].endswith("to the expected")
             and "loss, to" not in check["what"]]
    finite = [check["value"] for check in grads if check["value"] is not None]
    row["worst_gradient"] = max(finite, default=None)
    row["closest"] = max((check["value"] / check["limit"] for check in checks.rows
                          if check["ok"] and check["limit"]), default=None)
    return row


def check_all(tools, plans, device, work, budget, products, workers):
    """All plans, several at a time: their kernels compile side by side. Half of
    the time is for what comes after them."""
    def one(plan):
        if budget.elapsed() > budget.seconds / 2:
            budget.drop(f"conformance of {plan['name']}",
                        "half of the time is over")
            return None
        return check_plan(tools, plan, device,
                          os.path.join(work, plan["name"]), budget, products)
    with ThreadPoolExecutor(workers) as pool:
        return [row for row in pool.map(one, plans) if row]


FOUND = 9  # compute-sanitizer's exit code for an error in what it watched


def sanitize(tools, plan, device, sanitizer, work, budget):
    """compute-sanitizer over one batch of a tiny plan. That it cannot work on
    this machine, or not in time, says nothing of the plan."""
    row = {"plan": plan["name"], "ok": True, "error": None, "tools": []}
    for tool in ("memcheck", "racecheck"):
        path = os.path.join(work, f"sanitizer-{tool}.safetensors")
        try:
            run([sanitizer, "--tool", tool, "--error-exitcode", str(FOUND),
                 tools.lns, "grads", tools.path(plan["plan"]), "--checkpoint",
                 tools.path(plan["checkpoint"]), "--tokens",
                 tools.path(plan["tokens"]), "-o", path]
                + tools.device_options(device), budget.limit(45))
        except Failure as failure:
            if failure.code == FOUND:
                row["ok"] = False
                row["error"] = f"{tool}: {failure}"
                return row
            budget.drop(f"compute-sanitizer, {tool}", str(failure))
            continue
        row["tools"].append(tool)
    return row
