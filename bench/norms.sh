#!/usr/bin/env bash
# What norms cost a training step: one model with its norms deleted, with
# LayerNorm Scaling, with plain Pre-LN, and with norm elimination switched off,
# in f32 and bf16, step by step in turns. Prints a table for each type, with
# ratios to the model without norms.
#
#   bench/norms.sh [--batch N] [--seq N] [--rounds N] [--threads N] [--dtypes LIST]
#
# BUILD names the build folder (default: build); lns-bench-steps is built there.
# Wants an idle machine, and memory for four sessions.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${BUILD:-$root/build}
bin=$build/bin
model=$root/examples/llama-130m-lns.mlir
batch=4 seq=256 rounds=15 threads=0 dtypes=f32,bf16
while [[ $# -gt 0 ]]; do
  case $1 in
  --batch) batch=$2 ;;
  --seq) seq=$2 ;;
  --rounds) rounds=$2 ;;
  --threads) threads=$2 ;;
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

cmake --build "$build" --target lnsc lns-bench-steps >&2
declare -A titles=([none]="norms deleted" [lns]="LNS" [pre]="Pre-LN"
  [off]="LNS, elimination off")
for dtype in ${dtypes//,/ }; do
  plans=()
  for scheme in none lns pre off; do
    options=()
    [[ $scheme == off ]] && options=(--disable-norm-elimination)
    "$bin/lnsc" "$work/$scheme.mlir" --batch="$batch" --seq="$seq" \
      --dtype="$dtype" --cpu=native "${options[@]}" -o "$work/$scheme.plan" >&2
    plans+=("${titles[$scheme]}=$work/$scheme.plan")
  done
  echo "$dtype:"
  "$bin/lns-bench-steps" --rounds "$rounds" --threads "$threads" "${plans[@]}"
done
