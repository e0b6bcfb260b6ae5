#!/usr/bin/env bash
# How the cost of a training step grows with sequence length, batch size and threads: tokens a second and peak memory.
#   cost.sh BERT_HEAL MODEL
# Every row fills its sequence, so nothing is padded. One line of JSON a cell goes to stdout, and `cost_table.py` makes
# the table of them.
set -euo pipefail
program=$(realpath "$1") model=$(realpath "$2")
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
# Each row is longer than any length asked for, so it is cut to exactly that length.
text=$(printf 'the film is good and the plot is slow %.0s' {1..70})
{
  printf 'label\ttext\n'
  for row in {1..800}; do printf '%d\t%s\n' $((row % 2)) "$text"; done
} > "$data/train.tsv"
head -9 "$data/train.tsv" > "$data/test.tsv"
printf 'no\nyes\n' > "$data/labels.txt"
for threads in 1 2; do
  for length in 32 64 128 256 512; do
    for batch in 1 4 16 32 64; do
      # At least 3 timed steps, and more of small ones.
      steps=$((3 + 3 + 4096 / (length * batch)))
      steps=$((steps > 33 ? 33 : steps))
      "$program" --threads "$threads" bench train --model "$model" --dataset "$data" --batch-size "$batch" \
        --max-length "$length" --max-steps "$steps" --json 2> /dev/null |
        python3 -c 'import json, sys
bench = json.load(sys.stdin)
threads, length, batch = map(int, sys.argv[1:])
print(json.dumps({"threads": threads, "length": length, "batch": batch,
                  "tokens_per_sec": bench["train"]["tokens_per_sec"], "peak_rss_mib": bench["peak_rss_mib"],
                  "matmul_share": bench["matmul_share"]}))' "$threads" "$length" "$batch"
    done
  done
done
