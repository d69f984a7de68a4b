#!/usr/bin/env bash
# From nothing to a small transformer that has read Jane Austen and the King
# James Bible: set-up, build, compile, data, training, a sample of its text.
#
# The last line is `val_bpb=X`, bits per byte on held-out text. Everything that
# is made lies in demo/. A second run goes on from the last checkpoint; delete
# demo/run to start again.
# DEMO_STEPS  training steps, default 2200
# LNS_BUILD_DIR and LNS_JOBS: as in scripts/build.sh
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(realpath -m "${LNS_BUILD_DIR:-$root/build}")
export LNS_BUILD_DIR=$build
steps=${DEMO_STEPS:-2200}
demo=$root/demo

say() { printf '\n== %s\n' "$*"; }

say "set-up and build"
"$root/scripts/build.sh" lnsc lns

mkdir -p "$demo"
say "compile examples/demo.mlir to plans: one to train with, one to write with"
"$build/bin/lnsc" "$root/examples/demo.mlir" -o "$demo/demo.plan" \
  --batch=2 --seq=256 --target=cpu
"$build/bin/lnsc" "$root/examples/demo.mlir" -o "$demo/sample.plan" \
  --batch=1 --seq=256 --target=cpu

say "text to tokens"
"$build/bin/lns" data prepare --set classic --force -o "$demo/data"

say "train for $steps steps"
"$build/bin/lns" train "$demo/demo.plan" --data "$demo/data" \
  --out "$demo/run" --steps "$steps" --lr 3e-3 --warmup 5% --schedule linear \
  --final-lr 0 --clip 1.0 --weight-decay 0.1 --seed 1 --eval-every 500 \
  --eval-batches 16 --save-every 1000 --log-every 50 --resume auto |
  tee "$demo/train.log"

say "what it writes"
"$build/bin/lns" sample "$demo/sample.plan" --checkpoint "$demo/run" \
  --prompt "It is a truth universally acknowledged, " --bytes 400 \
  --temperature 0.8 --seed 1

echo
echo "loss curve: $demo/run/loss.svg"
tail -n 1 "$demo/train.log"
