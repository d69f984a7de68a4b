#!/usr/bin/env python3
"""The whole run: environment, conformance, speed, report. See ../README.md."""

import argparse
import fnmatch
import json
import lzma
import os
import shutil
import sys
import tarfile
import tempfile

import conformance
import environment
import report
from budget import Budget
from process import Failure, last_lines, run
from speed import Speed


class Tools:
    """Where the bundle's files are."""

    def __init__(self, options, work):
        self.bundle, self.work = options.bundle, work
        self.lns = options.lns or os.path.join(options.bundle, "bin", "lns")
        # The first start of a plan compiles its kernels.
        self.patience = options.patience

    def unpack(self):
        packed = os.path.join(self.bundle, "plans.tar.xz")
        try:
            with tarfile.open(packed) as plans:
                plans.extractall(self.work)
        except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
            raise Failure(f"{packed}: {error}; make the bundle again") from None

    def path(self, name):
        folder = self.work if name.startswith("plans/") else self.bundle
        return os.path.join(folder, name)

    @staticmethod
    def device_options(device):
        # A trainer of before there were devices can rehearse on the CPU.
        return [] if device == "cpu" else ["--device", device]


def read_options():
    parser = argparse.ArgumentParser(
        prog="run.sh", description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bundle", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true",
                        help="conformance of the tiny models, and one tiny plan "
                        "for the way of measuring")
    parser.add_argument("--out", default="results", help="folder for the results")
    parser.add_argument("--device", default="cuda",
                        help="cuda, cuda:N; cpu rehearses everything without a GPU")
    parser.add_argument("--only", default="*", metavar="PATTERN",
                        help="plans with such names only, for example '130m-*'")
    parser.add_argument("--seconds", type=float, default=520,
                        help="time for all of it (%(default)s)")
    parser.add_argument("--patience", type=float, default=90, metavar="S",
                        help="time for one command (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3,
                        help="rounds beside PyTorch (%(default)s)")
    parser.add_argument("--peak", type=float, metavar="TFLOPS",
                        help="of dense bf16 products, instead of the table's")
    parser.add_argument("--bandwidth", type=float, metavar="GBPS",
                        help="of the memory, instead of the table's")
    parser.add_argument("--no-torch", action="store_true",
                        help="leave PyTorch out")
    parser.add_argument("--lns", help="the trainer, instead of the bundle's")
    options = parser.parse_args()
    options.bundle = os.path.abspath(options.bundle)
    device = options.device.partition(":")
    if device[0] not in ("cuda", "cpu") or (device[1] and not
                                            device[2].isdigit()):
        parser.error(f"--device {options.device}: expected cuda, cuda:N or cpu")
    return options


def read_manifest(options):
    path = os.path.join(options.bundle, "manifest.json")
    try:
        with open(path) as file:
            plans = json.load(file)["plans"]
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}; make a bundle first: cmake "
                      "--build build --target gpu-bundle") from None
    except (ValueError, KeyError):
        raise Failure(f"{path}: no manifest; make the bundle again") from None
    chosen = [plan for plan in plans
              if fnmatch.fnmatch(plan["name"], options.only)]
    if not chosen:
        raise Failure(f"--only '{options.only}' names none of "
                      + ", ".join(plan["name"] for plan in plans))
    return chosen


def torch_facts(budget):
    """What PyTorch is there, or None."""
    program = ("import torch; print(torch.__version__, 'CUDA', "
               "torch.version.cuda, 'with a device' if torch.cuda.is_available() "
               "else 'without a device')")
    try:
        out, _ = run([sys.executable, "-c", program], budget.limit(60))
        return last_lines(out, 1)
    except Failure:
        return None


