#!/usr/bin/env bash
# The curse of depth on a small scale: one narrow, deep model of bytes in several
# norm schemes, trained on the same data in the same order, fine-tuned on made
# questions, evaluated, and looked into block by block. README.md says what it can
# show.
#
#   examples/curse-of-depth/run.sh FOLDER [--short] [--NAME VALUE]... [SCHEME...]
#
# needs lnsc and lns in PATH (or LNS_BIN) and Python 3. SCHEME is a value of
# `lnsc --norm`; without any: pre lns sandwich scaled-init deepnorm mix. What is
# done is not done again: the same command goes on, also with more seeds or
# schemes. FOLDER gets summary.md, summary.json and depth.html.
#
# --short    one seed, one learning rate, 48 blocks, no fine-tuning: shows what
#            depth does to the stream's variance, and fails if it does not
#
# --stage    of train tune eval diagnose report, and lr, which is in none of the
#            others: a sweep of --rates with the first seed and decay
# --seeds    "1 2 3"; they fix initial numbers and the order of data
# --decays   weight decays, "0 0.1"
# --lr       peak learning rates: one for all schemes, or "pre=3e-3 lns=1e-2 .."
#            over those of the table below
# --rates    of the stage lr, "1e-3 3e-3 1e-2 3e-2"
# --model    a config.json, or one of those here: 24x64, 24x96, 48x64
# --embedding  standard deviation that the embedding starts at, 0.02
# --steps --batch --seq --warmup  of training
# --data     folder of byte shards (lns data prepare)
# --text     a text file, in place of the set `classic`
# --heldout  share of the text that is held out
# --questions --letters  to learn from, and the length of their words, "3-3"
# --tunesteps --tunelr   of fine-tuning; its peak is that share of the scheme's
# --rows --measures      of lns diagnose
# --device   cpu, or cuda, cuda:N
# --dtype    f32 or bf16
# --threads  0: all that there are
#
# It ends with 75 when it was interrupted and has saved: the same command goes on.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
PATH=${LNS_BIN:+$LNS_BIN:}$PATH
source "$root/bench/scheme_options.sh"
source "$here/model.sh"

fail() {
  echo "run.sh: error: $*" >&2
  exit 1
}
say() { printf '%s  %s\n' "$(date +%T)" "$*"; }

