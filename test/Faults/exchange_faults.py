"""Fails every system call of 'lns ckpt export-hf' and import-hf in turn:
LNS FAULTS PLAN WEIGHTS FOLDER. FAULTS is libSystemFaults.so."""

import filecmp
import os
import pathlib
import shutil
import subprocess
import sys

lns, faults, plan, weights, folder = sys.argv[1:]
work = pathlib.Path(folder) / "work"


def run(command, **fault):
    environment = dict(os.environ)
    if fault:
        environment["LD_PRELOAD"] = faults
        environment["LNS_FAULT_FOLDER"] = str(work)
        environment["LNS_FAULT_CALL"] = "any"
        environment.update({f"LNS_FAULT_{k}": str(v) for k, v in fault.items()})
    return subprocess.run([lns, "ckpt", *command], env=environment,
                          capture_output=True, text=True)


def is_same(one, other):
    """Names and bytes of all files below two folders."""
    names, others = (
        sorted(path.relative_to(root) for path in pathlib.Path(root).rglob("*"))
        for root in (one, other))
    return names == others and all(
        filecmp.cmp(f"{one}/{name}", f"{other}/{name}", shallow=False)
        for name in names if os.path.isfile(f"{one}/{name}"))


def campaign(what, command, reference):
    out = work / "out"
    count = pathlib.Path(folder) / "count"

    def again(**fault):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        count.unlink(missing_ok=True)
        return run([*command, "-o", str(out)], COUNT=count, **fault)

    result = again(AT=10**6, ACTION="EIO")
    assert result.returncode == 0 and is_same(out, reference), result.stderr
    calls = count.stat().st_size
    tried = 0
    for action in ("kill", "ENOSPC", "EIO", "EINTR", "short"):
        for at in range(1, calls + 1):
            result = again(AT=at, ACTION=action)
            tried += 1
            place = f"{what}, {action} at call {at}"
            if out.exists():
                assert is_same(out, reference), f"{place}: what is there differs"
            if result.returncode == 0:
                assert out.exists(), f"{place}: done, and nothing is there"
            elif action != "kill":
                assert "lns: error: " in result.stderr, f"{place}: no error"
            left = [name for name in os.listdir(work) if name != "out"]
            if action == "kill":
                assert all(name.startswith(".tmp-") for name in left), place
            else:
                assert not left, f"{place}: leaves {left}"
    print(f"{what}: {calls} calls, {tried} faults")


base = pathlib.Path(folder)
made = run(["import-hf", weights, "-o", str(base / "run"), "--plan", plan])
assert made.returncode == 0, made.stderr
export = ["export-hf", str(base / "run"), "--max-shard=60k"]
made = run([*export, "-o", str(base / "hf")])
assert made.returncode == 0, made.stderr
campaign("export", export, base / "hf")
# Unfolded gains may be neighbours of those that were exported.
made = run(["import-hf", str(base / "hf"), "-o", str(base / "back"), "--plan",
            plan])
assert made.returncode == 0, made.stderr
campaign("import", ["import-hf", str(base / "hf"), "--plan", plan],
         base / "back")
