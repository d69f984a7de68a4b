#!/usr/bin/env bash
# Trains a small model of each norm scheme for some steps on the demo's text, all
# with the same options, data and seed, and prints the training loss of the first
# step and of the last, and the held-out loss, in nats. It shows that a scheme
# trains, not which is best: each wants a learning rate of its own.
#
#   bench/scheme_losses.sh [--config FILE] [--steps N] [--batch N] [--seq N]
#                          [--lr X] [--threads N] [--dtype TYPE] [SCHEME...]
#
# SCHEME is a value of --norm; without any, all that `lnsc --list-norms` has. The
# model is the demo's, 12 blocks of width 128 on bytes. BUILD names the build
# folder (default: build). Fails if a loss does not fall, or is not finite.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${BUILD:-$root/build}/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
config=$work/config.json
cat > "$config" <<'JSON'
{"model_type": "llama", "vocab_size": 256, "hidden_size": 128,
 "intermediate_size": 352, "num_hidden_layers": 12, "num_attention_heads": 4,
 "initializer_range": 0.06, "tie_word_embeddings": false}
JSON
steps=300 batch=4 seq=256 lr=3e-3 threads=0 dtype=f32
source "$root/bench/scheme_options.sh"
take_scheme_options scheme_losses.sh config steps batch seq lr threads dtype -- "$@"
[[ ${#schemes[@]} -gt 0 ]] || mapfile -t schemes < <(list_schemes "$bin")
"$bin/lns" data prepare --set classic -o "$work/data" >&2
status=0
printf '%-24s %8s %8s %8s\n' scheme first last held-out
for scheme in "${schemes[@]}"; do
  "$bin/lnsc" "$config" --norm="$scheme" --batch="$batch" --seq="$seq" \
    --dtype="$dtype" --cpu=native -o "$work/plan" >&2
  "$bin/lns" train "$work/plan" --data "$work/data" --out "$work/run" \
    --steps "$steps" --lr "$lr" --warmup 10% --schedule cosine --clip 1.0 \
    --weight-decay 0.1 --seed 1 --log-every 1 --eval-every 0 --eval-batches 32 \
    --threads "$threads" >&2
  python3 - "$scheme" "$work/run/metrics.jsonl" <<'PYTHON' || status=1
import json, math, sys
rows = [json.loads(line) for line in open(sys.argv[2])]
losses = [row["loss"] for row in rows if "loss" in row]
held_out = [row["val_loss"] for row in rows if "val_loss" in row]
last = sum(losses[-10:]) / len(losses[-10:])  # one step's is noisy
print("%-24s %8.3f %8.3f %8.3f" % (sys.argv[1], losses[0], last, held_out[-1]))
sys.exit(not (math.isfinite(last) and last < losses[0] - 1))
PYTHON
  rm -r "$work/run"
done
exit $status