[[ $# -gt 0 && $1 != -* ]] || fail "no FOLDER; write run.sh FOLDER [--short]" \
  "[--NAME VALUE]... [SCHEME...]"
out=$1
shift

stage="train tune eval diagnose report" seeds="1 2 3" decays="0 0.1" lr=
rates="1e-3 3e-3 1e-2 3e-2"
model=24x64 embedding=0.02 steps=700 batch=8 seq=128 warmup=10%
data= text= heldout=0.01
questions=4000 letters=3-3 tunesteps=300 tunelr=0.3
rows=16 measures=default,lens device=cpu dtype=f32 threads=0

short=no arguments=()
for argument in "$@"; do
  if [[ $argument == --short ]]; then
    short=yes
  else
    arguments+=("$argument")
  fi
done
if [[ $short == yes ]]; then
  # Variances are compared at one learning rate; losses are not compared at all.
  stage="train diagnose report" seeds=1 decays=0 lr=3e-3
  model=48x64 batch=4 steps=500 \
    measures=variance,contribution,angular,gradients
fi
take_scheme_options run.sh stage seeds decays lr rates model embedding steps \
  batch seq warmup data text heldout questions letters tunesteps tunelr rows \
  measures device dtype threads -- ${arguments[@]+"${arguments[@]}"}
[[ ${#schemes[@]} -gt 0 ]] ||
  schemes=(pre lns sandwich scaled-init deepnorm mix)

for name in $stage; do
  [[ " lr train tune eval diagnose report " == *" $name "* ]] ||
    fail "--stage: unknown stage '$name'; there are lr, train, tune, eval," \
      "diagnose and report"
done
for seed in $seeds; do
  [[ $seed =~ ^[0-9]+$ ]] || fail "--seeds: '$seed' is no seed; give whole numbers"
done
for decay in $decays; do
  [[ $decay =~ ^[0-9.]+$ ]] ||
    fail "--decays: '$decay' is no weight decay; give numbers such as 0 and 0.1"
done
for rate in $rates; do
  [[ $rate =~ ^[0-9.]+(e-?[0-9]+)?$ ]] ||
    fail "--rates: '$rate' is no learning rate; give numbers such as 3e-3"
done
[[ -z $data || -z $text ]] ||
  fail "--data and --text both say what to train on; give one of them"
[[ $model == */* || $model == *.json ]] || model=$here/$model.json
[[ -f $model ]] || fail "$model: there is no such config; --model takes a file," \
  "or one of $(cd "$here" && echo [0-9]*.json | sed 's/\.json//g')"
for program in lnsc lns python3; do
  command -v "$program" >/dev/null ||
    fail "$program is not in PATH; build it, and give its folder as LNS_BIN"
done

# Peak learning rates. Those of pre and lns are the better ones of a pilot with 48
# blocks of width 64 and 3 million tokens (pre 1.5e-3, 3e-3, 1e-2; lns 3e-3, 1e-2,
# 2e-2). The others are guesses: no sweep has been made of them. Make one first,
#   run.sh FOLDER --stage lr
# and give what it finds with --lr. A scheme that is not here needs that anyway.
declare -A table=([pre]=3e-3 [lns]=1e-2 [sandwich]=1e-2 [scaled-init]=3e-3
  [deepnorm]=3e-3 [mix]=3e-3)

rate_of() { # SCHEME
  local found=${table[$1]-} given
  for given in $lr; do
    # An option of a scheme may hold an equals sign, too.
    case $given in
    "$1="*) [[ ${given%=*} != "$1" ]] || found=${given##*=} ;;
    *=*) ;;
    *) found=$given ;;
    esac
  done
  [[ -n $found ]] || fail "no learning rate for '$1'; give one with --lr $1=RATE," \
    "after a sweep: --stage lr $1"
  echo "$found"
}

# Whether a stage was asked for.
wants() { [[ " $stage " == *" $1 "* ]]; }

# What was made with other settings is not taken for what was asked for.
claim() { # FILE.settings SETTINGS
  local made
  if [[ -e $1 ]]; then
    made=$(<"$1")
    [[ $made == "$2" ]] || fail "${1%.settings} was made with '$made', but" \
      "'$2' is asked for; give the same options, or another folder"
    return 0
  fi
  mkdir -p "$(dirname "$1")"
  printf '%s\n' "$2" >"$1.part"
  mv "$1.part" "$1"
}

# Runs a command whose output goes to LOG, and is shown when it fails.
logged() { # LOG COMMAND...
  local log=$1 code=0
  shift
  "$@" >>"$log" 2>&1 || code=$?
  [[ $code -eq 0 ]] || stop "$code" "$log"
}
stop() { # CODE LOG
  tail -n 5 "$2" >&2
  if [[ $1 -eq 75 ]]; then
    say "interrupted, and saved; the same command goes on"
  else
    echo "run.sh: error: a command failed with $1; $2 has all that it said" >&2
  fi
  exit "$1"
}

# A result appears when it is whole.
save_json() { # FILE LOG COMMAND...
  local file=$1 log=$2 code=0
  shift 2
  [[ ! -e $file ]] || return 0
  "$@" --json >"$file.part" 2>>"$log" || code=$?
  [[ $code -eq 0 ]] || stop "$code" "$log"
  mv "$file.part" "$file"
}

session=(--threads "$threads" --device "$device")

# Trains to the end, or on from where it was interrupted. To diverge is a result.
train() { # RUN ARGUMENT...
  local run=$1 code=0
  shift
  [[ ! -e $run.done && ! -e $run.diverged ]] || return 0
  say "train $run"
  lns train "$@" --out "$run" --resume auto --eval-every 0 --save-every 0 \
    --log-every 50 "${session[@]}" >>"$run.log" 2>&1 || code=$?
  case $code in
  0) touch "$run.done" ;;
  3)
    tail -n 1 "$run.log" | tee "$run.diverged"
    ;;
  *) stop "$code" "$run.log" ;;
  esac
}

# The pilot's recipe (docs/depth.md): AdamW, clipping, cosine to a tenth.
pretrain() { # RUN SCHEME LR DECAY SEED
  claim "$1.settings" "steps $steps, lr $3, warmup $warmup, decay $4, seed $5"
  train "$1" "$out/plans/$2.plan" --data "$data" --steps "$steps" --lr "$3" \
    --warmup "$warmup" --schedule cosine --final-lr 0.1 --clip 1 \
    --beta1 0.9 --beta2 0.95 --weight-decay "$4" --seed "$5"
}

make_data() {
  if [[ -n $data ]]; then
    claim "$out/data.settings" "folder $data"
    return 0
  fi
  data=$out/data
  claim "$data.settings" "text ${text:-classic}, held out $heldout"
  [[ ! -d $data ]] || return 0
  local source=(--set classic)
  [[ -z $text ]] || source=(--text "$text")
  rm -rf "$data.part"
  logged "$data.log" lns data prepare "${source[@]}" --held-out "$heldout" \
    -o "$data.part"
  mv "$data.part" "$data"
}

make_questions() {
  local to=$out/questions
  claim "$to.settings" "questions $questions, letters $letters"
  [[ ! -d $to ]] || return 0
  rm -rf "$to.part"
  logged "$to.log" python3 "$root/examples/sft/make_questions.py" "$to.part" \
    --rows "$questions" --asked 200 --letters "$letters"
  logged "$to.log" python3 "$here/make_choices.py" "$to.part/asked.jsonl" \
    "$to.part/choices.jsonl"
  logged "$to.log" lns data prepare --jsonl "$to.part/rows.jsonl" \
    --template plain --held-out 0.04 -o "$to.part/data"
  mv "$to.part" "$to"
}

# One plan of a scheme does everything: it takes several documents in a row, for
# questions, and can be looked into. Without documents it computes the same bits
# as a plan that takes none.
make_plan() { # SCHEME
  local to=$out/plans/$1 target=(--target=cpu --cpu=native)
  [[ $device == cpu ]] || target=(--target=cuda)
  claim "$to.settings" "model $(basename "$model" .json) with checksum $(cksum \
    <"$model" | cut -d ' ' -f 1), embedding $embedding, batch $batch, seq $seq,\
 dtype $dtype, ${target[*]}"
  [[ ! -e $to.plan ]] || return 0
  logged "$to.log" write_model "$model" "$1" "$embedding" "$to.mlir"
  logged "$to.log" lnsc "$to.mlir" --batch="$batch" --seq="$seq" \
    --dtype="$dtype" "${target[@]}" --documents --diagnostics -o "$to.plan.part"
  mv "$to.plan.part" "$to.plan"
}

tune() { # FOLDER SCHEME LR SEED
  local peak
  peak=$(awk -v lr="$3" -v share="$tunelr" 'BEGIN { printf "%.4g", lr * share }')
  claim "$1/tune.settings" "steps $tunesteps, lr $peak"
  train "$1/tune" "$out/plans/$2.plan" --data "$out/questions/data" \
    --init-from "$1/train" --steps "$tunesteps" --lr "$peak" --warmup 5% \
    --schedule linear --final-lr 0 --clip 1 --weight-decay 0 --seed "$4"
}

evaluate() { # FOLDER SCHEME
  local plan=$out/plans/$2.plan run
  for run in train tune; do
    [[ -e $1/$run.done ]] || continue
    save_json "$1/$run.held-out.json" "$1/eval.log" lns eval "$plan" \
      --checkpoint "$1/$run" --data "$data" "${session[@]}"
    save_json "$1/$run.choices.json" "$1/eval.log" lns eval "$plan" \
      --checkpoint "$1/$run" --choices "$out/questions/choices.jsonl" \
      "${session[@]}"
  done
}

diagnose() { # FOLDER SCHEME NAME
  claim "$1/diagnosis.settings" "rows $rows, measures $measures"
  [[ ! -e $1/diagnosis.json ]] || return 0
  logged "$1/diagnosis.log" lns diagnose "$out/plans/$2.plan" \
    --checkpoint "$1/train" --data "$data" --rows "$rows" \
    --measure "$measures" --name "$3" -o "$1/diagnosis.json" "${session[@]}"
}

# Every stage of one run, so that there is a report of what is done at any time.
run_setting() { # SCHEME DECAY SEED
  local name=$1-wd$2 folder
  folder=$out/runs/$name/seed-$3
  mkdir -p "$folder"
  if wants train; then
    pretrain "$folder/train" "$1" "$(rate_of "$1")" "$2" "$3"
  fi
  # Of a run that is not there, or has diverged, there is nothing to measure.
  [[ -e $folder/train.done ]] || return 0
  if wants tune; then
    tune "$folder" "$1" "$(rate_of "$1")" "$3"
  fi
  if wants eval; then
    evaluate "$folder" "$1"
  fi
  if wants diagnose; then
    diagnose "$folder" "$1" "$name"
  fi
}

report() {
  local pages=() page require=()
  # Pre-LN is what others are compared with.
  for page in "$out"/runs/pre-wd*/seed-*/diagnosis.json \
    "$out"/runs/*/seed-*/diagnosis.json; do
    if [[ -e $page && " ${pages[*]-} " != *" $page "* ]]; then
      pages+=("$page")
    fi
  done
  [[ ${#pages[@]} -eq 0 ]] ||
    logged "$out/report.log" lns diagnose --report "$out/depth.html" "${pages[@]}"
  [[ $short == no ]] || require=(--variance-factor 3)
  python3 "$here/summary.py" "$out" ${require[@]+"${require[@]}"}
}

mkdir -p "$out"
make_data
if [[ "$stage" != report ]]; then
  for scheme in "${schemes[@]}"; do
    # Here, not in the middle of everything, a rate that is missing is an error.
    if wants train || wants tune; then
      rate_of "$scheme" >/dev/null
    fi
    make_plan "$scheme"
  done
fi
if wants tune || wants eval; then
  make_questions
fi

if wants lr; then
  for scheme in "${schemes[@]}"; do
    for rate in $rates; do
      run=$out/lr/$scheme/$rate
      mkdir -p "$out/lr/$scheme"
      pretrain "$run" "$scheme" "$rate" "${decays%% *}" "${seeds%% *}"
    done
  done
fi
if wants train || wants tune || wants eval || wants diagnose; then
  for seed in $seeds; do
    for decay in $decays; do
      for scheme in "${schemes[@]}"; do
        run_setting "$scheme" "$decay" "$seed"
      done
    done
  done
fi
if wants report || wants lr; then
  report
fi
