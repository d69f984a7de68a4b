#!/usr/bin/env python3
"""Says what the runs of run.sh came to: FOLDER/summary.json and FOLDER/summary.md.

    summary.py FOLDER [--baseline pre] [--variance-factor F]

A setting is a scheme with a weight decay, runs/SCHEME-wdDECAY; its runs are seeds. Every number
is read from what the commands wrote: trainer_state.json and metrics.jsonl of checkpoints,
the JSON of `lns eval` and of `lns diagnose`. What is missing is said. A number that is not
finite, and runs that differ in more than scheme, weight decay, learning rate and seed, are errors.

Differences from the baseline are taken seed by seed: seeds give all schemes the same initial
numbers and the same order of data. The interval is Student's, of 95 %, of the mean over pairs.

--variance-factor F fails unless V_L / V_1 of the baseline is more than F times that of `lns`,
for every seed and weight decay that both have.
"""

import argparse
import json
import math
import pathlib
import sys


def fail(message):
    raise SystemExit(f"summary.py: error: {message}")


# Student's t that 97.5 % lie below, with 1, 2, .. degrees of freedom.
STUDENT = """12.706205 4.302653 3.182446 2.776445 2.570582 2.446912 2.364624 2.306004 2.262157
2.228139 2.200985 2.178813 2.160369 2.144787 2.131450 2.119905 2.109816 2.100922 2.093024 2.085963"""
STUDENT = [float(value) for value in STUDENT.split()]


def student_quantile(degrees):
    if degrees <= len(STUDENT):
        return STUDENT[degrees - 1]
    # Cornish and Fisher's expansion about the normal quantile.
    z, n = 1.959963985, degrees
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )


def mean_of(values):
    return math.fsum(values) / len(values)


def deviation_of(values):
    """With n - 1; None for one value."""
    if len(values) < 2:
        return None
    mean = mean_of(values)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1))


class Number:
    """One number of a run. A ratio is compared by its logarithm, and its difference is a factor."""

    def __init__(self, key, title, digits=3, ratio=False):
        self.key, self.title, self.digits, self.ratio = key, title, digits, ratio

    def show(self, value):
        if value is None:
            return "-"
        return f"{value:.3g}" if self.ratio else f"{value:.{self.digits}f}"


NUMBERS = [
    Number("held_out_loss", "held-out loss, nats a token", 4),
    Number("bits_per_byte", "bits per byte", 4),
    Number("variance_ratio", "V_L / V_1", ratio=True),
    Number("variance_last", "V_L", ratio=True),
    Number("last_contribution", "last block's contribution", 3),
    Number("last_drop", "last block's drop, nats", 4),
    Number("deep_drop", "mean drop of the deepest quarter, nats", 4),
    Number("lens_near_from_block", "lens KL < 0.1 from block", 1),
    Number("choices_acc_before", "acc before fine-tuning", 3),
    Number("choices_acc", "acc after fine-tuning", 3),
    Number("answer_loss", "loss on held-out answers, nats a token", 4),
    Number("held_out_loss_after", "held-out loss of the text after fine-tuning", 4),
]
BY_KEY = {number.key: number for number in NUMBERS}
# Differences of these are in summary.md, those of all in summary.json.
HEADLINES = ["held_out_loss", "variance_ratio", "last_contribution", "last_drop"]
HEADLINES += ["deep_drop", "choices_acc", "answer_loss"]


# Reading


def read_json(path):
    def no_constant(text):
        fail(f"{path}: holds {text}, which is no number; the run is damaged or has diverged")

    try:
        with open(path) as file:
            return json.load(file, parse_constant=no_constant)
    except (OSError, ValueError) as error:
        fail(f"{path}: {error}; do its stage again")


def member_at(value, path, *keys):
    """What is at keys of a JSON value; None is an error."""
    for key in keys:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            value = None
    if value is None:
        fail(f"{path}: {'.'.join(map(str, keys))} is null or missing; do its stage again")
    return value


def number_at(value, path, *keys):
    """The finite number at keys of a JSON value; whatever else is there is an error."""
    value = member_at(value, path, *keys)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        fail(f"{path}: {'.'.join(map(str, keys))} is {json.dumps(value)}, expected a finite number")
    return value


