"""results.md: what was seen, what went wrong, what was left out."""


def _cell(value, form="{}"):
    return "-" if value is None else form.format(value)


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _percent(value):
    return _cell(value and 100 * value, "{:.1f} %")


def _gigabytes(value):
    return _cell(value and value / 1e9, "{:.2f} GB")


def _name(row):
    parts = ""
    if row["micro_batch"] != row["batch"]:
        parts = f" in parts of {row['micro_batch']}"
    return (f"{row['model']} {row['norm']} {row['dtype']}, "
            f"{row['batch']} x {row['sequence']}{parts}")


def failures_of(results):
    """All that went wrong, a line each; those of PyTorch apart, since they say
    nothing about us."""
    ours, others = [], []
    for row in results["conformance"]:
        if row["error"]:
            ours.append(f"{row['plan']}: {row['error']}")
        for check in row["failed"]:
            value = _cell(check["value"], "{:.3g}")
            ours.append(f"{row['plan']}: {check['what']}: {value}, "
                        f"limit {_cell(check['limit'], '{:.3g}')}")
    if results["sanitizer"] and not results["sanitizer"]["ok"]:
        ours.append(f"compute-sanitizer: {results['sanitizer']['error']}")
    for row in results["speed"] + results["products"]:
        if row["error"]:
            ours.append(f"{row['plan']}: {row['error']}")
    for row in results["torch"]:
        for name, error in row["errors"].items():
            target = ours if name == "lns" else others
            target.append(f"{row['plan']}, {name}: {error}")
    check = results.get("torch_check")
    if check and check["error"]:
        others.append(f"torch_llama.py, loss of a golden model: {check['error']}")
    return ours, others


def _environment(facts):
    rows = [("device", facts["device"])]
    gpu = facts.get("gpu", {})
    rows += [(key.replace("_", " ").replace(".", " "), value)
             for key, value in gpu.items()]
    if facts.get("nvidia_smi_error"):
        rows.append(("nvidia-smi", facts["nvidia_smi_error"]))
    rows += [("lns devices", line)
             for line in facts.get("lns_devices", "").splitlines() if line]
    for title, place in facts.get("libraries", {}).items():
        rows.append((title, place or "not found"))
    peak = facts["peak"]
    if peak:
        rows.append(("peak, dense bf16", f"{_cell(peak['tflops'])} TFLOP/s, "
                     f"{_cell(peak['gbps'])} GB/s ({peak['source']})"))
    else:
        rows.append(("peak", "unknown device; give --peak and --bandwidth"))
    rows += [(key, facts[key]) for key in ("processor", "cpus", "system", "lns",
                                           "torch") if facts.get(key)]
    return _table(["", ""], rows)


def _conformance(rows):
    return _table(
        ["plan", "checks", "failed", "farthest gradient", "nearest to a limit",
         ""],
        [(row["plan"], row["checks"], len(row["failed"]),
          _cell(row.get("worst_gradient"), "{:.1e}"),
          _percent(row.get("closest")),
          "ok" if row["ok"] else "FAILED") for row in rows])


def _speed(rows):
    return _table(
        ["model", "step, ms", "tokens/s", "MFU", "products alone, ms",
         "session memory", "first start, s", "later start, s", "kernels",
         "ways taken"],
        [(_name(row), _cell(row.get("step_ms"), "{:.2f}"),
          _cell(row.get("tokens_per_s"), "{:,.0f}"), _percent(row.get("mfu")),
          _cell(row.get("floor_ms"), "{:.2f}"),
          _gigabytes((row.get("memory") or {}).get("total")),
          _cell(row.get("cold_start_s"), "{:.2f}"),
          _cell(row.get("warm_start_s"), "{:.2f}"), *_session(row))
         for row in rows])


def _session(row):
    """How many kernels there are; what the tuner took of which alternatives."""
    session = row.get("session") or {}
    kernels = session.get("kernels")
    chosen = (session.get("alternatives") or {}).get("chosen") or {}
    return (_cell(kernels and sum(kernels.values())),
            ", ".join(f"{name} {count}" for name, count in chosen.items()) or "-")


