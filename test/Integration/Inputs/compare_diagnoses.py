"""compare_diagnoses.py A.json B.json TOLERANCE: numbers of two results of `lns diagnose`,
each within the tolerance of the other, of a loss or of their own size.
"""

import json
import sys


def compare(path, a, b):
    if type(a) is not type(b) and not (isinstance(a, (int, float)) and isinstance(b, (int, float))):
        sys.exit(f"{path}: {a} and {b}")
    if isinstance(a, dict):
        for key in a:
            compare(f"{path}/{key}", a[key], b[key])
    elif isinstance(a, list):
        if len(a) != len(b):
            sys.exit(f"{path}: {len(a)} and {len(b)} numbers")
        for i, pair in enumerate(zip(a, b)):
            compare(f"{path}/{i}", *pair)
    elif isinstance(a, (int, float)) and abs(a - b) > tolerance * max(1, abs(a)):
        sys.exit(f"{path}: {a} and {b}")


with open(sys.argv[1]) as first, open(sys.argv[2]) as second:
    results = json.load(first), json.load(second)
tolerance = float(sys.argv[3])
for key in results[0]:
    if key not in ("name", "model", "run"):
        compare(key, results[0][key], results[1][key])
print("alike")
