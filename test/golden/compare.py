#!/usr/bin/env python3
"""Compares gradients that `lns grads` wrote with a golden file.

  compare.py OURS.safetensors EXPECTED.safetensors [--tol 1e-4] [--loss X]
  compare.py --self-check

EXPECTED holds `loss`, `logits` and `grad.NAME` for every parameter NAME. OURS
holds gradients under the plain names (Hugging Face's) and, if it likes, `loss`
and `logits`; `--require` names those of the two that must be there. The
measure is ||ours - expected|| / ||expected|| over a whole tensor, so a small
tensor counts as much as a large one. Fails (exit code 1) on a tensor that is
missing, unknown, misshapen, not finite or too far off; exit code 2 means a
file could not be read. Plain Python 3, no packages: it runs where the tests
run.
"""

import argparse
import array
import json
import math
import os
import struct
import sys
import tempfile

TYPES = {"F32": ("f", 4), "F64": ("d", 8)}
VALUES = ("loss", "logits")


class BadFile(Exception):
    pass


def read_safetensors(path):
    """Returns {name: (shape, array)}; raises BadFile."""
    try:
        with open(path, "rb") as f:
            data = f.read()
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}") from None
    if len(data) < 8:
        raise BadFile(f"{path}: {len(data)} bytes, no safetensors header")
    size = struct.unpack("<Q", data[:8])[0]
    if size > len(data) - 8:
        raise BadFile(f"{path}: header of {size} bytes in a file of "
                      f"{len(data)}")
    try:
        header = json.loads(data[8 : 8 + size])
    except ValueError as error:
        raise BadFile(f"{path}: header is not JSON: {error}") from None
    body, tensors = data[8 + size :], {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        try:
            kind, shape = entry["dtype"], entry["shape"]
            first, last = entry["data_offsets"]
        except (KeyError, TypeError, ValueError):
            raise BadFile(f"{path}: {name}: malformed entry") from None
        if kind not in TYPES:
            raise BadFile(f"{path}: {name}: type {kind}, expected F32 or F64")
        code, width = TYPES[kind]
        if not 0 <= first <= last <= len(body):
            raise BadFile(f"{path}: {name}: bytes [{first}, {last}) of a body "
                          f"of {len(body)}")
        if last - first != math.prod(shape) * width:
            raise BadFile(f"{path}: {name}: {last - first} bytes for shape "
                          f"{shape}")
        values = array.array(code, body[first:last])
        if sys.byteorder == "big":
            values.byteswap()
        tensors[name] = (list(shape), values)
    return tensors


def distance(ours, expected):
    """||a - b|| / ||b||; NaN or infinity anywhere gives NaN. Where the
    expected tensor is zero, ||a|| itself."""
    if not all(map(math.isfinite, ours)) or \
            not all(map(math.isfinite, expected)):
        return math.nan
    off = math.sqrt(math.fsum((a - b) ** 2 for a, b in zip(ours, expected)))
    size = math.sqrt(math.fsum(b * b for b in expected))
    return off / size if size else off


def judge(ours, expected, tol):
    """(verdict, distance or None) for two (shape, values) pairs."""
    if ours is None:
        return "missing", None
    if expected is None:
        return "unknown", None
    # A loss may be a scalar or [1], logits [B, T, V] or [B * T, V]: their
    # values are compared, see `compare`. Gradients match dimension by
    # dimension.
    if ours[0] != expected[0]:
        return f"shape {ours[0]}, expected {expected[0]}", None
    far = distance(ours[1], expected[1])
    # Written so that NaN fails.
    return ("ok" if far <= tol else "FAR" if far == far else "not finite"), far


def compare(ours, expected, tol, require=(), out=sys.stdout):
    """Prints a table; returns the number of tensors that fail."""
    wanted = {}
    for name, pair in expected.items():
        if name.startswith("grad."):
            wanted[name[len("grad."):]] = pair
        elif name in VALUES and (name in ours or name in require):
            wanted[name] = pair
    rows = []
    for name in sorted(wanted.keys() | ours.keys()):
        a, b = ours.get(name), wanted.get(name)
        if name in VALUES and a and b and len(a[1]) == len(b[1]):
            a = (b[0], a[1])
        rows.append((name, *judge(a, b, tol)))
    if not rows:
        rows.append(("(nothing to compare)", "missing", None))
    width = max(len(name) for name, _, _ in rows)
    for name, verdict, far in rows:
        shown = "        -" if far is None else f"{far:9.2e}"
        print(f"{name:{width}}  {shown}  {verdict}", file=out)
    failed = sum(verdict != "ok" for _, verdict, _ in rows)
    print(f"{len(rows) - failed} of {len(rows)} tensors within {tol:g}",
          file=out)
    return failed


def write_safetensors(path, tensors):
    header, body = {}, b""
    for name, (shape, values) in tensors.items():
        blob = array.array("f", values).tobytes()
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(body), len(body) + len(blob)]}
        body += blob
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)


