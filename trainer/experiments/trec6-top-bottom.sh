#!/usr/bin/env bash
# The README's table: lower against upper half of the encoder, both protocols, seeds 0 to 2, on TREC-6.
#   trec6-top-bottom.sh BERT_HEAL DATASET OUT MODEL…
# Runs that are finished in OUT are not computed again; `bert-heal report OUT` makes the table.
set -euo pipefail
program=$(realpath "$1") dataset=$(realpath "$2") out=$3
shift 3
models=()
for model in "$@"; do models+=("$(realpath "$model")"); done
mkdir -p "$out"
cd "$out"
for model in "${models[@]}"; do
  for seed in 0 1 2; do
    for protocol in finetuned pretrained; do
      for place in bottom top; do
        "$program" run --model "$model" --dataset "$dataset" --epochs 3 --batch-size 32 --learning-rate 5e-5 \
          --seed "$seed" --corrupt "kaiming@$place:0.5" --protocol "$protocol"
      done
    done
  done
done
