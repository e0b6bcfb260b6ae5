"""What PyTorch and transformers compute from a model: one forward and backward pass, and short trainings.

Dropout is off throughout (evaluation mode), so everything here is a pure function of weights and batches.
"""

import copy

import numpy as np
import torch
from transformers import Trainer, get_linear_schedule_with_warmup

from tiny_vocabulary import SPECIALS, tokens

# A key projection's bias shifts all scores of a query alike, which softmax does not see: its gradient is zero, and
# what is computed for it is rounding noise that differs between processors.
KEY_BIASES = ("key.bias", "k_lin.bias")
KEY_BIAS_NOISE = 1e-14

LABEL_NAMES = ["negative", "neutral", "positive"]

# A learning rate and a decay so large that ten steps show them. Clipping is at 10 and not 1, because the models' small
# embeddings have large gradients: this way some steps are clipped and some are not.
TRAINING = {
    "learning_rate": 1e-2,
    "weight_decay": 0.1,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "adam_epsilon": 1e-8,
    "max_grad_norm": 10.0,
    "n_steps": 10,
    "n_warmup_steps": 3,
    "accumulated": {"gradient_accumulation_steps": 2},
    "frozen": {"parts": ["embeddings", "layers:0"]},
}


def forward_batch(model) -> dict:
    """Six rows of different length: one with a hole in its mask, one of a single token, one without padding."""
    return random_batch(model, [12, 7, 10, 1, 4, 9], seed=11, hole=(2, 4))


def training_batches(model) -> list[dict]:
    """Three batches with the same number of rows, so that every way to average micro-batches agrees."""
    lengths = [[9, 5, 7, 3, 8, 6], [6, 6, 2, 4, 5, 3], [4, 11, 8, 10, 7, 9]]
    return [random_batch(model, rows, seed=21 + i) for i, rows in enumerate(lengths)]


def random_batch(model, lengths: list[int], seed: int, hole: tuple[int, int] | None = None) -> dict:
    """Integer tensors: input_ids, attention_mask and, for BERT, token_type_ids, each [rows, longest]; labels [rows]."""
    rng = np.random.Generator(np.random.PCG64(seed))
    shape = (len(lengths), max(lengths))
    ids = np.zeros(shape, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    types = np.zeros(shape, dtype=np.int64)
    for row, length in enumerate(lengths):
        ids[row, :length] = rng.integers(len(SPECIALS), len(tokens()), length)
        ids[row, 0] = SPECIALS.index("[CLS]")
        if length > 1:
            ids[row, length - 1] = SPECIALS.index("[SEP]")
        mask[row, :length] = 1
        if row % 2 == 0:
            types[row, length // 2 : length] = 1
    if hole:
        mask[hole[0], hole[1] : hole[1] + 2] = 0
    batch = {"input_ids": ids, "attention_mask": mask}
    if model.config.model_type == "bert":
        batch["token_type_ids"] = types
    batch["labels"] = rng.permutation(np.arange(len(lengths)) % len(LABEL_NAMES))
    return {name: torch.from_numpy(values) for name, values in batch.items()}


def expected_values(model, batch: dict, dtype: torch.dtype) -> dict:
    """The batch, all activations, the mean cross-entropy, and its gradient for every parameter by name."""
    model = copy.deepcopy(model).to(dtype).eval()
    pooled = []
    # Both heads end in dropout and a linear layer, so dropout's input is the pooled output.
    model.dropout.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
    output = model(**batch, output_hidden_states=True, output_attentions=True)
    output.loss.backward()
    values = dict(batch)
    values["logits"] = output.logits
    values["loss"] = output.loss
    values["pooled"] = pooled[0]
    values |= {f"hidden_states.{i}": state for i, state in enumerate(output.hidden_states)}
    values |= {f"attentions.{i}": probabilities for i, probabilities in enumerate(output.attentions)}
    for name, parameter in model.named_parameters():
        gradient = parameter.grad
        if name.endswith(KEY_BIASES) and dtype == torch.float64:
            assert gradient.abs().max() < KEY_BIAS_NOISE, f"{name}: {gradient}"
            gradient = torch.zeros_like(gradient)
        values[f"gradients.{name}"] = gradient
    return {name: value.detach() for name, value in values.items()}


def expected_training(model, batches: list[dict], dtype: torch.dtype) -> dict:
    """The batches and three trainings on them: plain, with gradient accumulation, and with a frozen part."""
    values = {f"batches.{i}.{name}": t for i, batch in enumerate(batches) for name, t in batch.items()}
    runs = {
        "plain": train(model, batches, dtype),
        "accumulated": train(model, batches, dtype, n_micro=TRAINING["accumulated"]["gradient_accumulation_steps"]),
        "frozen": train(model, batches, dtype, frozen=("embeddings.", "layer.0.")),
    }
    for run, results in runs.items():
        values |= {f"{run}.{name}": value for name, value in results.items()}
    return values


def train(model, batches, dtype, n_micro=1, frozen=(), args=TRAINING, decayed=None, optimizer=torch.optim.AdamW) -> dict:
    """Hugging Face's recipe for `n_steps` optimiser steps of `n_micro` batches each, taken in turn from `batches`.

    Returns per step the loss (mean over micro-batches), the gradient norm before clipping and the learning rate,
    and the final value of every trained parameter. `decayed` overrides which parameters decay.
    """
    model = copy.deepcopy(model).to(dtype).eval()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not any(part in name for part in frozen)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if decayed is None:
        decayed = set(Trainer.get_decay_parameter_names(None, model))
    groups = [
        {"params": [p for n, p in trained.items() if n in decayed], "weight_decay": args["weight_decay"]},
        {"params": [p for n, p in trained.items() if n not in decayed], "weight_decay": 0.0},
    ]
    betas = (args["adam_beta1"], args["adam_beta2"])
    adam = optimizer(groups, lr=args["learning_rate"], betas=betas, eps=args["adam_epsilon"])
    schedule = get_linear_schedule_with_warmup(adam, args["n_warmup_steps"], args["n_steps"])
    losses, norms, rates = [], [], []
    for step in range(args["n_steps"]):
        total = 0.0
        for micro in range(step * n_micro, (step + 1) * n_micro):
            loss = model(**batches[micro % len(batches)]).loss / n_micro
            loss.backward()
            total += loss.item()
        norms.append(torch.nn.utils.clip_grad_norm_(trained.values(), args["max_grad_norm"]).item())
        losses.append(total)
        rates.append(schedule.get_last_lr()[0])
        adam.step()
        schedule.step()
        adam.zero_grad()
    values = {"losses": losses, "gradient_norms": norms, "learning_rates": rates}
    values = {name: torch.tensor(numbers, dtype=torch.float64) for name, numbers in values.items()}
    return values | {f"parameters.{name}": p.detach() for name, p in trained.items()}
