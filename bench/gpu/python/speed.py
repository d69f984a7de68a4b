"""How fast is it? Step times, the start of a session, PyTorch beside it."""

import json
import math
import os
import shutil
import statistics
import sys
import tempfile

from limits import mfu, row_limit_ms
from process import Failure, Turns, run


def _number(what, value):
    """The value; raises when it is no positive finite number."""
    if not isinstance(value, (int, float)) or not math.isfinite(value) \
            or value <= 0:
        raise Failure(f"{what} is {value!r}, expected a positive number")
    return value


class Speed:
    def __init__(self, tools, device, peak, budget, work, steps):
        self.tools, self.device, self.peak = tools, device, peak
        self.budget, self.work, self.steps = budget, work, steps

    def _bench(self, plan, steps, patience, env=None):
        out, seconds = run(
            [self.tools.lns, "bench", self.tools.path(plan["plan"]), "--json",
             "--profile", "--steps", str(steps)]
            + self.tools.device_options(self.device),
            self.budget.limit(patience), env)
        try:
            result = json.loads(out)
        except ValueError:
            raise Failure(f"lns bench {plan['name']}: not JSON: {out[:80]!r}") \
                from None
        for key in ("step_ms", "tokens_per_s", "session_ms"):
            _number(f"lns bench {plan['name']}: {key}", result.get(key))
        result["process_s"] = seconds
        return result

    def _row(self, plan):
        return {"plan": plan["name"], "model": plan["model"],
                "norm": plan["norm"], "dtype": plan["dtype"],
                "batch": plan["batch"], "sequence": plan["sequence"],
                "micro_batch": plan["micro_batch"], "error": None}

    def measure(self, plan, patience, with_start):
        """Step time, memory, profile. With `with_start`, the first start of a
        session, which compiles its kernels, and a later one, too."""
        row = self._row(plan)
        cache = tempfile.mkdtemp(prefix="cache-", dir=self.work)
        env = {"LNSRT_CACHE_DIR": cache} if with_start else {}
        try:
            if with_start:
                first = self._bench(plan, 1, patience, env)
                row["cold_start_s"] = first["session_ms"] / 1e3
            result = self._bench(plan, self.steps, patience, env)
        except Failure as error:
            row["error"] = str(error)
            return row
        finally:
            shutil.rmtree(cache, ignore_errors=True)
        if with_start:
            row["warm_start_s"] = result["session_ms"] / 1e3
        self._fill(row, plan, result)
        return row

    def _fill(self, row, plan, result):
        row["step_ms"] = result["step_ms"]
        row["tokens_per_s"] = result["tokens_per_s"]
        row["mfu"] = mfu(plan["config"], plan["sequence"],
                         result["tokens_per_s"], self.peak)
        for key in ("floor_ms", "loss", "memory", "matmul", "groups",
                    "session"):
            row[key] = result.get(key)
        row["ops"] = []
        for op in result.get("rows", []):
            limit = row_limit_ms(op, self.peak)
            row["ops"].append({**op, "limit_ms": limit and limit[0],
                               "bound": limit and limit[1]})

    def products(self, plan, patience):
        """Generated kernels for matrix products, the library's, and the tuner's
        choice of the two."""
        rows = []
        for choice in ("generated", "library", "tuned"):
            row = {**self._row(plan), "products": choice}
            env = {} if choice == "tuned" else {"LNSRT_CUDA_PRODUCTS": choice}
            try:
                result = self._bench(plan, self.steps, patience, env)
                self._fill(row, plan, result)
                row.pop("ops")
            except Failure as error:
                row["error"] = str(error)
            rows.append(row)
        return rows

    def _torch_command(self, plan, mode, steps):
        return [sys.executable,
                os.path.join(self.tools.bundle, "python", "torch_llama.py"),
                "--turns", "--config", self.tools.path(plan["config_file"]),
                "--norm", plan["norm"], "--batch", str(plan["batch"]), "--seq",
                str(plan["sequence"]), "--micro-batch",
                str(plan["torch_micro_batch"]), "--mode", mode, "--steps",
                str(steps), "--device",
                "cuda" if self.device.startswith("cuda") else "cpu"]

    def beside_torch(self, plan, modes, rounds, patience):
        """The plan and PyTorch in turns: in every round some steps of each."""
        commands = {"lns": [self.tools.lns, "bench",
                            self.tools.path(plan["plan"]), "--turns", "--steps",
                            str(self.steps)]
                    + self.tools.device_options(self.device)}
        for mode in modes:
            commands[mode] = self._torch_command(plan, mode, self.steps)
        race = Race(plan, commands, self.budget, patience)
        race.run_rounds(rounds)
        race.run_alone(rounds)
        row = {**self._row(plan), "rounds": race.times, "errors": race.errors,
               "together": race.together, "contenders": race.facts}
        tokens = plan["batch"] * plan["sequence"]
        for name, values in race.times.items():
            facts = race.facts[name]
            facts["step_ms"] = statistics.median(values)
            facts["tokens_per_s"] = tokens / facts["step_ms"] * 1e3
            facts["mfu"] = mfu(plan["config"], plan["sequence"],
                               facts["tokens_per_s"], self.peak)
            ours = race.times.get("lns", [])
            if name != "lns" and ours:
                # Within a round, so that what drifts drifts for both.
                facts["lns_speedup"] = statistics.median(
                    a / b for a, b in zip(values, ours))
        return row


class Race:
    """Contenders in turns. Who has no room beside the others gets the device
    alone, after them."""

    def __init__(self, plan, commands, budget, patience):
        self.plan, self.commands = plan, commands
        self.budget, self.patience = budget, patience
        self.times, self.facts, self.errors = {}, {}, {}
        self.together = []

    def _start(self, name):
        try:
            turns = Turns(f"{name}, {self.plan['name']}", self.commands[name],
                          self.budget.limit(self.patience))
        except Failure as error:
            self.errors[name] = str(error)
            return None
        self.facts[name] = turns.ready
        return turns

    def _turn(self, name, turns):
        """Whether it is still in the race."""
        try:
            answer = turns.turn(self.budget.limit(60))
            loss = answer.get("loss")
            if not isinstance(loss, (int, float)) or not math.isfinite(loss):
                raise Failure(f"{name}: loss is {loss!r}")
            step_ms = _number(f"{name}: step_ms", answer.get("step_ms"))
        except Failure as error:
            self.errors[name] = str(error)
            return False
        self.times.setdefault(name, []).append(step_ms)
        self.facts[name]["loss"] = loss
        return True

    def run_rounds(self, rounds):
        running = {}
        try:
            for name in self.commands:
                turns = self._start(name)
                if turns:
                    running[name] = turns
            self.together = sorted(running)
            for number in range(rounds):
                # Every other round backwards.
                order = list(running)[:: -1 if number % 2 else 1]
                for name in order:
                    if self.budget.left() < 5:
                        self.errors["rounds"] = (
                            f"only {number} of {rounds}: no time is left")
                        return
                    if not self._turn(name, running[name]):
                        running.pop(name).close()
        finally:
            for turns in running.values():
                turns.close()

    def run_alone(self, rounds):
        crowded = [name for name, error in self.errors.items()
                   if name in self.commands and "memory" in error.lower()]
        for name in crowded:
            if self.budget.left() < 20:
                return
            self.errors.pop(name)
            self.times.pop(name, None)
            self.together = [other for other in self.together if other != name]
            turns = self._start(name)
            if not turns:
                continue
            try:
                while rounds > len(self.times.get(name, [])):
                    if self.budget.left() < 5 or not self._turn(name, turns):
                        break
            finally:
                turns.close()
