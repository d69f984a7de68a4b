"""variance_ratio.py PRE.json LNS.json: V_L / V_1 of two results of `lns diagnose`."""

import json
import sys


def ratio(path):
    with open(path) as file:
        v = json.load(file)["variance"]["stream"]
    return v[-1] / v[1]


pre, lns = map(ratio, sys.argv[1:])
print(f"V_L / V_1: {pre:.3g} and {lns:.3g}")
if pre > 3 * lns:
    print("the ratio of Pre-LN is more than 3 times that of LNS")
