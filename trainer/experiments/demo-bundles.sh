#!/usr/bin/env bash
# The bundles that the page ships, from nothing to web/assets/bundles.
#   demo-bundles.sh BERT_HEAL TRAIN_TSV MODELS WORK OUT
# TRAIN_TSV holds the 8,530 training rows of Rotten Tomatoes (`bert-heal fetch rotten_tomatoes` says where they are), MODELS
# the folders paraphrase-MiniLM-L3-v2 and all-MiniLM-L6-v2. Runs that are finished in WORK are not computed again; a bundle
# in OUT is replaced.
#
# The rows are cut in three by seed 1: 5,000 to fine-tune the healthy model on, 2,500 to heal on (here and in the page),
# 1,000 to judge on. The corrupted model is healed as the page heals by default: only what was damaged and the head train.
set -euo pipefail
program=$(realpath "$1") tsv=$(realpath "$2") models=$(realpath "$3") work=$4 out=$5
here=$(dirname "$(realpath "$0")")
licence=$here/../../LICENSE-APACHE # that of both models, too
mkdir -p "$work" "$out"
work=$(realpath "$work") out=$(realpath "$out")
python3 "$here/split_rows.py" "$tsv" "$work/rows" rotten_tomatoes negative,positive 1 5000 2500 1000
train=$work/rows/train/rotten_tomatoes heal=$work/rows/heal/rotten_tomatoes

# bundle NAME MODEL TITLE BITS HEALED_BITS FREEZE
bundle() {
  local name=$1 model=$2 title=$3 bits=$4 healed_bits=$5 freeze=$6
  local start=$work/$name/start/$name
  "$program" run --model "$models/$model" --dataset "$train" --max-length 64 --learning-rate 5e-5 --epochs 3 \
    --seed 1 --out "$work/$name/healthy"
  rm -rf "$start" "${out:?}/$name"
  "$program" export --for web --model "$work/$name/healthy" --which healthy --dataset "$train" --bits "$bits" \
    --title "$title" --notice "$licence" --out "$start"
  "$program" run --model "$start" --dataset "$heal" --max-length 64 --learning-rate 2e-4 --epochs 4 \
    --corrupt kaiming@bottom:0.67 --freeze "$freeze" --seed 1 --out "$work/$name/healing"
  "$program" export --for web --model "$start" --healed "$work/$name/healing" --dataset "$heal" \
    --healed-bits "$healed_bits" --sentences "$here/demo-sentences.txt" --index --out "$out/$name"
}

bundle minilm-l3-rotten-tomatoes paraphrase-MiniLM-L3-v2 "MiniLM, 3 layers: film reviews" \
  embeddings=4,attention=6,ffn=5,other=6 4 embeddings,top:1L
bundle minilm-l6-rotten-tomatoes all-MiniLM-L6-v2 "MiniLM, 6 layers: film reviews" \
  embeddings=4,attention=6,ffn=5,other=6 4 embeddings,top:2L