def read_checkpoint(run):
    """The state of the newest checkpoint of a run, and its path."""
    states = {path.parent.name[5:]: path for path in run.glob("step-*/trainer_state.json")}
    steps = [step for step in states if step.isdigit()]  # others are damaged ones
    if not steps:
        fail(f"{run}: said to be done, but has no checkpoint; remove {run}.done and train it again")
    path = states[max(steps, key=int)]
    return path, read_json(path)


def read_last_loss(run, step):
    """The held-out loss behind the last step, of metrics.jsonl; None without one."""
    loss = None
    path = run / "metrics.jsonl"
    with open(path) as file:
        for line in file:
            row = json.loads(line)
            if "val_loss" in row and row["step"] == step:
                loss = number_at(row, path, "val_loss")
    return loss


class Run:
    """What a folder holds: `values` by key, and `facts` that comparable runs share."""

    def __init__(self, folder):
        self.folder, self.values, self.facts, self.missing = folder, {}, {}, []
        self.diverged = None
        self.lr = None

    def read_training(self, train):
        """False where there is nothing to read."""
        marker = train.with_name(train.name + ".diverged")
        if marker.exists():
            self.diverged = marker.read_text().strip()
            return False
        if not train.with_name(train.name + ".done").exists():
            self.missing.append("not trained to its end")
            return False
        self.path, state = read_checkpoint(train)
        self.step = number_at(state, self.path, "step")
        self.seed = number_at(state, self.path, "seed")
        self.lr = member_at(state, self.path, "options", "--lr")
        self.decay = member_at(state, self.path, "options", "--weight-decay")
        self.facts["step"] = self.step
        for key in "batch", "sequence", "data", "held_out":
            self.facts[key] = member_at(state, self.path, key)
        for key, value in state["options"].items():
            if key not in ("--lr", "--weight-decay"):
                self.facts[key] = value
        config = self.path.with_name("config.json")
        if config.exists():
            # What names the scheme, and what a scheme changes, is no difference.
            for key, value in read_json(config).items():
                if key not in ("architectures", "model_type", "hidden_act", "lnsc", "norm"):
                    self.facts["config.json's " + key] = value
        self.values["train_seconds"] = number_at(state, self.path, "elapsed_seconds")
        self.values["skipped_steps"] = number_at(state, self.path, "skipped_steps")
        return True

    def read_held_out(self):
        path = self.folder / "train.held-out.json"
        if not path.exists():
            return self.missing.append("not evaluated on the held-out text")
        result = read_json(path)
        self.facts["held-out targets"] = number_at(result, path, "targets")
        self.values["held_out_loss"] = number_at(result, path, "val_loss")
        if "val_bpb" in result:
            self.values["bits_per_byte"] = number_at(result, path, "val_bpb")

    def read_choices(self, run, keys):
        path = self.folder / f"{run}.choices.json"
        if not path.exists():
            when = "before" if run == "train" else "after"
            return self.missing.append(f"no answers {when} fine-tuning")
        result = read_json(path)
        for fact in "n", "cut":
            self.facts[f"{fact} of the questions"] = number_at(result, path, "all", fact)
        self.facts["questions' T"] = number_at(result, path, "sequence")
        for key, metric in keys.items():
            self.values[key] = number_at(result, path, "all", metric)

    def read_tuning(self):
        tune = self.folder / "tune"
        if (self.folder / "tune.diverged").exists():
            return self.missing.append("fine-tuning diverged")
        if not (self.folder / "tune.done").exists():
            return self.missing.append("not fine-tuned")
        path, state = read_checkpoint(tune)
        for key, value in member_at(state, path, "options").items():
            # The peak is a share of the scheme's rate, which is said.
            if key == "--lr":
                self.values["tune_lr"] = float(value)
            else:
                self.facts[f"fine-tuning's {key}"] = value
        self.facts["fine-tuning's data"] = member_at(state, path, "data")
        loss = read_last_loss(tune, number_at(state, path, "step"))
        if loss is None:
            self.missing.append("no loss on held-out answers")
        else:
            self.values["answer_loss"] = loss
        # No bits per byte of right answers: they hold the blank before an answer, which is no
        # target of fine-tuning, and the same for all choices of a question.
        self.read_choices("tune", {"choices_acc": "acc", "choices_acc_stderr": "acc_stderr"})
        held_out = self.folder / "tune.held-out.json"
        if held_out.exists():
            self.values["held_out_loss_after"] = number_at(read_json(held_out), held_out, "val_loss")

    def read_diagnosis(self):
        path = self.folder / "diagnosis.json"
        if not path.exists():
            return self.missing.append("not diagnosed")
        result = read_json(path)
        if (step := number_at(result, path, "run", "step")) != self.step:
            fail(f"{path}: of step {step}, but {self.path} is of step {self.step}; diagnose again")
        depth = number_at(result, path, "model", "layers")
        self.facts["layers"] = depth
        self.facts["width"] = number_at(result, path, "model", "width")
        self.facts["diagnosed rows"] = number_at(result, path, "data", "rows")
        self.facts["diagnosed rows' fingerprint"] = member_at(result, path, "data", "fingerprint")
        self.values["parameters"] = number_at(result, path, "model", "parameters")
        if "variance" in result:
            # stream[0] is what the first block takes, stream[l] what block l gives.
            first, last = (number_at(result, path, "variance", "stream", l) for l in (1, depth))
            if first <= 0 or last <= 0:
                fail(f"{path}: variances of {first} and {last}, expected more than 0")
            self.values["variance_ratio"] = last / first
            self.values["variance_last"] = last
        else:
            self.missing.append("no variances")
        if "contribution" in result:
            last = number_at(result, path, "contribution", "block", depth - 1)
            self.values["last_contribution"] = last
        if "drop" in result:
            drops = [number_at(result, path, "drop", l) for l in range(depth)]
            self.values["last_drop"] = drops[-1]
            deep = drops[-max(1, depth // 4) :]
            self.values["deep_drop"] = mean_of(deep)
        else:
            self.missing.append("no layer drop (refused where a block is no sum, or not measured)")
        if "lens" in result:
            self.values["lens_near_from_block"] = number_at(result, path, "lens", "near_from_block")


def read_setting_run(folder):
    run = Run(folder)
    if not run.read_training(folder / "train"):
        return run
    scheme, decay = folder.parent.name.rsplit("-wd", 1)
    if float(run.decay) != float(decay) or f"seed-{run.seed}" != folder.name:
        fail(
            f"{folder}: {run.path} has seed {run.seed} and weight decay {run.decay}; the folder was "
            "renamed or mixed up, train it again"
        )
    run.read_held_out()
    run.read_choices("train", {"choices_acc_before": "acc"})
    run.read_tuning()
    run.read_diagnosis()
    return run


def compare(runs):
    """Runs that are trained or measured otherwise cannot stand side by side."""
    first = {}
    for run in runs:
        for key, value in run.facts.items():
            other, expected = first.setdefault(key, (run, value))
            if value != expected:
                fail(
                    f"{other.folder} and {run.folder} cannot be compared: {key} is "
                    f"{json.dumps(expected)} in the first and {json.dumps(value)} in the second; "
                    "run both with the same settings, or move one of them away"
                )


# What is said of them


class Setting:
    """A scheme with a weight decay; `runs` by seed."""

    def __init__(self, scheme, decay, runs):
        self.scheme, self.decay, self.runs = scheme, decay, runs
        self.name = f"{scheme}-wd{decay}"
        rates = {run.lr: run for run in runs.values() if run.lr is not None}
        if len(rates) > 1:
            (a, first), (b, second) = list(rates.items())[:2]
            fail(
                f"{first.folder} and {second.folder} are seeds of one setting, but have --lr {a} and "
                f"--lr {b}; train both with one"
            )
        self.lr = next(iter(rates), None)

    def values(self, key):
        """By seed."""
        return {seed: run.values[key] for seed, run in self.runs.items() if key in run.values}

    def statistics(self, key):
        values = list(self.values(key).values())
        if not values:
            return None
        return {
            "n": len(values),
            "mean": mean_of(values),
            "deviation": deviation_of(values),
            "least": min(values),
            "most": max(values),
        }


def scheme_order(baseline):
    """The baseline, LNS, then the alphabet."""
    return lambda scheme: (scheme != baseline, scheme != "lns", scheme)


def read_settings(folder, baseline):
    found = {}
    for run in sorted(folder.glob("runs/*-wd*/seed-*")):
        scheme, decay = run.parent.name.rsplit("-wd", 1)
        found.setdefault((scheme, decay), {})[run.name[5:]] = read_setting_run(run)
    compare([run for runs in found.values() for run in runs.values()])
    place = scheme_order(baseline)
    names = sorted(found, key=lambda name: (place(name[0]), float(name[1])))
    return [Setting(*name, found[name]) for name in names]


def read_sweep(folder):
    """lr/SCHEME/RATE: by scheme, then rate, the run."""
    sweep = {}
    for claim in sorted(folder.glob("lr/*/*.settings")):
        train = claim.with_suffix("")
        run = Run(train)
        if run.read_training(train):
            loss = read_last_loss(train, run.step)
            if loss is None:
                fail(f"{train}: has no held-out loss; give data with held-out text")
            run.values["held_out_loss"] = loss
            run.facts["seed"], run.facts["weight decay"] = run.seed, run.decay
        sweep.setdefault(train.parent.name, {})[train.name] = run
    compare([run for runs in sweep.values() for run in runs.values()])
    return sweep


def list_missing(settings, baseline):
    """A line for all that a complete table would have."""
    names = {setting.name for setting in settings}
    seeds = sorted({seed for setting in settings for seed in setting.runs}, key=int)
    lines = []
    for setting in settings:
        other = f"{baseline}-wd{setting.decay}"
        if other not in names:
            lines.append(f"{setting.name}: no {other} to be compared with")
        for seed in seeds:
            place = f"{setting.name} seed {seed}"
            run = setting.runs.get(seed)
            if run is None:
                lines.append(f"{place}: no run")
            elif run.diverged is not None:
                lines.append(f"{place}: diverged: {run.diverged}")
            else:
                lines += [f"{place}: {what}" for what in run.missing]
                if run.values.get("skipped_steps"):
                    lines.append(f"{place}: {run.values['skipped_steps']} steps not finite, skipped")
    return lines


def paired_difference(number, a, b):
    """a less b over the seeds that both have; of ratios, the factor between them."""
    ours, theirs = a.values(number.key), b.values(number.key)
    seeds = [seed for seed in ours if seed in theirs]
    if not seeds:
        return None
    if number.ratio:
        differences, show = [math.log(ours[seed] / theirs[seed]) for seed in seeds], math.exp
    else:
        differences, show = [ours[seed] - theirs[seed] for seed in seeds], float
    mean = mean_of(differences)
    low = high = None
    if len(seeds) < 2:
        verdict = "one pair: nothing to say"
    elif len(set(differences)) == 1 and mean != 0:
        # As of counts. Student's interval would be a point, which says too much.
        verdict = "the same in all pairs: no interval"
    else:
        half = student_quantile(len(seeds) - 1) * deviation_of(differences) / math.sqrt(len(seeds))
        low, high = mean - half, mean + half
        verdict = "not distinguishable" if low <= 0 <= high else "higher" if low > 0 else "lower"
    return {
        "number": number.key,
        "setting": a.name,
        "from": b.name,
        "is_factor": number.ratio,
        "seeds": seeds,
        "by_seed": [show(difference) for difference in differences],
        "mean": show(mean),
        "low": None if low is None else show(low),
        "high": None if high is None else show(high),
        "verdict": verdict,
    }


def list_differences(pairs):
    """Of every number, of every pair of settings."""
    all_of_them = [paired_difference(number, a, b) for number in NUMBERS for a, b in pairs]
    return [difference for difference in all_of_them if difference]


def pairs_with_baseline(settings, baseline):
    by_name = {setting.name: setting for setting in settings}
    pairs = [(setting, by_name.get(f"{baseline}-wd{setting.decay}")) for setting in settings]
    return [(a, b) for a, b in pairs if b is not None and a is not b]


def pairs_by_decay(settings):
    """Each with the least weight decay of its scheme; settings are in that order."""
    least = {}
    for setting in settings:
        least.setdefault(setting.scheme, setting)
    return [(a, least[a.scheme]) for a in settings if a is not least[a.scheme]]


def facts_in_common(settings):
    facts = {}
    for setting in settings:
        for run in setting.runs.values():
            facts = {**run.facts, **facts}
    return facts


def make_json(baseline, settings, sweep, differences, decays, missing):
    return {
        "format": "curse-of-depth-summary",
        "version": 1,
        "baseline": baseline,
        "in_common": facts_in_common(settings),
        "settings": [
            {
                "name": setting.name,
                "scheme": setting.scheme,
                "weight_decay": float(setting.decay),
                "lr": None if setting.lr is None else float(setting.lr),
                "seeds": {seed: run.values for seed, run in setting.runs.items()},
                "diverged": [seed for seed, run in setting.runs.items() if run.diverged is not None],
                "numbers": {n.key: s for n in NUMBERS if (s := setting.statistics(n.key)) is not None},
            }
            for setting in settings
        ],
        "differences": differences,
        "differences_by_weight_decay": decays,
        "learning_rates": {
            scheme: {
                rate: "diverged" if run.diverged is not None else run.values.get("held_out_loss")
                for rate, run in sorted(sweep[scheme].items(), key=lambda item: float(item[0]))
            }
            for scheme in sorted(sweep, key=scheme_order(baseline))
        },
        "missing": missing,
    }


# summary.md


def table(rows):
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    return lines + ["| " + " | ".join(row) + " |" for row in rows[1:]] + [""]


def show_statistics(setting, key):
    number, statistics = BY_KEY[key], setting.statistics(key)
    if statistics is None:
        return "-"
    text = number.show(statistics["mean"])
    if statistics["n"] > 1:
        text += f" ({number.show(statistics['least'])} to {number.show(statistics['most'])})"
    if statistics["n"] < len(setting.runs):
        text += f" [{statistics['n']} of {len(setting.runs)}]"
    return text


def section(title, text, settings, keys):
    """A table without columns that no setting has, or nothing; what is missing is listed elsewhere."""
    keys = [key for key in keys if any(setting.values(key) for setting in settings)]
    if not keys:
        return []
    rows = [["scheme", "weight decay", "lr", "seeds", *(BY_KEY[key].title for key in keys)]]
    for setting in settings:
        cells = [show_statistics(setting, key) for key in keys]
        trained = sum(run.lr is not None for run in setting.runs.values())
        rows.append([setting.scheme, setting.decay, setting.lr or "-", str(trained), *cells])
    return [f"## {title}", "", *([text, ""] if text else []), *table(rows)]


def difference_table(differences):
    rows = [["setting", "from", "number", "seeds", "mean", "95 % interval", ""]]
    for difference in differences:
        if difference["number"] not in HEADLINES:
            continue
        number = BY_KEY[difference["number"]]
        # A difference has a sign, a factor has none.
        sign, digits = ("x ", ".3g") if number.ratio else ("", f"+.{number.digits}f")
        interval = "-"
        if difference["low"] is not None:
            interval = f"{sign}{difference['low']:{digits}} to {sign}{difference['high']:{digits}}"
        rows.append(
            [
                difference["setting"],
                difference["from"],
                number.title,
                str(len(difference["seeds"])),
                f"{sign}{difference['mean']:{digits}}",
                interval,
                difference["verdict"],
            ]
        )
    return table(rows)


def sweep_lines(sweep, baseline):
    runs = [run for found in sweep.values() for run in found.values()]
    rates = sorted({rate for found in sweep.values() for rate in found}, key=float)
    rows = [["scheme", *rates]]
    for scheme in sorted(sweep, key=scheme_order(baseline)):
        cells = []
        for rate in rates:
            run = sweep[scheme].get(rate)
            if run is None:
                cells.append("-")
            elif run.diverged is not None:
                cells.append("diverged")
            elif "held_out_loss" in run.values:
                cells.append(f"{run.values['held_out_loss']:.4f}")
            else:
                cells.append("not done")
        rows.append([scheme, *cells])
    facts = next((run.facts for run in runs if run.facts), None)
    said = f", {facts['step']} steps, weight decay {facts['weight decay']}" if facts else ""
    return [
        "## Learning rates",
        "",
        f"Held-out loss by peak learning rate, one seed{said}: enough to choose a rate, not a scheme.",
        "",
        *table(rows),
    ]


def describe(facts):
    """What all runs have in common, in a line."""
    if not facts:
        return []
    size = f"{facts['layers']} blocks of width {facts['width']}, " if "layers" in facts else ""
    tokens = facts["step"] * facts["batch"] * facts["sequence"]
    options = ("--warmup", "--schedule", "--final-lr", "--clip", "--beta1", "--beta2")
    recipe = ", ".join(f"{key} {facts[key]}" for key in options if key in facts)
    return [
        f"{size}{facts['step']} steps of {facts['batch']} x {facts['sequence']} tokens, "
        f"{tokens / 1e6:.3g} million in all; {recipe}.",
        "",
    ]


def tuning_lines(settings):
    runs = [run for setting in settings for run in setting.runs.values() if "choices_acc" in run.values]
    if not runs:
        return []
    errors = [run.values["choices_acc_stderr"] for run in runs]
    return section(
        "Fine-tuning",
        f"{runs[0].facts['n of the questions']} questions of four answers (chance: 0.25), the same for "
        f"all; the standard error of one run's acc, over questions, is {min(errors):.3f} to "
        f"{max(errors):.3f}.",
        settings,
        ["choices_acc_before", "choices_acc", "answer_loss", "held_out_loss_after"],
    )


def make_page(baseline, settings, sweep, differences, decays, missing):
    lines = ["# The curse of depth: what these runs came to", "", *describe(facts_in_common(settings))]
    if settings:
        lines += [
            "Means over seeds, with the least and the most of them.",
            "",
            *section("Held-out text", "", settings, ["held_out_loss", "bits_per_byte"]),
            *section(
                "Depth",
                "V_l is the variance of the stream behind block l, L the last block (docs/depth.md).",
                settings,
                ["variance_ratio", "variance_last", "last_contribution", "last_drop", "deep_drop"]
                + ["lens_near_from_block"],
            ),
            *tuning_lines(settings),
        ]
    if differences:
        lines += [
            f"## Differences from {baseline}",
            "",
            "The setting less the second one, seed by seed; of variances, over it. What is not",
            "distinguishable is no difference that was found. Each interval is of one comparison: of twenty",
            "that are nothing, one is expected to leave 0 out.",
            "",
            *difference_table(differences),
        ]
    if decays:
        lines += ["## Differences by weight decay", "", *difference_table(decays)]
    if sweep:
        lines += sweep_lines(sweep, baseline)
    if missing:
        lines += ["## What is missing", "", *(f"- {line}" for line in missing), ""]
    return "\n".join(lines)


def check_variances(settings, baseline, factor):
    by_name = {setting.name: setting for setting in settings}
    checked = 0
    for setting in settings:
        other = by_name.get(f"lns-wd{setting.decay}")
        if setting.scheme != baseline or other is None:
            continue
        ours, theirs = other.values("variance_ratio"), setting.values("variance_ratio")
        for seed in sorted(set(ours) & set(theirs), key=int):
            checked += 1
            said = (
                f"V_L / V_1 of {setting.name} is {theirs[seed]:.3g}, of {other.name} {ours[seed]:.3g} "
                f"(seed {seed})"
            )
            if theirs[seed] <= factor * ours[seed]:
                fail(f"{said}; expected more than {factor:g} times as much")
            print(f"{said}: {theirs[seed] / ours[seed]:.3g} times as much")
    if not checked:
        fail(f"--variance-factor: there are no variances of {baseline} and lns to be compared")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--baseline", default="pre")
    parser.add_argument("--variance-factor", type=float)
    arguments = parser.parse_args()
    folder, baseline = arguments.folder, arguments.baseline

    settings, sweep = read_settings(folder, baseline), read_sweep(folder)
    if not settings and not sweep:
        fail(f"{folder}: has no runs; run.sh makes them")
    missing = list_missing(settings, baseline)
    differences = list_differences(pairs_with_baseline(settings, baseline))
    decays = list_differences(pairs_by_decay(settings))
    said = baseline, settings, sweep, differences, decays, missing
    (folder / "summary.json").write_text(json.dumps(make_json(*said), indent=1, allow_nan=False) + "\n")
    (folder / "summary.md").write_text(make_page(*said))
    for line in missing[:20]:
        print(f"summary.py: note: {line}", file=sys.stderr)
    if len(missing) > 20:
        print(f"summary.py: note: {len(missing) - 20} more; summary.md has all", file=sys.stderr)
    print(folder / "summary.md")
    if arguments.variance_factor is not None:
        check_variances(settings, baseline, arguments.variance_factor)


main()
