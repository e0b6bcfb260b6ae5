#!/usr/bin/env python3
"""Compares `bert-heal blame` with every mix made in PyTorch and Shapley values by their definition.

    bert-heal blame --healthy HEALTHY --damaged DAMAGED --dataset ROWS.tsv --text SENTENCE --json > blame.json
    blame_torch.py HEALTHY DAMAGED ROWS.tsv blame.json

HEALTHY and DAMAGED are folders in Hugging Face layout, ROWS.tsv has a header `label<TAB>text` and the labels as numbers; it
holds exactly the rows that were used. Each of the 2^n mixes becomes a model of its own in transformers, and a Shapley value
is the mean over all n! orders of what a part's damage costs when it comes: neither a tree nor a formula over coalitions.
Exits with 1 when a mix is worth something else, a value differs, or the values do not sum to the difference.
"""

import argparse
import itertools
import json
import math
import re
import sys
import time

sys.dont_write_bytecode = True
from strict_loading import load_classifier

import torch
import transformers

# Values follow from what the mixes are worth; both sum in f64.
VALUE_TOLERANCE = 1e-9
# A row whose two highest logits are this close may be given either class by another order of additions.
TIE = 1e-4
BATCH_SIZE = 64


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("healthy", help="the model before the damage")
    parser.add_argument("damaged", help="the model after the damage")
    parser.add_argument("rows", help="the rows, as TSV")
    parser.add_argument("ours", help="what `blame --json` printed")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="largest relative difference of a margin")
    args = parser.parse_args()

    with open(args.ours, encoding="utf-8") as file:
        ours = json.load(file)
    with open(args.rows, encoding="utf-8", newline="\n") as file:
        lines = [line.rstrip("\n").split("\t", 1) for line in file][1:]
    if len(lines) != ours["n"]:
        print(f"{args.rows} has {len(lines)} rows, {args.ours} {ours['n']}", file=sys.stderr)
        return 1
    labels, texts = torch.tensor([int(label) for label, _ in lines]), [text for _, text in lines]
    model = load_classifier(args.healthy)
    healthy = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    damaged = load_classifier(args.damaged).state_dict()
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.healthy)
    parts = [part["part"] for part in ours["accuracy"]["parts"]]
    has_player = parts[-1] == "rest"
    sentence = ours["sentence"]

    started, faults, worst = time.perf_counter(), [], 0.0
    theirs = {}
    for mix in ours["mixes"]:
        chosen = frozenset(mix["damaged"])
        rest_is_damaged = "rest" in chosen if has_player else ours["rest"] == "fixed-damaged"
        model.load_state_dict({
            name: damaged[name] if is_damaged(name, chosen, rest_is_damaged) else tensor
            for name, tensor in healthy.items()
        })
        logits = logits_of(model, tokenizer, texts, ours["max_length"])
        predicted = torch.where(logits.isfinite().all(1), logits.argmax(1), -1)
        n_correct = int((predicted == labels).sum())
        highest = logits.topk(2, dim=1).values
        n_near = int(((highest[:, 0] - highest[:, 1]) < TIE).sum())
        if abs(n_correct - mix["n_correct"]) > n_near:
            faults.append(f"{sorted(chosen)}: {n_correct} right here, {mix['n_correct']} there ({n_near} near ties)")
        elif n_correct != mix["n_correct"]:
            print(f"{sorted(chosen)}: {n_correct} right here, {mix['n_correct']} there, {n_near} rows are near ties")
        margin = math.nan
        if sentence:
            row = logits_of(model, tokenizer, [sentence["text"]], ours["max_length"])[0].double()
            others = torch.cat([row[: sentence["class_id"]], row[sentence["class_id"] + 1 :]])
            margin = float(row[sentence["class_id"]] - others.max())
            difference = abs(margin - mix["margin"]) / max(1.0, abs(margin))
            worst = max(worst, difference)
            if not difference <= args.tolerance:
                faults.append(f"{sorted(chosen)}: margin {margin} here, {mix['margin']} there")
        theirs[chosen] = {"accuracy": n_correct / len(lines), "margin": margin}
    n_mixes = 2 ** len(parts)
    if len(theirs) != n_mixes:
        faults.append(f"{len(theirs)} mixes, expected 2^{len(parts)}")

    ours_by_mix = {frozenset(mix["damaged"]): mix for mix in ours["mixes"]}
    for what, blame in [("accuracy", ours["accuracy"]), ("margin", sentence and sentence["blame"])]:
        if not blame:
            continue
        values = [part["value"] for part in blame["parts"]]
        by_definition = shapley(parts, lambda mix: ours_by_mix[mix][what])
        in_torch = shapley(parts, lambda mix: theirs[mix][what])
        off = max(abs(a - b) for a, b in zip(values, by_definition))
        off_torch = max(abs(a - b) for a, b in zip(values, in_torch))
        gap = abs(sum(values) - (blame["healthy"] - blame["damaged"]))
        print(f"{what}: values differ from the definition by {off:.1e} on the same mixes, from PyTorch's by {off_torch:.1e};"
              f" sum and difference by {gap:.1e}")
        if not (off <= VALUE_TOLERANCE and gap <= VALUE_TOLERANCE):
            faults.append(f"{what}: a value is not what its definition gives, or the sum is not the difference")
        tolerance = VALUE_TOLERANCE if what == "accuracy" else args.tolerance * max(1.0, *map(abs, values))
        if not off_torch <= tolerance:
            faults.append(f"{what}: {values} here, {in_torch} in PyTorch")
    print(f"{n_mixes} mixes of {len(lines)} rows in {time.perf_counter() - started:.0f} s; largest relative difference of a"
          f" margin {worst:.1e}")
    print(*faults, sep="\n", file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


def is_damaged(name: str, chosen: frozenset, rest_is_damaged: bool) -> bool:
    layer = re.search(r"\.layer\.(\d+)\.", name)
    return f"layer {layer[1]}" in chosen if layer else rest_is_damaged


@torch.inference_mode()
def logits_of(model, tokenizer, texts: list[str], max_length: int) -> torch.Tensor:
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    rows = [None] * len(texts)
    for start in range(0, len(order), BATCH_SIZE):
        at = order[start : start + BATCH_SIZE]
        batch = tokenizer([texts[i] for i in at], truncation=True, max_length=max_length, padding=True, return_tensors="pt")
        for i, logits in zip(at, model(**batch).logits):
            rows[i] = logits
    return torch.stack(rows)  # [texts, labels]


def shapley(parts: list[str], worth) -> list[float]:
    """The mean over all orders of what each part's damage costs when it comes."""
    values = dict.fromkeys(parts, 0.0)
    n_orders = math.factorial(len(parts))
    for order in itertools.permutations(parts):
        mix = frozenset()
        for part in order:
            values[part] += (worth(mix) - worth(mix | {part})) / n_orders
            mix |= {part}
    return list(values.values())


if __name__ == "__main__":
    sys.exit(main())
