#!/usr/bin/env bash
# What a training step of each norm scheme costs over one of Pre-LN: a few
# schemes at a time in one process with Pre-LN, step by step in turns. Prints a
# table for each group, whose first row is Pre-LN, with ratios to it.
#
#   bench/schemes.sh [--config FILE] [--batch N] [--seq N] [--rounds N]
#                    [--threads N] [--dtype TYPE] [--group N] [SCHEME...]
#
# SCHEME is a value of --norm; without any, all that `lnsc --list-norms` has, and
# a few options. BUILD names the build folder (default: build); lns-bench-steps
# is built there. Wants an idle machine, and memory for N + 1 sessions of a group
# of N: each has 16 bytes a parameter, and the step's values.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${BUILD:-$root/build}
bin=$build/bin
config=$root/examples/configs/llama-130m.json
batch=2 seq=256 rounds=11 threads=0 dtype=f32 group=4
source "$root/bench/scheme_options.sh"
take_scheme_options schemes.sh config batch seq rounds threads dtype group -- "$@"
cmake --build "$build" --target lnsc lns-bench-steps >&2
if [[ ${#schemes[@]} -eq 0 ]]; then
  mapfile -t schemes < <(list_schemes "$bin" | grep -vx pre)
  schemes+=(pre,qk-norm=head pre,qk-norm=full pre,value-residual pre,head-gate
    lns,qk-norm=free,value-residual,head-gate)
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile() {
  "$bin/lnsc" "$config" --norm="$1" --batch="$batch" --seq="$seq" \
    --dtype="$dtype" --cpu=native -o "$work/$1.plan" >&2
}
compile pre
for ((first = 0; first < ${#schemes[@]}; first += group)); do
  plans=("pre=$work/pre.plan")
  for scheme in "${schemes[@]:first:group}"; do
    compile "$scheme"
    # An equals sign would end the name.
    plans+=("${scheme//=/ }=$work/$scheme.plan")
  done
  "$bin/lns-bench-steps" --rounds "$rounds" --threads "$threads" "${plans[@]}"
  for scheme in "${schemes[@]:first:group}"; do
    rm "$work/$scheme.plan"
  done
done
