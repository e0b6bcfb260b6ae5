#!/usr/bin/env python3
"""Makes damaged.json beside this script: how numbers that are huge, infinite or not numbers travel through a model.

Each case replaces a few numbers of `tiny-bert` or `tiny-distilbert` (damages.py) and runs a few rows, each alone and
without padding. transformers computes the logits in f64; a second pass in f64 (f32_range.py), held to the first one's
logits, records the largest number that a program in f32 forms on the way, and a third one computes with f32's range.
README.md says what is in the file and which classes of rows there are.

The script refuses to write a row that no program in f32 could be held to: one whose logits change by more than
`DIGITS` when every operation is disturbed by an error as large as one of f32, or between f64 and transformers' own f32,
and one in which huge terms of a sum cancel, so that the order of adding decides about overflow.

Run it with the versions of requirements.txt; it needs no network and is not part of CI. `--check` makes the file again
and compares.
"""

import argparse
import json
import math
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

sys.dont_write_bytecode = True
from damages import BERT, CASES, DISTILBERT
from f32_range import Exact, Limited, Rounded, logits
from tiny_vocabulary import SPECIALS, tokens

HERE = Path(__file__).resolve().parent
FILE = HERE / "damaged.json"

LENGTHS = [3, 6, 11]
# Between these the order of operations decides whether f32 overflows (its largest number is 3.4e38).
FINITE_BELOW = 1e37
OVERFLOWS_ABOVE = 1e39
# The test's tolerance is 1e-4: a program's own f32 may use the rest.
DIGITS = 3e-5
N_DISTURBANCES = 8
# Our own pass has to be transformers' in f64, up to the order of adding.
SAME_IN_F64 = 1e-9
# Below this a relative tolerance would ask for more digits than the sums behind the logits have.
SMALLEST_LOGITS = 1e-2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="make the file again and compare")
    check = parser.parse_args().check
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.set_grad_enabled(False)

    models = {name: Model(name) for name in (BERT, DISTILBERT)}
    cases, refusals = [], []
    for case in CASES:
        made, reasons = models[case.model].run(case)
        cases.append(made)
        refusals += [f"{case.name()}: {reason}" for reason in reasons]
    if refusals:
        sys.exit("refused:\n  " + "\n  ".join(refusals))
    text = as_json({name: model.rows for name, model in models.items()}, cases)
    summary(cases)
    if check:
        same = FILE.is_file() and FILE.read_text(encoding="ascii") == text
        print("same" if same else f"{FILE.name} differs")
        sys.exit(0 if same else 1)
    FILE.write_text(text, encoding="ascii")


