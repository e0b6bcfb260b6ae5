#!/usr/bin/env python3
"""Compares logits of `bert-heal predict` with those of transformers for the same checkpoint and texts.

    bert-heal predict --model MODEL_DIR --input texts.txt --json > ours.json
    compare_logits.py MODEL_DIR texts.txt ours.json

TEXTS has one text a line; with a first line `label<TAB>text` it is a data file, of which the text column is used.
Exits with 1 if transformers has any remark on loading the checkpoint, or if a text, label, probability or logit differs.
"""

import argparse
import json
import sys

sys.dont_write_bytecode = True
from strict_loading import LoadingError, load_classifier

import torch
import transformers

# Probabilities follow from logits; this is room for f32's softmax and for their decimal form.
PROBABILITY_TOLERANCE = 1e-4
BATCH_SIZE = 16


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir", help="a folder in Hugging Face layout, with tokenizer and classification head")
    parser.add_argument("texts", help="the texts that were given to predict")
    parser.add_argument("ours", help="what `predict --json` printed")
    parser.add_argument("--max-length", type=int, default=128, help="tokens a text is cut to (default 128)")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="largest absolute difference (default 1e-4)")
    args = parser.parse_args()

    texts = read_texts(args.texts)
    with open(args.ours, encoding="utf-8") as file:
        ours = json.load(file)
    if [row["text"] for row in ours] != texts:
        print(f"{args.ours} has {len(ours)} texts, {args.texts} has {len(texts)}, or they differ", file=sys.stderr)
        return 1
    try:
        model = load_classifier(args.model_dir)
    except LoadingError as error:
        print(error, file=sys.stderr)
        return 1
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model_dir)

    theirs = torch.cat([
        logits_of(model, tokenizer, texts[i : i + BATCH_SIZE], args.max_length) for i in range(0, len(texts), BATCH_SIZE)
    ])
    faults = label_faults(ours, model.config.id2label)
    difference = (theirs - torch.tensor([row["logits"] for row in ours])).abs()
    worst = int(difference.max(dim=1).values.argmax())
    print(f"{len(texts)} texts, largest difference of a logit {difference.max():.2e} at text {worst}: {texts[worst]!r}")
    if not difference.max() <= args.tolerance:  # So that NaN fails, too.
        faults.append(f"a logit differs by more than {args.tolerance:g}")
    print(*faults, sep="\n", file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


def read_texts(path: str) -> list[str]:
    """Lines as Rust's `str::lines` sees them: LF or CRLF ends one, and nothing else does."""
    with open(path, encoding="utf-8", newline="\n") as file:
        lines = [line.removesuffix("\n").removesuffix("\r") for line in file]
    if lines and lines[0] == "label\ttext":
        return [line.split("\t", 1)[1] for line in lines[1:]]
    return lines


@torch.inference_mode()
def logits_of(model, tokenizer, texts: list[str], max_length: int) -> torch.Tensor:
    encoded = tokenizer(texts, truncation=True, max_length=max_length, padding="longest", return_tensors="pt")
    return model(**encoded).logits  # [texts, labels]


def label_faults(ours: list[dict], names: dict) -> list[str]:
    """Rows of our output that contradict themselves or the config's label names."""
    faults = []
    for i, row in enumerate(ours):
        logits = torch.tensor(row["logits"], dtype=torch.float64)
        off = (logits.softmax(0) - torch.tensor(row["probabilities"], dtype=torch.float64)).abs().max()
        if row["label_id"] != int(logits.argmax()) or row["label"] != names[row["label_id"]]:
            faults.append(f"text {i}: label {row['label']!r} ({row['label_id']}) for logits {row['logits']}")
        if not off <= PROBABILITY_TOLERANCE:
            faults.append(f"text {i}: probabilities are off by {off:.1e}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
