"""Prints how many bytes of every function's arena there are for each byte that
is alive at its busiest moment. A plan has one arena, as large as its largest
function needs; fails when a function needs more than 1.05 of what is alive at
the busiest moment of all."""

import os
import re
import sys

FUNCTION = re.compile(
    r"func\.func @(\w+)\(.*lns\.arena_bytes = (\d+).*lns\.live_bytes = (\d+)"
)

wasteful = False
for path in sys.argv[1:]:
    functions = [m for m in map(FUNCTION.search, open(path)) if m]
    if not functions:
        sys.exit(f"{path}: no function with a planned arena")
    busiest = max(int(match[3]) for match in functions)
    for match in functions:
        name, arena, live = match[1], int(match[2]), int(match[3])
        ratio = arena / live
        fits = arena <= 1.05 * busiest
        verdict = "" if fits else ", more than 1.05"
        wasteful |= not fits
        print(f"{os.path.basename(path)} {name}: {arena} / {live} = {ratio:.4f}{verdict}")
sys.exit(wasteful)
