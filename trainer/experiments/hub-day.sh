#!/usr/bin/env bash
# A day with the hub: BERT-Base and SST-2 from their names to a healed model that transformers opens. Prints a line for each
# step, passed or FAILED or skipped, and exits with 1 if one failed.
#   hub-day.sh BERT_HEAL OUT [--rows N] [--device auto|cpu|cuda] [--epochs E] [--accuracy LOW HIGH] [--python PYTHON]
#              [--model bert-base] [--dataset sst2] [--max-length 128]
# With all 67,349 rows of SST-2 and 3 epochs the healthy accuracy must lie in 91.5 to 94 %: the model's own card and
# google-research/bert say 92.7 %, and over 872 rows an accuracy is known to 1.7 points. With fewer rows (--rows, default
# 2000) it must lie in 80 to 94 %. --accuracy sets another range, as for a rehearsal with random weights on another server
# (HF_ENDPOINT). PYTHON has torch and transformers; without them that step is skipped. What was finished in OUT is not
# computed again.
# Time, estimated and not measured: 2,000 rows take about 20 minutes on two CPU cores, all rows a quarter of an hour on a GPU.
set -uo pipefail
usage() { sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2; }
[[ $# -ge 2 && $1 != -* ]] || usage
program=$(realpath "$1") out=$2
shift 2
rows=2000 device=auto epochs=3 python=python3 model=bert-base dataset=sst2 length=128 low="" high=""
while [[ $# -gt 0 ]]; do
  case $1 in
    --rows) rows=$2; shift 2 ;;
    --device) device=$2; shift 2 ;;
    --epochs) epochs=$2; shift 2 ;;
    --accuracy) low=$2 high=$3; shift 3 ;;
    --python) python=$2; shift 2 ;;
    --model) model=$2; shift 2 ;;
    --dataset) dataset=$2; shift 2 ;;
    --max-length) length=$2; shift 2 ;;
    *) usage ;;
  esac
done
here=$(dirname "$(realpath "$0")")
mkdir -p "$out"
out=$(realpath "$out")
failed=0

# step NAME COMMAND…: its output goes to a log; the last line of it explains a failure.
step() {
  local name=$1 log started=$SECONDS
  log=$out/$(tr -c 'a-z0-9\n' - <<< "$name").log
  shift
  if "$@" > "$log" 2>&1; then
    printf 'passed   %s (%d s)\n' "$name" $((SECONDS - started))
  else
    printf 'FAILED   %s (%d s): %s\n' "$name" $((SECONDS - started)) "$(tail -n 1 "$log")"
    failed=1
    return 1
  fi
}

field() { "$python" -c 'import json, sys; v = json.load(open(sys.argv[1]))
for key in sys.argv[2].split("."): v = v[key]
print(v)' "$1" "$2"; }

# between VALUE LOW HIGH, in per cent
between() { "$python" -c 'import sys; v, low, high = map(float, sys.argv[1:]); print(f"{100 * v:.1f} %"); sys.exit(not low <= 100 * v <= high)' "$@"; }

if [[ -z $low ]]; then
  if [[ $rows -ge 67349 ]]; then low=91.5 high=94; else low=80 high=94; fi
fi
limits=()
[[ $rows -ge 67349 ]] || limits=(--train-limit "$rows")
run=$out/run

step "fetch $model" "$program" fetch "$model"
step "fetch $dataset" "$program" fetch "$dataset"
step "fetch again without the network" "$program" --offline fetch "$model" "$dataset"
if step "fine-tune, corrupt and heal" "$program" run --model "$model" --dataset "$dataset" "${limits[@]}" --epochs "$epochs" \
  --learning-rate 3e-5 --max-length "$length" --device "$device" --corrupt kaiming@bottom:0.5 --protocol pretrained --seed 1 \
  --out "$run"; then
  healthy=$(field "$run/run.json" healthy.accuracy)
  step "the healthy accuracy lies in $low to $high %" between "$healthy" "$low" "$high"
  printf '         healthy %.4f, corrupted %.4f, healed %.4f on %s rows of %s\n' "$healthy" \
    "$(field "$run/run.json" corrupted.accuracy)" "$(field "$run/run.json" healed.accuracy)" \
    "$(field "$run/run.json" healthy.n)" "$(field "$run/run.json" spec.report_split)"
  rm -rf "$out/healed"
  step "export the healed model for the hub" "$program" export --for hub --model "$run" --which healed --out "$out/healed"
  if "$python" -c 'import torch, transformers' 2> /dev/null; then
    printf 'a moving and funny film\nneither funny nor moving\nI have seen worse\n' > "$out/texts.txt"
    predict() { "$program" predict --model "$out/healed" --input "$out/texts.txt" --max-length "$length" --json > "$out/ours.json"; }
    step "predict with the healed model" predict
    step "transformers opens it without a remark, with the same logits" "$python" \
      "$here/../../tests/scripts/compare_logits.py" "$out/healed" "$out/texts.txt" "$out/ours.json" --max-length "$length"
  else
    printf 'skipped  transformers opens it: %s has no torch and transformers (--python)\n' "$python"
  fi
  step "report" "$program" report "$run"
  printf '         %s\n' "$run/report/index.html"
fi
exit "$failed"
