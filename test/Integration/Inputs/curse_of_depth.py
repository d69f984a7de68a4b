"""curse_of_depth.py SUMMARY.py FOLDER: whether what examples/curse-of-depth/summary.py says of
a folder of runs is what its files say, and whether it refuses folders that are not in order.
"""

import json
import math
import pathlib
import shutil
import statistics
import subprocess
import sys

script, folder = sys.argv[1], pathlib.Path(sys.argv[2])


def near(a, b):
    if not math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12):
        sys.exit(f"{a} and {b}, expected to be equal")


def read(path):
    return json.loads(path.read_text())


def ratio(run):
    stream = read(run / "diagnosis.json")["variance"]["stream"]
    return stream[4] / stream[1]


def check_numbers():
    summary = read(folder / "summary.json")
    runs = {
        scheme: [folder / f"runs/{scheme}-wd0/seed-{seed}" for seed in (1, 2)] for scheme in ("pre", "lns")
    }
    loss = {
        scheme: [read(run / "train.held-out.json")["val_loss"] for run in found]
        for scheme, found in runs.items()
    }
    (lns,) = (setting for setting in summary["settings"] if setting["name"] == "lns-wd0")
    near(lns["numbers"]["held_out_loss"]["mean"], statistics.mean(loss["lns"]))
    near(lns["numbers"]["held_out_loss"]["deviation"], statistics.stdev(loss["lns"]))
    near(lns["seeds"]["2"]["choices_acc"], read(runs["lns"][1] / "tune.choices.json")["all"]["acc"])
    near(lns["seeds"]["2"]["last_drop"], read(runs["lns"][1] / "diagnosis.json")["drop"][3])

    def difference(key):
        (one,) = (d for d in summary["differences"] if d["number"] == key and d["setting"] == "lns-wd0")
        return one

    # The baseline has a third seed, which has no partner.
    found = difference("held_out_loss")
    pairs = [a - b for a, b in zip(loss["lns"], loss["pre"])]
    half = 12.706204736 * statistics.stdev(pairs) / math.sqrt(2)
    near(found["mean"], statistics.mean(pairs))
    if abs(found["high"] - found["mean"] - half) > 1e-6 * half:
        sys.exit(f"an interval of {found['high'] - found['mean']} on either side, expected {half}")
    holds_zero = found["low"] <= 0 <= found["high"]
    assert (found["verdict"] == "not distinguishable") == holds_zero, found
    found = difference("variance_ratio")
    logs = [math.log(ratio(a) / ratio(b)) for a, b in zip(runs["lns"], runs["pre"])]
    near(found["mean"], math.exp(statistics.mean(logs)))
    print("as the files say")


def summarize(copy, *options):
    return subprocess.run(
        [sys.executable, script, copy, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def changed(change):
    """A copy of the folder in which `change` was made."""
    copy = folder.with_name("changed")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    change(copy)
    return copy


def edit(path, change):
    value = read(path)
    change(value)
    path.write_text(json.dumps(value))


def refused(what, change, *said, options=()):
    result = summarize(changed(change), *options)
    if result.returncode == 0 or not result.stderr.splitlines()[-1].startswith("summary.py: error: "):
        sys.exit(f"{what}: exit code {result.returncode}, {result.stderr}")
    for words in said:
        if words not in result.stderr:
            sys.exit(f"{what}: '{words}' is not said: {result.stderr}")
    print(f"refused: {what}")


def state(copy, change):
    edit(copy / "runs/lns-wd0/seed-2/train/step-000020/trainer_state.json", change)


def main():
    check_numbers()
    both = "lns-wd0/seed-2", "cannot be compared"
    refused(
        "other steps",
        lambda copy: state(copy, lambda s: s["options"].update({"--steps": "30"})),
        *both,
        "--steps",
    )
    refused("other data", lambda copy: state(copy, lambda s: s["data"][0].update(digest="00")), *both, "data")
    refused(
        "other rates of one setting",
        lambda copy: state(copy, lambda s: s["options"].update({"--lr": "0.5"})),
        "lns-wd0/seed-1 and ",
        "lns-wd0/seed-2 are seeds of one setting",
    )
    refused(
        "other questions",
        lambda copy: edit(copy / "runs/lns-wd0/seed-2/tune.choices.json", lambda c: c["all"].update(n=1)),
        *both,
        "n of the questions",
    )
    refused(
        "not finite",
        lambda copy: edit(
            copy / "runs/lns-wd0/seed-2/diagnosis.json",
            lambda d: d["variance"]["stream"].__setitem__(4, None),
        ),
        "variance.stream.4 is null or missing",
    )
    refused(
        "too near",
        lambda copy: None,
        "expected more than 1e+09 times as much",
        options=["--variance-factor", "1e9"],
    )

    def diverge(copy):
        (copy / "runs/lns-wd0/seed-2/train.done").unlink()
        (copy / "runs/lns-wd0/seed-2/train.diverged").write_text("the loss was not finite\n")

    result = summarize(copy := changed(diverge))
    assert result.returncode == 0, result.stderr
    assert "lns-wd0 seed 2: diverged: the loss was not finite" in (copy / "summary.md").read_text()
    assert read(copy / "summary.json")["settings"][1]["diverged"] == ["2"]
    print("said: diverged")


main()
