#!/usr/bin/env bash
# Accuracy against the share of destroyed layers, from the bottom and from the top: MiniLM-L3 on TREC-6, protocol finetuned,
# seeds 0 to 5, one to three of its three layers. The page's charts of evidence show these runs.
#   trec6-levels.sh BERT_HEAL DATASET OUT MODEL
# Runs that are finished in OUT are not computed again; OUT/runs/results.jsonl has one line for each.
set -euo pipefail
program=$(realpath "$1") dataset=$(realpath "$2") out=$3 model=$(realpath "$4")
mkdir -p "$out"
cd "$out"
for seed in 0 1 2 3 4 5; do
  for level in 0.33 0.67 1; do
    for place in bottom top; do
      "$program" run --model "$model" --dataset "$dataset" --epochs 3 --batch-size 32 --learning-rate 5e-5 \
        --seed "$seed" --corrupt "kaiming@$place:$level" --protocol finetuned
    done
  done
done