class Run:
    def __init__(self, options, plans, work):
        self.options, self.work = options, work
        self.budget = Budget(options.seconds)
        self.tools = Tools(options, work)
        self.tiny = [plan for plan in plans if plan["kind"] == "conformance"]
        self.large = [plan for plan in plans if plan["kind"] == "speed"]
        if options.quick:
            self.tiny = [plan for plan in self.tiny if plan["golden"]]
            self.large = []
        self.results = {"rehearsal": None, "conformance": [], "sanitizer": None,
                        "speed": [], "torch": [], "products": []}

    def run(self):
        results, options = self.results, self.options
        emulated = "-emu" in os.environ.get("LNSRT_CUDA_DRIVER", "")
        if options.device == "cpu":
            results["rehearsal"] = "A rehearsal on the CPU"
        elif emulated:
            results["rehearsal"] = "A rehearsal on an emulated device"
        facts = environment.describe(self.tools, options, self.work)
        self.tools.unpack()
        results["environment"] = facts
        self.prove(facts)
        # What rehearses has no large plans: tiny ones show the way.
        if not self.large and self.tiny:
            self.large = [{**self.tiny[-1], "rank": 1, "torch_rank": 2,
                           "products_rank": 3, "needs": 10}]
        facts["torch"] = None if options.no_torch else torch_facts(self.budget)
        for part, needs, function in self.parts(facts):
            self.budget.run(part, needs, function)
        results["dropped"] = self.budget.dropped
        results["spent"] = self.budget.spent
        results["seconds"] = self.budget.elapsed()
        ours, _ = report.failures_of(results)
        seen = results["conformance"] or results["speed"]
        results["verdict"] = ("FAILED" if ours else
                              "passed" if seen else "nothing was run")
        return bool(seen) and not ours

    def prove(self, facts):
        products = [None]
        if self.options.device != "cpu":
            products = ["generated"]
            if facts["libraries"].get("cuBLASLt"):
                products.append("library")
            else:
                self.budget.drop("conformance of the library's products",
                                 "there is no cuBLASLt")

        def compare():
            workers = max(1, min(4, (os.cpu_count() or 1) // 2))
            self.results["conformance"] = conformance.check_all(
                self.tools, self.tiny, self.options.device,
                os.path.join(self.work, "conformance"), self.budget, products,
                workers)
        if self.tiny:
            self.budget.run("conformance", 5, compare)

    def parts(self, facts):
        """(name, seconds that it needs, what to do), the most important first."""
        parts = self.speed_parts(facts) + self.torch_parts(facts)
        parts += self.sanitizer_parts()
        return [part[1:] for part in sorted(parts, key=lambda part: part[0])]

    def speed_parts(self, facts):
        options, results = self.options, self.results
        speed = self.speed(facts)
        parts = []

        def measure(plan, is_main):
            row = speed.measure(plan, options.patience, is_main)
            row["profiled"] = is_main
            results["speed"].append(row)

        for plan in self.large:
            rank = plan["rank"]
            parts.append((rank, f"speed of {plan['name']}", plan["needs"],
                          lambda plan=plan, is_main=rank <= 1:
                          measure(plan, is_main)))
            if plan["products_rank"] and options.device != "cpu":
                parts.append((
                    plan["products_rank"], f"products of {plan['name']}",
                    2 * plan["needs"], lambda plan=plan:
                    results["products"].extend(
                        speed.products(plan, options.patience))))
        return parts

    def torch_parts(self, facts):
        options = self.options
        if options.no_torch:
            return []
        usable = facts["torch"] and (
            options.device == "cpu" or "with a device" in facts["torch"])
        if not usable:
            self.budget.drop("PyTorch", f"python3 has torch {facts['torch']}"
                             if facts["torch"] else "python3 has no torch")
            return []
        speed = self.speed(facts)
        parts = [(1.5, "loss in PyTorch", 10, self.check_torch)]
        for plan in self.large:
            if plan["torch_rank"]:
                parts.append((
                    plan["torch_rank"], f"{plan['name']} beside PyTorch",
                    plan["needs"] + 40, lambda plan=plan:
                    self.results["torch"].append(speed.beside_torch(
                        plan, ("eager", "compile"), options.rounds,
                        options.patience))))
        return parts

    def sanitizer_parts(self):
        part = "compute-sanitizer"
        sanitizer = shutil.which(part) or next(
            filter(os.path.exists, ["/usr/local/cuda/bin/" + part]), None)
        if self.results["rehearsal"]:
            self.budget.drop(part, "this is a rehearsal")
        elif not sanitizer:
            self.budget.drop(part, "it is not there")
        elif self.tiny:
            return [(1.7, part, 30, lambda: self.results.update(
                sanitizer=conformance.sanitize(
                    self.tools, self.tiny[0], self.options.device, sanitizer,
                    self.work, self.budget)))]
        return []

    def speed(self, facts):
        return Speed(self.tools, self.options.device, facts["peak"],
                     self.budget, self.work, 3 if self.options.quick else 10)

    def check_torch(self):
        """The model that PyTorch is measured with is the same model."""
        golden = next((plan for plan in self.tiny if plan["golden"]), None)
        if golden is None:
            return
        check = {"model": golden["name"], "error": None}
        command = [sys.executable,
                   self.tools.path(os.path.join("python", "torch_llama.py")),
                   "--check", "--config", self.tools.path(golden["config_file"]),
                   "--norm", golden["norm"], "--checkpoint",
                   self.tools.path(golden["checkpoint"]), "--tokens",
                   self.tools.path(golden["tokens"]), "--expected",
                   self.tools.path(golden["expected"]), "--batch",
                   str(golden["batch"]), "--seq", str(golden["sequence"])]
        try:
            out, _ = run(command, self.budget.limit(60))
            check.update(json.loads(last_lines(out, 1)))
        except (Failure, ValueError) as error:
            check["error"] = str(error)
        self.results["torch_check"] = check


def main():
    options = read_options()
    work = tempfile.mkdtemp(prefix="gpu-bench-")
    try:
        os.makedirs(options.out, exist_ok=True)
        whole = Run(options, read_manifest(options), work)
        # Nothing that an earlier run compiled takes part, unless it is named.
        os.environ.setdefault("LNSRT_CACHE_DIR", os.path.join(work, "cache"))
        passed = whole.run()
        text = report.write_markdown(whole.results)
        with open(os.path.join(options.out, "results.json"), "w") as file:
            # Numbers that are not finite are not JSON, and never a result.
            json.dump(json.loads(json.dumps(whole.results),
                                 parse_constant=lambda word: word), file,
                      indent=1, allow_nan=False)
        with open(os.path.join(options.out, "results.md"), "w") as file:
            file.write(text)
        print(text)
        return 0 if passed else 1
    except (Failure, OSError) as error:
        print(f"run.sh: error: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
