#!/usr/bin/env python3
"""Makes ten flips of a census once more in PyTorch, and compares accuracy and logits.

    bert-heal census --model MODEL_DIR --dataset DATA_DIR --seed 1 --out CENSUS
    census_torch.py --bert-heal PROGRAM CENSUS MODEL_DIR DATA_DIR/test.tsv

The census must have been made on all rows of the file, whose labels are class ids or names. Of its flips those that cost
most and others across all classes of bits are taken. Each is made in the tensors of transformers' model (eager attention,
f32, rows of one length at a time, so without padding) and, by the line's plan, with `bert-heal corrupt` and `predict`.
Where the variance in a LayerNorm is beyond f32, PyTorch multiplies by 1/inf = 0 and goes on with the bias alone, so that a row
looks ordinary; bert-heal calls it not finite on purpose. Such rows are found by hooks on PyTorch's LayerNorms, are counted as
not finite on its side and have a column of their own.
Exits with 1 if a logit differs by more than the tolerance, relative to the row's largest logit where that is above 1, if a
logit is finite on one side only, or if a row that is not a tie within the tolerance has another class.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
from strict_loading import load_classifier

import numpy
import torch
import transformers

N_FLIPS = 10
N_WORST = 5
BATCH_SIZE = 64


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("census", type=Path, help="the folder of a finished census")
    parser.add_argument("model_dir", help="the model of the census, in Hugging Face layout")
    parser.add_argument("rows", type=Path, help="the rows of the census: label<TAB>text with a header")
    parser.add_argument("--bert-heal", default="bert-heal", help="the program (default: bert-heal)")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="largest difference of a logit (default 1e-3)")
    args = parser.parse_args()

    spec = json.loads((args.census / "spec.json").read_text())
    healthy = json.loads((args.census / "census.json").read_text())["healthy"]
    lines = [json.loads(line) for line in (args.census / "census.jsonl").read_text().splitlines()]
    model = load_classifier(args.model_dir).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model_dir)
    labels, texts = read_rows(args.rows, model.config.label2id)
    if len(texts) != spec["n_rows"]:
        print(f"{args.rows} has {len(texts)} rows, the census {spec['n_rows']}", file=sys.stderr)
        return 1
    batches = encode(tokenizer, texts, spec["max_length"])
    tensors = model.state_dict()
    overflow = Overflow(model)
    faults = []

    theirs, _ = logits_of(model, batches, len(texts), overflow)
    n_correct = int((theirs.argmax(1) == labels).sum())
    print(f"without a flip: {healthy['n_correct']} of {len(texts)} rows right, in PyTorch {n_correct}")
    print(f"{'flip':62} {'right':>6} {'torch':>6} {'not finite':>10} {'torch':>6} {'LayerNorm':>9} {'logits apart':>12}")
    for line in chosen(lines):
        with Flip(tensors[line["tensor"]], line):
            theirs, is_overflow = logits_of(model, batches, len(texts), overflow)
        # Rows that PyTorch alone calls finite, with the class it gives them.
        n_hidden = int((is_overflow & torch.isfinite(theirs).all(1)).sum())
        theirs = torch.where(is_overflow[:, None], float("nan"), theirs)
        ours = predict(args.bert_heal, args.model_dir, line["plan"], texts, spec["max_length"])
        row_faults, apart = compare(ours, theirs, args.tolerance)
        finite = torch.isfinite(theirs).all(1)
        right = int(((theirs.argmax(1) == labels) & finite).sum())
        n_non_finite = int((~finite).sum())
        print(
            f"{line['plan']:62} {line['n_correct']:6} {right:6} {line['n_non_finite']:10} {n_non_finite:6}"
            f" {n_hidden:9} {apart:12.1e}"
        )
        our_finite = torch.isfinite(ours).all(1)
        if int(((ours.argmax(1) == labels) & our_finite).sum()) != line["n_correct"]:
            row_faults.append(f"the census has {line['n_correct']} rows right, corrupt and predict have others")
        faults += [f"{line['plan']}: {fault}" for fault in row_faults]
    print(*faults, sep="\n", file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


def chosen(lines: list[dict]) -> list[dict]:
    """Those that cost most, then one of each class of bits in turn."""
    by_cost = sorted(lines, key=lambda line: -line["cost_points"])
    chosen = by_cost[:N_WORST]
    for line in lines:
        if len(chosen) < N_FLIPS and line["bits"] not in {other["bits"] for other in chosen}:
            chosen.append(line)
    return chosen


def read_rows(path: Path, ids: dict[str, int]) -> tuple[torch.Tensor, list[str]]:
    with open(path, encoding="utf-8", newline="\n") as file:
        rows = [line.removesuffix("\n").removesuffix("\r").split("\t", 1) for line in file][1:]
    labels = [int(label) if label.isdigit() else ids[label] for label, _ in rows]
    return torch.tensor(labels), [text for _, text in rows]


def encode(tokenizer, texts: list[str], max_length: int) -> list[tuple[list[int], dict]]:
    """Batches of rows of one length, with the rows' places."""
    encoded = [tokenizer(text, truncation=True, max_length=max_length) for text in texts]
    by_length: dict[int, list[int]] = {}
    for row, tokens in enumerate(encoded):
        by_length.setdefault(len(tokens["input_ids"]), []).append(row)
    batches = []
    for rows in by_length.values():
        for start in range(0, len(rows), BATCH_SIZE):
            places = rows[start : start + BATCH_SIZE]
            batches.append((places, {key: torch.tensor([encoded[row][key] for row in places]) for key in encoded[0]}))
    return batches