def self_check():
    """Proves that each kind of difference is caught, through real files."""
    base = {"w": ([2, 3], [1.0, -2.0, 3.0, 0.5, 0.25, 4.0]),
            "gain": ([2], [1e-3, 2e-3]), "loss": ([1], [4.5])}
    golden = {"grad.w": base["w"], "grad.gain": base["gain"],
              "loss": base["loss"], "logits": ([1, 1, 2], [0.5, -0.5])}

    def changed(name, shape=None, values=None):
        old = base[name]
        return {**base, name: (shape or old[0], values or old[1])}

    def without(name):
        return {k: v for k, v in base.items() if k != name}

    off = list(base["w"][1])
    tests = [
        ("the same", base, 0),
        ("within the tolerance", changed("gain", None, [1.00001e-3, 2e-3]), 0),
        ("a loss that is a scalar", changed("loss", [], None), 0),
        ("no loss, not required", without("loss"), 0),
        ("one value off by 2e-3", changed("w", None, [1.01] + off[1:]), 1),
        ("a small tensor off", changed("gain", None, [1.001e-3, 2e-3]), 1),
        ("sign", changed("w", None, [-v for v in off]), 1),
        ("zeros", changed("w", None, [0.0] * 6), 1),
        ("NaN", changed("w", None, [math.nan] + off[1:]), 1),
        ("infinity", changed("w", None, [math.inf] + off[1:]), 1),
        ("loss off", changed("loss", None, [4.501]), 1),
        ("loss of NaN", changed("loss", None, [math.nan]), 1),
        ("transposed shape", changed("w", [3, 2], None), 1),
        ("missing gradient", without("gain"), 1),
        ("unknown gradient", {**base, "v": ([1], [0.0])}, 1),
        ("logits off", {**base, "logits": ([1, 2], [0.5, -0.6])}, 1),
        ("logits too long", {**base, "logits": ([3], [0.5, -0.5, 0.0])}, 1),
        ("empty", {}, 2),
    ]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as null:
        ours, expected = (os.path.join(folder, n) for n in ("a", "b"))
        write_safetensors(expected, golden)
        for label, tensors, count in tests:
            write_safetensors(ours, tensors)
            got = compare(read_safetensors(ours), read_safetensors(expected),
                          1e-4, out=null)
            if got != count:
                print(f"self-check: {label}: {got} failed, expected {count}")
                wrong += 1
        write_safetensors(ours, without("loss"))
        if compare(read_safetensors(ours), read_safetensors(expected), 1e-4,
                   ("loss",), out=null) != 1:
            print("self-check: a required loss was not missed")
            wrong += 1
        with open(expected, "rb") as f:
            whole = f.read()
        for label, data in (("cut body", whole[:-1]), ("cut head", whole[:20]),
                            ("no head", b""), ("no JSON", b"\1" + b"\0" * 9)):
            with open(ours, "wb") as f:
                f.write(data)
            try:
                read_safetensors(ours)
            except BadFile:
                continue
            print(f"self-check: {label}: read without an error")
            wrong += 1
    print(f"self-check: {len(tests) + 5 - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("ours", nargs="?")
    parser.add_argument("expected", nargs="?")
    parser.add_argument("--tol", type=float, default=1e-4)
    parser.add_argument("--loss", type=float,
                        help="our loss, where it is not in the file")
    parser.add_argument("--require", action="append", default=[],
                        choices=VALUES, help="must be in the file")
    parser.add_argument("--plain", action="store_true",
                        help="EXPECTED has plain names too: another of our own")
    parser.add_argument("--loss-tol", type=float,
                        help="a tolerance of its own for the loss")
    parser.add_argument("--self-check", action="store_true")
    args = parser.parse_args()
    if args.self_check:
        return self_check()
    if not args.ours or not args.expected:
        parser.error("two files are needed")
    if not 0 <= args.tol < 1:
        parser.error(f"--tol {args.tol}: expected a number in [0, 1)")
    try:
        ours = read_safetensors(args.ours)
        expected = read_safetensors(args.expected)
    except BadFile as error:
        print(f"compare.py: {error}", file=sys.stderr)
        return 2
    if args.plain:
        expected = {name if name in VALUES else f"grad.{name}": pair
                    for name, pair in expected.items()}
    if not any(name.startswith("grad.") for name in expected):
        print(f"compare.py: {args.expected}: no tensor named grad.*, not a "
              "golden file", file=sys.stderr)
        return 2
    if args.loss is not None:
        ours["loss"] = ([1], array.array("d", [args.loss]))
    failed = 0
    if args.loss_tol is not None:
        if "loss" not in ours or "loss" not in expected:
            print("compare.py: --loss-tol needs a loss in both files",
                  file=sys.stderr)
            return 2
        verdict, far = judge((expected["loss"][0], ours["loss"][1]),
                             expected["loss"], args.loss_tol)
        failed += verdict != "ok"
        print(f"loss within {args.loss_tol:g}: {verdict}, {far}")
    failed += compare(ours, expected, args.tol, args.require)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
