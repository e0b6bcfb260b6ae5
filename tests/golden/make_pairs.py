#!/usr/bin/env python3
"""Makes pairs.json beside this script: what transformers makes of pairs of texts, ids, token types and logits of the tiny models.

Run it with the versions of requirements.txt but transformers 5.24; it needs no network and is not part of CI. Logits are
computed in f64 from the f32 weights.
"""

import json
import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

HERE = Path(__file__).resolve().parent
FILM = "The film was good, the plot was not."
# No empty second text: transformers takes it for none where it is not in a batch, and such rows are refused here.
PAIRS = [
    (FILM, "The film was bad."),
    ("good", FILM),
    (FILM, "good"),
    ("", "good"),
    ("good " * 20, "xyzxyzxyzx"),
    ("xyzxyzxyzx", "good " * 20),
    (FILM + " " + FILM, FILM + " " + FILM + " bad"),
    (FILM + " bad " + FILM, FILM + " " + FILM),
    ("a [SEP] b", "café naïve [MASK]"),
    ("你好 world", "the film\twas\nbad"),
]
LENGTHS = [5, 6, 9, 16, 17, 40]


def main():
    golden = {}
    for name in ["tiny-bert", "tiny-distilbert"]:
        tokenizer = AutoTokenizer.from_pretrained(HERE / name)
        model = AutoModelForSequenceClassification.from_pretrained(HERE / name).double().eval()
        golden[name] = [case(tokenizer, model, pair, length) for pair in PAIRS for length in LENGTHS]
    text = json.dumps(golden, ensure_ascii=True, indent=None, separators=(", ", ": "))
    (HERE / "pairs.json").write_text(text.replace("}, {", "},\n{") + "\n")


def case(tokenizer, model, pair, max_length):
    encoded = tokenizer(*pair, truncation="longest_first", max_length=max_length, return_token_type_ids=True)
    inputs = {key: torch.tensor([encoded[key]]) for key in ["input_ids", "attention_mask", "token_type_ids"]}
    if model.config.model_type == "distilbert":
        del inputs["token_type_ids"]
    with torch.no_grad():
        logits = model(**inputs).logits[0].tolist()
    return {
        "text": pair[0], "text_pair": pair[1], "max_length": max_length, "input_ids": encoded["input_ids"],
        "token_type_ids": encoded["token_type_ids"], "logits": [float(f"{logit:.9g}") for logit in logits],
    }


if __name__ == "__main__":
    main()
