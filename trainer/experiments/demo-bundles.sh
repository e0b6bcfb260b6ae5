#!/usr/bin/env bash
# The bundles that the page ships, from nothing to web/assets/bundles.
#   demo-bundles.sh BERT_HEAL REVIEWS_TSV QUESTIONS_TSV MODELS WORK OUT [NAME…]
# REVIEWS_TSV holds the 8,530 training rows of Rotten Tomatoes, QUESTIONS_TSV the 5,452 of TREC-6 (`bert-heal fetch
# rotten_tomatoes` and `bert-heal fetch trec6` say where they are), MODELS the folders paraphrase-MiniLM-L3-v2 and
# all-MiniLM-L6-v2. Runs that are finished in WORK are not computed again; a bundle in OUT is replaced. With NAMEs only
# those are made. Copies of these rows differ: 35 lost a control character in some, so that their hashes differ; whoever
# serves the page from another copy has a few rows less.
#
# The rows are cut in three by seed 1: to fine-tune the healthy model on (5,000 reviews, 3,000 questions), to heal on, here
# and in the page (2,500, 1,300), and to judge on (1,000). All bundles together are to be 40 MB at most, and most of a small
# BERT is its word embeddings. So the models learn to live with few bits there: after a first fine-tuning the embeddings are
# rounded, and a second one trains everything else on the rounded ones.
# What is rounded already stays as it is when the bundle is made, so only the encoder loses something there; the f32 model
# that the bundle is compared with is that of the second fine-tuning.
# The corrupted model is healed as the page heals by default: only what was damaged and the head train. The run that heals
# also fine-tunes the bundle's healthy model once more without damage, with the same budget, seeds and frozen parameters:
# that is the control, whose accuracy and predictions the last export puts into the bundle.
set -euo pipefail
program=$(realpath "$1") reviews=$(realpath "$2") questions=$(realpath "$3") models=$(realpath "$4") work=$5 out=$6
shift 6
here=$(dirname "$(realpath "$0")")
licence=$here/../../LICENSE-APACHE # that of both models, too
mkdir -p "$work" "$out"
work=$(realpath "$work") out=$(realpath "$out")
python3 "$here/split_rows.py" "$reviews" "$work/rows" rotten_tomatoes negative,positive 1 5000 2500 1000
python3 "$here/split_rows.py" "$questions" "$work/rows" trec6 ABBR,ENTY,DESC,HUM,LOC,NUM 1 3000 1300 1000

# The rows that follow are those of this dataset.
on() { train=$work/rows/train/$1 heal=$work/rows/heal/$1 sentences=$here/$2; }

wanted() { [[ $# -eq 1 ]] || [[ " ${*:2} " == *" $1 "* ]]; }

# fine_tune NAME MODEL EPOCHS: the pre-trained model
fine_tune() {
  "$program" run --model "$models/$2" --dataset "$train" --max-length 64 --seed 1 --learning-rate 1e-4 --epochs "$3" \
    --out "$work/$1/first"
}

# round_and_fine_tune NAME BITS: everything but the embeddings, which are rounded
round_and_fine_tune() {
  local rounded=$work/$1/rounded
  if [[ ! -d $rounded ]]; then
    "$program" export --for web --model "$work/$1/first" --which healthy --dataset "$train" \
      --bits "embeddings=$2,attention=32,ffn=32,other=32" --out "$rounded"
  fi
  "$program" run --model "$rounded" --dataset "$train" --max-length 64 --seed 1 --learning-rate 5e-5 --epochs 1 \
    --freeze embeddings --out "$work/$1/second"
}

# bundle NAME RUN MODEL TITLE BITS HEALED_BITS FREEZE HEALING_EPOCHS
bundle() {
  local name=$1 run=$work/$1/$2 start=$work/$1/start/$1
  if [[ ! -d $start ]]; then
    "$program" export --for web --model "$run" --which healthy --dataset "$train" --bits "$5" --title "$4" \
      --base-model "sentence-transformers/$3" --licence Apache-2.0 --notice "$licence" --out "$start"
  fi
  "$program" run --model "$start" --dataset "$heal" --max-length 64 --seed 1 --learning-rate 2e-4 --epochs "$8" \
    --corrupt kaiming@bottom:0.67 --freeze "$7" --out "$work/$name/healing"
  rm -rf "${out:?}/$name"
  "$program" export --for web --model "$start" --healed "$work/$name/healing" --dataset "$heal" --healed-bits "$6" \
    --sentences "$sentences" --index --out "$out/$name"
}

l3=minilm-l3-rotten-tomatoes l6=minilm-l6-rotten-tomatoes l3_trec=minilm-l3-trec6
on rotten_tomatoes demo-sentences.txt
if wanted "$l3" "$@"; then
  fine_tune "$l3" paraphrase-MiniLM-L3-v2 3
  round_and_fine_tune "$l3" 3
  bundle "$l3" second paraphrase-MiniLM-L3-v2 "MiniLM, 3 layers: film reviews" embeddings=3,attention=7,ffn=7,other=7 4 \
    embeddings,top:1L 3
fi
if wanted "$l6" "$@"; then
  fine_tune "$l6" all-MiniLM-L6-v2 2
  round_and_fine_tune "$l6" 3
  bundle "$l6" second all-MiniLM-L6-v2 "MiniLM, 6 layers: film reviews" embeddings=3,attention=5,ffn=5,other=7 3 \
    embeddings,top:2L 3
fi
if wanted "$l3_trec" "$@"; then
  on trec6 demo-questions.txt
  fine_tune "$l3_trec" paraphrase-MiniLM-L3-v2 10
  round_and_fine_tune "$l3_trec" 3
  bundle "$l3_trec" second paraphrase-MiniLM-L3-v2 "MiniLM, 3 layers: what a question asks for" \
    embeddings=3,attention=5,ffn=5,other=7 4 embeddings,top:1L 3
fi