class Overflow:
    """Which rows of the last batch had, in any LayerNorm, finite numbers whose variance is beyond f32."""

    def __init__(self, model):
        self.rows = None
        for module in model.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.register_forward_pre_hook(self.look)

    def look(self, _, inputs):
        x = inputs[0]  # [batch, seq, hidden]
        is_beyond = torch.isfinite(x).all(-1) & ~torch.isfinite(x.var(-1, correction=0))
        rows = is_beyond.any(-1)
        self.rows = rows if self.rows is None else self.rows | rows


@torch.inference_mode()
def logits_of(model, batches, n_rows: int, overflow: Overflow) -> tuple[torch.Tensor, torch.Tensor]:
    """The logits of all rows, and which of them had a LayerNorm that overflowed."""
    logits = torch.empty(n_rows, model.config.num_labels)
    is_overflow = torch.zeros(n_rows, dtype=torch.bool)
    for places, batch in batches:
        overflow.rows = None
        logits[places] = model(**batch).logits
        is_overflow[places] = overflow.rows
    return logits, is_overflow.clone()


class Flip:
    """One bit of one weight of a tensor, flipped within a `with` block."""

    def __init__(self, tensor: torch.Tensor, line: dict):
        place = line["plan"].removeprefix("flip:").split(",")[0]
        self.bits = tensor.numpy().view(numpy.uint32)
        self.place = tuple(int(index) for index in place.split("."))
        self.mask = numpy.uint32(1 << line["bit"])

    def __enter__(self):
        self.bits[self.place] ^= self.mask

    def __exit__(self, *_):
        self.bits[self.place] ^= self.mask


def predict(program: str, model_dir: str, plan: str, texts: list[str], max_length: int) -> torch.Tensor:
    """The logits after the plan, by the program."""
    with tempfile.TemporaryDirectory() as folder:
        broken = str(Path(folder) / "broken")
        run([program, "corrupt", "--model", model_dir, "--corrupt", plan, "--seed", "0", "--out", broken, "--json"])
        path = Path(folder) / "texts.txt"
        path.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
        said = run(
            [program, "predict", "--model", broken, "--input", str(path), "--max-length", str(max_length), "--json"]
        )
    # The schema has null for a logit that is not finite.
    rows = [[float("nan") if x is None else x for x in row["logits"]] for row in json.loads(said)]
    return torch.tensor(rows)


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def compare(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float) -> tuple[list[str], float]:
    """What differs, and the largest difference of logits that are finite on both sides."""
    faults = []
    finite, their_finite = torch.isfinite(ours).all(1), torch.isfinite(theirs).all(1)
    if not torch.equal(finite, their_finite):
        faults.append(f"{int((finite != their_finite).sum())} rows are finite on one side only")
    both = finite & their_finite
    ours, theirs = ours[both], theirs[both]
    if len(ours) == 0:
        return faults, 0.0
    scale = theirs.abs().max(1).values.clamp(min=1.0)
    apart = (ours - theirs).abs().max(1).values / scale
    if not float(apart.max()) <= tolerance:
        faults.append(f"logits differ by {float(apart.max()):.1e}")
    top = theirs.topk(2, 1).values
    is_tie = (top[:, 0] - top[:, 1]) / scale <= 2 * tolerance
    n_other = int(((ours.argmax(1) != theirs.argmax(1)) & ~is_tie).sum())
    if n_other:
        faults.append(f"{n_other} rows have another class")
    return faults, float(apart.max())


if __name__ == "__main__":
    sys.exit(main())
