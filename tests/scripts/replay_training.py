#!/usr/bin/env python3
"""Trains transformers from our initial checkpoint on our batches and compares the losses.

    bert-heal run … --dropout 0 --dump-batches DUMP_DIR
    replay_training.py DUMP_DIR --steps 20

DUMP_DIR holds
  initial/            the checkpoint before the first step, with its head, in Hugging Face layout
  batches.jsonl       one line a micro-batch: step, input_ids, attention_mask, token_type_ids, labels, learning_rate (of that step), loss
  training_args.json  learning_rate, weight_decay, adam_beta1, adam_beta2, adam_epsilon, max_grad_norm (0: no clipping),
                      gradient_accumulation_steps

Weight decay, clipping and AdamW are transformers' and PyTorch's; only the learning rates are read from the dump.
Exits with 1 if transformers has any remark on loading the checkpoint, if there are fewer steps than asked for, or if a
loss differs by more than the tolerance.
"""

import argparse
import itertools
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from strict_loading import LoadingError, load_classifier

import torch
from transformers import Trainer

NO_DROPOUT = {
    name: 0.0
    for name in (
        "hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout",  # BERT
        "dropout", "attention_dropout", "seq_classif_dropout",  # DistilBERT
    )
}
TENSORS = ("input_ids", "attention_mask", "token_type_ids", "labels")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dump_dir", type=Path)
    parser.add_argument("--steps", type=int, default=20, help="optimiser steps to replay (default 20)")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="largest relative difference of a loss (default 1e-4)")
    args = parser.parse_args()

    recipe = json.loads((args.dump_dir / "training_args.json").read_text(encoding="utf-8"))
    try:
        model = load_classifier(str(args.dump_dir / "initial"), **NO_DROPOUT).train()
    except LoadingError as error:
        print(error, file=sys.stderr)
        return 1
    adam = hugging_face_adamw(model, recipe)

    n_steps, worst = 0, 0.0
    for micro_batches in itertools.islice(read_steps(args.dump_dir / "batches.jsonl"), args.steps):
        if len(micro_batches) > recipe["gradient_accumulation_steps"]:
            print(f"step {micro_batches[0]['step']} has {len(micro_batches)} micro-batches", file=sys.stderr)
            return 1
        losses, norm = train_step(model, adam, micro_batches, recipe["max_grad_norm"])
        for row, loss in zip(micro_batches, losses):
            difference = abs(row["loss"] - loss) / abs(loss)
            # Written so that NaN counts as a difference.
            worst = difference if not difference <= worst else worst
            print(
                f"step {row['step']:3}  learning rate {row['learning_rate']:.3e}  gradient norm {norm:8.4f}"
                f"  loss {loss:.7f}  ours {row['loss']:.7f}  relative difference {difference:.1e}"
            )
        n_steps += 1
    print(f"{n_steps} steps, largest relative difference {worst:.2e}")
    if n_steps < args.steps:
        print(f"the dump has {n_steps} steps, {args.steps} were asked for", file=sys.stderr)
        return 1
    if not worst <= args.tolerance:
        print(f"a loss differs by more than {args.tolerance:g}", file=sys.stderr)
        return 1
    return 0


def hugging_face_adamw(model, recipe: dict) -> torch.optim.AdamW:
    """AdamW with the parameter groups of transformers' Trainer: biases and LayerNorms do not decay."""
    decayed = set(Trainer.get_decay_parameter_names(None, model))
    groups = [
        {"params": [p for n, p in model.named_parameters() if n in decayed], "weight_decay": recipe["weight_decay"]},
        {"params": [p for n, p in model.named_parameters() if n not in decayed], "weight_decay": 0.0},
    ]
    betas = (recipe["adam_beta1"], recipe["adam_beta2"])
    return torch.optim.AdamW(groups, lr=recipe["learning_rate"], betas=betas, eps=recipe["adam_epsilon"])


def read_steps(path: Path):
    """The micro-batches of one optimiser step after the other."""
    with open(path, encoding="utf-8") as file:
        rows = map(json.loads, file)
        for _, step in itertools.groupby(rows, key=lambda row: row["step"]):
            yield list(step)


def train_step(model, adam, micro_batches: list[dict], max_grad_norm: float) -> tuple[list[float], float]:
    """One optimiser step; the loss of each micro-batch and the gradient norm before clipping."""
    losses = []
    # DistilBERT has no token types and refuses them.
    names = [name for name in TENSORS if name != "token_type_ids" or hasattr(model.config, "type_vocab_size")]
    for row in micro_batches:
        loss = model(**{name: torch.tensor(row[name]) for name in names if name in row}).loss
        (loss / len(micro_batches)).backward()
        losses.append(loss.item())
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm or float("inf")).item()
    for group in adam.param_groups:
        group["lr"] = micro_batches[0]["learning_rate"]
    adam.step()
    adam.zero_grad()
    return losses, norm


if __name__ == "__main__":
    sys.exit(main())
