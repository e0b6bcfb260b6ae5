#!/usr/bin/env bash
# An empty second text of a pair is no text in a call for one pair and a text in a call for a batch: the same pair has one
# [SEP] less and other token types.
#
# Seen on 2026-11-29 with transformers 5.24.0 and tokenizers 0.23.3, Python 3.11: a BERT tokenizer gives ("film", "") as
# [CLS] film [SEP], and (["film"], [""]) as [CLS] film [SEP] [SEP]. No warning is given. So a model that was evaluated row by
# row and in batches differs on rows with an empty second sentence.
# Exits with 0 while that is so, with 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "transformers==5.24.0" "tokenizers==0.23.3"
cd "$folder"
printf '%s\n' '[PAD]' '[UNK]' '[CLS]' '[SEP]' '[MASK]' film > vocab.txt
HF_HUB_OFFLINE=1 HF_HOME="$folder/home" venv/bin/python - 2> stderr.txt <<'PYTHON'
import importlib.metadata as metadata
import sys

from transformers import BertTokenizer

tokenizer = BertTokenizer(vocab="vocab.txt")
one = tokenizer("film", "")
batch = tokenizer(["film"], [""])
print("transformers", metadata.version("transformers"), "tokenizers", metadata.version("tokenizers"))
print("one pair:       ", one["input_ids"], one["token_type_ids"])
print("a batch of one: ", batch["input_ids"], batch["token_type_ids"])
sys.exit(0 if one["input_ids"] == [2, 5, 3] and batch["input_ids"] == [[2, 5, 3, 3]] else 1)
PYTHON
cat stderr.txt
