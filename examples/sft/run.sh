#!/usr/bin/env bash
# Fine-tuning on questions and answers, from made questions to counted answers:
# a byte model of 0.9M parameters learns to spell words backwards, and is asked
# about words that it has not seen.
#
#   examples/sft/run.sh FOLDER
#
# needs lnsc and lns in PATH (or LNS_BIN) and Python 3.
# SFT_ROWS, SFT_ASKED  questions to learn from and to ask, default 8000 and 200
# SFT_STEPS            default 500
# SFT_LETTERS          length of the words, default 3-6
# SFT_ALPHABET         of their letters, default all 26
# SFT_AT_LEAST         share of right answers without which it fails, default 0.9
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:?usage: run.sh FOLDER}
PATH=${LNS_BIN:+$LNS_BIN:}$PATH

python3 "$here/make_questions.py" "$out" --rows "${SFT_ROWS:-8000}" \
  --asked "${SFT_ASKED:-200}" --letters "${SFT_LETTERS:-3-6}" \
  --alphabet "${SFT_ALPHABET:-abcdefghijklmnopqrstuvwxyz}"

# Two plans of one model: one takes several documents in a row and trains, one
# computes a single row and answers.
lnsc "$here/config.json" --norm=lns --documents --batch=4 --seq=256 \
  -o "$out/train.plan"
lnsc "$here/config.json" --norm=lns --batch=1 --seq=64 -o "$out/ask.plan"

# The loss is on the answers; a share of the rows is held out.
lns data prepare --jsonl "$out/rows.jsonl" --template plain --held-out 0.04 \
  --force -o "$out/data"
lns data info "$out/data"

lns train "$out/train.plan" --data "$out/data" --out "$out/run" \
  --steps "${SFT_STEPS:-500}" --lr 3e-3 --warmup 5% --schedule linear \
  --final-lr 0 --eval-every 100 --eval-batches 0 --log-every 50 --seed 1 \
  --resume auto

python3 "$here/ask.py" "$out/ask.plan" "$out/run" "$out/asked.jsonl" \
  --at-least "${SFT_AT_LEAST:-0.9}"