def _torch(rows):
    lines = []
    for row in rows:
        for name, facts in row["contenders"].items():
            memory = (facts.get("memory") or {}).get("total")
            turns = "in turns" if name in row["together"] else "alone"
            parts = facts.get("micro_batch")
            lines.append((
                _name(row), name if name == "lns" else f"PyTorch {name}",
                _cell(facts.get("step_ms"), "{:.2f}"),
                _cell(facts.get("tokens_per_s"), "{:,.0f}"),
                _percent(facts.get("mfu")), _gigabytes(memory),
                _cell(facts.get("lns_speedup"), "{:.3f}"),
                turns + (f", parts of {parts}"
                         if parts and parts != row["batch"] else "")))
    return _table(["model", "", "step, ms", "tokens/s", "MFU", "memory",
                   "lns is faster by", ""], lines)


def _total(ops):
    """(commands, ms, ms of the limits that there are)."""
    limits = [op["limit_ms"] for op in ops if op["limit_ms"] is not None]
    return (sum(op["commands"] for op in ops), sum(op["ms"] for op in ops),
            sum(limits) if limits else None)


def _ops(row, count=25):
    def line(name, group, commands, ms, limit, bound):
        share = limit and ms and limit / ms
        return (name, group, commands, f"{ms:.3f}", _cell(limit, "{:.3f}"),
                _cell(bound), _percent(share))

    ops = row["ops"]
    lines = [line(f"`{op['name']}`", op["group"], op["commands"], op["ms"],
                  op["limit_ms"], op["bound"]) for op in ops[:count]]
    if ops[count:]:
        rest = ops[count:]
        lines.append(line(f"{len(rest)} more", "", *_total(rest), ""))
    lines.append(line("all, one by one", "", *_total(ops), ""))
    return _table(["op", "kind", "times", "ms", "limit, ms", "of", "reached"],
                  lines)


def _products(rows):
    return _table(
        ["model", "products", "step, ms", "tokens/s", "MFU"],
        [(_name(row), row["products"], _cell(row.get("step_ms"), "{:.2f}"),
          _cell(row.get("tokens_per_s"), "{:,.0f}"), _percent(row.get("mfu")))
         for row in rows])


def write_markdown(results):
    facts = results["environment"]
    title = facts.get("gpu", {}).get("name") or facts["device"]
    parts = [f"# lnsc on {title}: {results['verdict']}\n"]
    if results["rehearsal"]:
        parts.append(f"**{results['rehearsal']}: no number below is a "
                     "measurement of a GPU.**\n")
    parts.append(_environment(facts))
    parts.append("## Conformance\n")
    parts.append(_conformance(results["conformance"])
                 if results["conformance"] else "Nothing was compared.\n")
    sanitizer = results["sanitizer"]
    parts.append("compute-sanitizer: " + (
        "not run.\n" if not sanitizer or not
        (sanitizer["tools"] or sanitizer["error"]) else
        f"{', '.join(sanitizer['tools'])} on {sanitizer['plan']}: "
        f"{'ok' if sanitizer['ok'] else 'FAILED'}.\n"))
    check = results.get("torch_check")
    if check and not check["error"]:
        parts.append(f"torch_llama.py, loss of {check['model']}: "
                     f"{check['loss']:.6f}, expected {check['expected']:.6f}.\n")
    sections = [("Speed", "speed", _speed), ("Beside PyTorch", "torch", _torch),
                ("Matrix products", "products", _products)]
    for head, key, table in sections:
        if results[key]:
            parts += [f"## {head}\n", table(results[key])]
    for row in results["speed"]:
        if row.get("ops") and row.get("profiled"):
            parts += [f"## Where the time goes: {_name(row)}\n", _ops(row)]
    ours, others = failures_of(results)
    for head, lines in (("Failures", ours), ("Failures of PyTorch", others)):
        if lines:
            parts += [f"## {head}\n",
                      "\n".join(f"- {line}" for line in lines) + "\n"]
    if results["dropped"]:
        parts += ["## Left out\n", "\n".join(
            f"- {drop['part']}: {drop['why']}" for drop in results["dropped"])
            + "\n"]
    parts.append(f"{results['seconds']:.0f} s in all.\n")
    return "\n".join(parts)
