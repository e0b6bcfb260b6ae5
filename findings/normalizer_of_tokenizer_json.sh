#!/usr/bin/env bash
# A BERT's tokenizer.json that does not lower-case is lower-cased: the normaliser in the file is ignored in favour of
# tokenizer_config.json, and of that file's defaults where it is missing or does not say. `tokenizers` reads the very file as
# it is written.
#
# Seen on 2026-11-29 with transformers 5.24.0 and tokenizers 0.23.2, Python 3.11: AutoTokenizer gives "the Film" the ids of
# "the film", `tokenizers` gives [UNK] for "Film", which the vocabulary does not have. No warning is given.
# Exits with 0 while that is so, with 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "transformers==5.24.0" "tokenizers==0.23.2"
cd "$folder"
HF_HUB_OFFLINE=1 HF_HOME="$folder/home" venv/bin/python - 2> stderr.txt <<'PYTHON'
import importlib.metadata as metadata
import json
import os
import sys

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer

pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "film"]
cased = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
cased.normalizer = normalizers.BertNormalizer(lowercase=False)
cased.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
cased.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
cased.add_special_tokens(pieces[:5])
os.mkdir("model")
cased.save("model/tokenizer.json")
with open("model/config.json", "w") as file:
    json.dump({"model_type": "bert", "vocab_size": len(pieces)}, file)

text = "the Film"
as_written = Tokenizer.from_file("model/tokenizer.json").encode(text).ids
as_read = AutoTokenizer.from_pretrained("model")(text)["input_ids"]
print("transformers", metadata.version("transformers"), "tokenizers", metadata.version("tokenizers"))
print("tokenizers:  ", as_written, [pieces[i] for i in as_written])
print("transformers:", as_read, [pieces[i] for i in as_read])
sys.exit(0 if as_written == [2, 5, 1, 3] and as_read == [2, 5, 6, 3] else 1)
PYTHON
cat stderr.txt
