#!/usr/bin/env bash
# From nothing to a small transformer that has read Jane Austen and the King
# James Bible: set-up, build, compile, data, training, a sample of its text.
#
# The last line is `val_bpb=X`, bits per byte on held-out text. Everything that
# is made lies in demo/. A second run goes on from the last checkpoint; delete
# demo/run to start again.
# DEMO_STEPS  training steps, default 500
# LNS_BUILD_DIR and LNS_JOBS: as in scripts/build.sh
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(realpath -m "${LNS_BUILD_DIR:-$root/build}")
export LNS_BUILD_DIR=$build
steps=${DEMO_STEPS:-500}
demo=$root/demo
plan=$demo/demo.plan

say() { printf '\n== %s\n' "$*"; }

say "set-up and build"
"$root/scripts/build.sh" lnsc lns

mkdir -p "$demo"
say "compile examples/demo.mlir to a plan"
"$build/bin/lnsc" "$root/examples/demo.mlir" -o "$plan" \
  --batch=16 --seq=256 --target=cpu

say "text to tokens"
"$build/bin/lns" data prepare --set classic -o "$demo/data"

say "train for $steps steps"
"$build/bin/lns" train "$plan" --data "$demo/data" --out "$demo/run" \
  --steps "$steps" --lr 3e-3 --warmup 40 --schedule cosine --clip 1.0 \
  --weight-decay 0.1 --seed 1 --eval-every 100 --sample-every 250 \
  --save-every 250 --resume auto

say "what it writes"
"$build/bin/lns" sample "$plan" --checkpoint "$demo/run" \
  --prompt "It is a truth universally acknowledged, " --seed 1

say "held-out text"
bpb=$("$build/bin/lns" eval "$plan" --checkpoint "$demo/run" \
  --data "$demo/data" --json |
  python3 -c 'import json, sys; print("%.4f" % json.load(sys.stdin)["val_bpb"])')
echo "loss curve: $demo/run/loss.svg"
echo "val_bpb=$bpb"
