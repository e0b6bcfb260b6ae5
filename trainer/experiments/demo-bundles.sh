#!/usr/bin/env bash
# The bundles that the page ships, from nothing to web/assets/bundles.
#   demo-bundles.sh BERT_HEAL TRAIN_TSV MODELS WORK OUT [NAME…]
# TRAIN_TSV holds the 8,530 training rows of Rotten Tomatoes (`bert-heal fetch rotten_tomatoes` says where they are), MODELS
# the folders paraphrase-MiniLM-L3-v2 and all-MiniLM-L6-v2. Runs that are finished in WORK are not computed again; a bundle
# in OUT is replaced. With NAMEs only those are made.
#
# The rows are cut in three by seed 1: 5,000 to fine-tune the healthy model on, 2,500 to heal on (here and in the page),
# 1,000 to judge on. Most of a small BERT is its word embeddings, so they get 4 bits, and the model learns to live with that:
# after a first fine-tuning the embeddings are rounded, and a second one trains everything else on the rounded ones. What is
# rounded already stays as it is when the bundle is made, so only the encoder loses something there.
# The corrupted model is healed as the page heals by default: only what was damaged and the head train.
set -euo pipefail
program=$(realpath "$1") tsv=$(realpath "$2") models=$(realpath "$3") work=$4 out=$5
shift 5
here=$(dirname "$(realpath "$0")")
licence=$here/../../LICENSE-APACHE # that of both models, too
mkdir -p "$work" "$out"
work=$(realpath "$work") out=$(realpath "$out")
python3 "$here/split_rows.py" "$tsv" "$work/rows" rotten_tomatoes negative,positive 1 5000 2500 1000
train=$work/rows/train/rotten_tomatoes heal=$work/rows/heal/rotten_tomatoes

# bundle NAME MODEL TITLE ENCODER_BITS HEALED_BITS FREEZE
bundle() {
  local name=$1 model=$2 title=$3 bits=$4 healed_bits=$5 freeze=$6
  local folder=$work/$name
  local rounded=$folder/rounded start=$folder/start/$name
  local common=(--max-length 64 --seed 1)
  "$program" run --model "$models/$model" --dataset "$train" "${common[@]}" --learning-rate 1e-4 --epochs 3 \
    --out "$folder/first"
  rm -rf "$rounded" "$start" "${out:?}/$name"
  "$program" export --for web --model "$folder/first" --which healthy --dataset "$train" \
    --bits embeddings=4,attention=32,ffn=32,other=32 --out "$rounded"
  "$program" run --model "$rounded" --dataset "$train" "${common[@]}" --learning-rate 5e-5 --epochs 2 \
    --freeze embeddings --out "$folder/second"
  "$program" export --for web --model "$folder/second" --which healthy --dataset "$train" \
    --bits "embeddings=4,$bits" --title "$title" --base-model "sentence-transformers/$model" --licence Apache-2.0 \
    --notice "$licence" --out "$start"
  "$program" run --model "$start" --dataset "$heal" "${common[@]}" --learning-rate 2e-4 --epochs 4 \
    --corrupt kaiming@bottom:0.67 --freeze "$freeze" --out "$folder/healing"
  "$program" export --for web --model "$start" --healed "$folder/healing" --dataset "$heal" \
    --healed-bits "$healed_bits" --sentences "$here/demo-sentences.txt" --index --out "$out/$name"
}

wanted() { [[ $# -eq 1 ]] || [[ " ${*:2} " == *" $1 "* ]]; }
l3=minilm-l3-rotten-tomatoes l6=minilm-l6-rotten-tomatoes
if wanted "$l3" "$@"; then
  bundle "$l3" paraphrase-MiniLM-L3-v2 "MiniLM, 3 layers: film reviews" attention=6,ffn=6,other=6 4 embeddings,top:1L
fi
if wanted "$l6" "$@"; then
  bundle "$l6" all-MiniLM-L6-v2 "MiniLM, 6 layers: film reviews" attention=6,ffn=6,other=6 4 embeddings,top:2L
fi
