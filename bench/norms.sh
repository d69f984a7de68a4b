#!/usr/bin/env bash
# What norms cost a training step: one model with LayerNorm Scaling, with plain
# Pre-LN, with its norms deleted, and with norm elimination switched off, in f32
# and bf16, interleaved. Prints a table of medians and of ratios to the model
# without norms of the same type (median of the ratios within a round).
#
#   bench/norms.sh [--batch N] [--seq N] [--rounds N] [--steps N] [--dtypes LIST]
#
# BUILD names the build folder (default: build). Wants an idle machine.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${BUILD:-$root/build}/bin
model=$root/examples/llama-130m-lns.mlir
batch=4 seq=256 rounds=5 steps=3 dtypes=f32,bf16
while [[ $# -gt 0 ]]; do
  case $1 in
  --batch) batch=$2 ;;
  --seq) seq=$2 ;;
  --rounds) rounds=$2 ;;
  --steps) steps=$2 ;;
  --dtypes) dtypes=$2 ;;
  *)
    echo "norms.sh: error: unknown option '$1'; see the file's head" >&2
    exit 1
    ;;
  esac
  shift 2
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$model" "$work/lns.mlir"
cp "$model" "$work/off.mlir"
sed 's/ depth_scale(inv_sqrt_depth)//' "$model" >"$work/pre.mlir"
# Every norm and its gain go; who read the norm reads its input.
sed -E -e '/= lns\.norm /d' -e '/ gain init\(ones\) /d' \
  -e 's/lns\.linear %n1,/lns.linear %h,/; s/lns\.linear %n2,/lns.linear %h1,/; s/lns\.linear %n,/lns.linear %x,/' \
  "$model" >"$work/none.mlir"
if grep -q 'lns.norm' "$work/none.mlir" || grep -q '!gain' <(grep -v '^!' "$work/none.mlir"); then
  echo "norms.sh: error: $model has norms that this script does not find" >&2
  exit 1
fi

names=()
for dtype in ${dtypes//,/ }; do
  for scheme in lns pre none off; do
    options=()
    [[ $scheme == off ]] && options=(--disable-norm-elimination)
    "$bin/lnsc" "$work/$scheme.mlir" --batch="$batch" --seq="$seq" \
      --dtype="$dtype" --cpu=native "${options[@]}" -o "$work/$dtype-$scheme.plan" >&2
    names+=("$dtype-$scheme")
  done
done
for ((round = 0; round < rounds; ++round)); do
  # Every other round backwards: what drifts, drifts for all.
  order=("${names[@]}")
  ((round % 2)) && mapfile -t order < <(printf '%s\n' "${names[@]}" | tac)
  for name in "${order[@]}"; do
    "$bin/lns" bench "$work/$name.plan" --steps "$steps" --json \
      >"$work/$name.$round.json"
  done
done
python3 - "$work" "$rounds" "${names[@]}" <<'PYTHON'
import json
import statistics
import sys

work, rounds, names = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
ms = {
    name: [json.load(open(f"{work}/{name}.{r}.json"))["step_ms"] for r in range(rounds)]
    for name in names
}
titles = {
    "lns": "LNS",
    "pre": "Pre-LN",
    "none": "norms deleted",
    "off": "LNS, elimination off",
}
print("| type | model | step, ms | to norms deleted |")
print("|---|---|---|---|")
for name in names:
    dtype, scheme = name.split("-")
    floor = ms[f"{dtype}-none"]
    ratio = statistics.median(a / b for a, b in zip(ms[name], floor))
    step = statistics.median(ms[name])
    print(f"| {dtype} | {titles[scheme]} | {step:.0f} | {ratio:.3f} |")
PYTHON
