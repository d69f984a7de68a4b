#!/usr/bin/env python3
"""Kills training runs while they save, and resumes them.

    kill_campaign.py --bin BUILD/bin --faults BUILD/lib/libSystemFaults.so \
        --plan PLAN --data DATA [--points 40] [--repeats 5] [--work DIR]

A run of 30 steps saves every 10. The process gets SIGKILL in its K-th system
call on files of the run, counted from the first one of the second save on, for
K = 1, 2, ...; where a save has fewer calls than points are asked for, the next
steps' calls follow. Each point is repeated with other seeds. After each death:

  - every checkpoint that the run had said to be saved is there, and its files
    are the bytes of a run that nobody killed;
  - 'lns train --resume auto' goes on from one that is not older, and ends with
    the bytes of the undisturbed run.

Other faults of the disk (--faults-too) are tried at every point as well: the
run must end with an error, or not notice, and resume in the same way.
"""

import argparse
import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile

STEPS, EVERY = 30, 10
FILES = ("model.safetensors", "optimizer.safetensors")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", required=True, help="folder of lns")
    parser.add_argument("--faults", required=True, help="libSystemFaults.so")
    parser.add_argument("--plan", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--points", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--faults-too", action="store_true")
    parser.add_argument("--work", help="folder for the runs; default: a new one")
    return parser.parse_args()


class Campaign:
    def __init__(self, options, work):
        self.options = options
        self.work = work
        self.bad = 0
        self.tried = 0
        self.resumed_from = {}

    def train(self, out, seed, resume="none", fault=None):
        """Runs lns; gives its exit code and its output."""
        environment = dict(os.environ)
        if fault:
            environment["LD_PRELOAD"] = self.options.faults
            for name, value in fault.items():
                environment["LNS_FAULT_" + name] = str(value)
        command = [
            os.path.join(self.options.bin, "lns"),
            *("train", self.options.plan, "--data", self.options.data),
            *("--out", out, "--steps", str(STEPS), "--save-every", str(EVERY)),
            *("--seed", str(seed), "--warmup", "0", "--schedule", "constant"),
            *("--resume", resume, "--threads", "1"),
        ]
        done = subprocess.run(
            command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return done.returncode, done.stdout

    def checkpoint(self, run, step):
        return os.path.join(run, f"step-{step:06}")

    def same(self, run, reference, step):
        return all(
            os.path.exists(os.path.join(self.checkpoint(run, step), name))
            and filecmp.cmp(
                os.path.join(self.checkpoint(run, step), name),
                os.path.join(self.checkpoint(reference, step), name),
                shallow=False,
            )
            for name in FILES
        )

    def fail(self, where, what, log):
        self.bad += 1
        print(f"FAULT {where}: {what}")
        print("    " + "\n    ".join(log.strip().split("\n")[-5:]), flush=True)

    def one(self, reference, seed, name, fault, must_die):
        """One run with a fault, and its resume."""
        self.tried += 1
        run = os.path.join(self.work, "run")
        shutil.rmtree(run, ignore_errors=True)
        os.mkdir(run)
        where = f"seed {seed} {name}"
        fault = dict(fault, FOLDER=run, AFTER="step-000020")
        code, log = self.train(run, seed, fault=fault)
        if must_die and code != -9:
            return self.fail(where, f"exit code {code}, not a kill", log)
        if not must_die and code < 0:
            return self.fail(where, f"died of signal {-code}", log)
        said = [int(s) for s in re.findall(r"saved \S*step-0*(\d+)", log)]
        for step in said:
            if not self.same(run, reference, step):
                return self.fail(where, f"step {step} was said to be saved, and is not whole", log)
        code, log = self.train(run, seed, resume="auto")
        if code != 0:
            return self.fail(where, f"the resume failed with exit code {code}", log)
        found = re.search(r"resumed \S*step-0*(\d+)", log)
        first = int(found.group(1)) if found else 0
        self.resumed_from[first] = self.resumed_from.get(first, 0) + 1
        if first < max(said, default=0):
            return self.fail(where, f"resumed from step {first}, saved were {said}", log)
        if not self.same(run, reference, STEPS):
            return self.fail(where, "the end is not that of an undisturbed run", log)

    def run(self):
        options = self.options
        for seed in range(1, options.repeats + 1):
            reference = os.path.join(self.work, f"reference-{seed}")
            count = os.path.join(self.work, "count")
            code, log = self.train(
                reference, seed, fault={"FOLDER": reference, "AFTER": "step-000020", "COUNT": count}
            )
            if code != 0:
                self.fail(f"seed {seed}", f"undisturbed: exit code {code}", log)
                return
            calls = os.path.getsize(count)
            os.remove(count)
            if calls < options.points:
                print(f"only {calls} calls in a save, fewer than points")
            for point in range(1, min(options.points, calls) + 1):
                kill = {"AT": point, "ACTION": "kill"}
                self.one(reference, seed, f"kill at {point}", kill, must_die=True)
                if options.faults_too:
                    for action in ("ENOSPC", "EIO", "EINTR", "short"):
                        fault = {"AT": point, "ACTION": action}
                        self.one(reference, seed, f"{action} at {point}", fault, must_die=False)
        resumed = ", ".join(f"{n} from step {s}" for s, n in sorted(self.resumed_from.items()))
        print(f"{self.tried - self.bad}/{self.tried} resumed from a whole checkpoint ({resumed})")


def main():
    options = arguments()
    work = options.work or tempfile.mkdtemp(prefix="lns-kill-")
    os.makedirs(work, exist_ok=True)
    campaign = Campaign(options, os.path.abspath(work))
    try:
        campaign.run()
    finally:
        if not options.work:
            shutil.rmtree(work, ignore_errors=True)
    return 1 if campaign.bad or not campaign.tried else 0


if __name__ == "__main__":
    sys.exit(main())