class Model:
    """A tiny model and its rows."""

    def __init__(self, name: str):
        self.weights = load_file(HERE / name / "model.safetensors")  # f32
        self.models = [
            AutoModelForSequenceClassification.from_pretrained(HERE / name, attn_implementation="eager").to(dtype).eval()
            for dtype in (torch.float64, torch.float32)
        ]
        self.config = self.models[0].config
        self.rows = rows(self.config.model_type)

    def run(self, case) -> tuple[dict, list[str]]:
        """The case as it is written, and the reasons not to write it."""
        shapes = {name: tuple(tensor.shape) for name, tensor in self.weights.items()}
        edits = [edit.as_json(case.model, shapes) for edit in case.all_edits(shapes, self.rows)]
        damaged = apply(self.weights, edits)
        for model in self.models:
            model.load_state_dict(damaged)  # Casts to the model's own number format.
        made, reasons = [], []
        for row_idx, row in enumerate(self.rows):
            row, why = self.evaluate(damaged, {k: torch.tensor(v) for k, v in row.items()})
            made.append(row)
            reasons += [f"row {row_idx}: {reason}" for reason in why]
        return {"name": case.name(), "model": case.model, "edits": edits, "rows": made}, reasons

    def evaluate(self, weights: dict, row: dict) -> tuple[dict, list[str]]:
        in_f64, in_f32 = (model(**{k: v[None] for k, v in row.items()}).logits[0].double() for model in self.models)
        weights = {name: tensor.double() for name, tensor in weights.items()}
        exact, limited = Exact(), Limited()
        ours = logits(self.config, weights, row, exact)
        within_range = logits(self.config, weights, row, limited)
        is_limit = bool(within_range.isfinite().all())

        reasons = []
        if relative_difference(ours, in_f64) > SAME_IN_F64:
            reasons.append(f"f32_range.py computes {ours.tolist()}, transformers {in_f64.tolist()}")
        if exact.largest < FINITE_BELOW:
            kind, expected = "finite", in_f64
        elif exact.largest <= OVERFLOWS_ABOVE:
            kind, expected = "excluded", in_f64
        else:
            kind, expected = ("limit" if is_limit else "non_finite"), within_range
        if kind == "limit" and limited.is_undecided:
            reasons.append("huge terms cancel")
        if kind in ("finite", "limit"):
            reasons += self.digits(weights, row, expected, kind, within_range, in_f32)
        made = {
            "class": kind,
            "log10_largest": round(math.log10(exact.largest), 2) if math.isfinite(exact.largest) else None,
            "logits": [float(f"{x:.9g}") if math.isfinite(x) else None for x in expected.tolist()],
            "transformers_f32_is_finite": bool(in_f32.isfinite().all()),
        }
        return made, reasons

    def digits(self, weights, row, expected, kind, within_range, in_f32) -> list[str]:
        """Reasons not to hold a program in f32 to these logits."""
        reasons = []
        if expected.abs().max() < SMALLEST_LOGITS:
            reasons.append("logits too small")
        others = {}
        # Where something overflows, transformers' f32 may say so instead.
        if kind == "finite" or in_f32.isfinite().all():
            others["in f32"] = in_f32
        others["without subnormal numbers"] = within_range
        if kind == "finite":
            for seed in range(N_DISTURBANCES):
                rng = np.random.Generator(np.random.PCG64(seed))
                others[f"disturbed ({seed})"] = logits(self.config, weights, row, Rounded(rng))
        for how, other in others.items():
            difference = relative_difference(other, expected)
            if difference > DIGITS:
                reasons.append(f"{how} the logits differ by {difference:.0e}")
        return reasons


def rows(model_type: str) -> list[dict]:
    """Ids of each length, from [CLS] to [SEP]; of BERT's rows every other has two segments."""
    rng = np.random.Generator(np.random.PCG64(31))
    made = []
    for row_idx, length in enumerate(LENGTHS):
        words = rng.integers(len(SPECIALS), len(tokens()), length - 2).tolist()
        row = {"input_ids": [SPECIALS.index("[CLS]"), *words, SPECIALS.index("[SEP]")]}
        if model_type == "bert":
            first = length if row_idx % 2 == 0 else length // 2
            row["token_type_ids"] = [0] * first + [1] * (length - first)
        made.append(row)
    return made


def apply(weights: dict, edits: list[dict]) -> dict:
    """A copy of the weights with the edits made as a reader of the file makes them."""
    damaged = {name: tensor.clone() for name, tensor in weights.items()}
    for edit in edits:
        bits = damaged[edit["tensor"]].view(torch.int32).view(-1).numpy().view(np.uint32)
        if "flipped_bit" in edit:
            bits[edit["index"]] ^= np.uint32(1 << edit["flipped_bit"])
        else:
            bits[edit["index"]] = np.uint32(int(edit["bits"], 16))
    return damaged


def relative_difference(a, b) -> float:
    """Relative to the largest number of `b`; infinite where one is finite and the other is not."""
    if not torch.equal(a.isfinite(), b.isfinite()):
        return math.inf
    if not b.isfinite().any():
        return 0.0
    finite = b.isfinite()
    return ((a - b)[finite].abs().max() / b[finite].abs().max()).item()


def as_json(rows: dict, cases: list[dict]) -> str:
    """A line for each case, so that a change shows which."""
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    return f'{{"rows":{json.dumps(rows, separators=(",", ":"))},\n"cases":[\n{lines}\n]}}\n'


def summary(cases: list[dict]):
    rows = [row for case in cases for row in case["rows"]]
    count = lambda kind: sum(row["class"] == kind for row in rows)
    kinds = ", ".join(f"{count(kind)} {kind}" for kind in ("finite", "non_finite", "limit", "excluded"))
    all_finite = sum(all(row["class"] == "finite" for row in case["rows"]) for case in cases)
    some_not = sum(any(row["class"] == "non_finite" for row in case["rows"]) for case in cases)
    print(f"{len(cases)} cases: {all_finite} all finite, {some_not} with rows that are not; {len(rows)} rows: {kinds}")


if __name__ == "__main__":
    main()
