"""Likely mistakes, made on purpose: a golden file is only worth something if each of them shows in it."""

import copy

import torch
from transformers.activations import ACT2FN, GELUActivation

from reference import TRAINING, expected_values, train

# More than ten times the rounding of f32 in logits and trained parameters (README.md, "Measured while making them").
VISIBLE = 1e-4


def assert_sensitive(model, batch: dict, batches: list[dict]) -> list[str]:
    """Fails unless every mistake moves its result by more than `VISIBLE`; returns a README line for each."""
    lines = []
    for what, mistakes in [
        ("logits", forward_mistakes(model, batch)),
        ("trained parameters", training_mistakes(model, batches)),
    ]:
        for mistake, difference in mistakes.items():
            assert difference > VISIBLE, f"{mistake} moves {what} by {difference:.1e} only"
            lines.append(f"- {mistake}: moves {what} by {difference:.0e}")
    return lines


def forward_mistakes(model, batch: dict) -> dict[str, float]:
    """The largest change of a logit for each mistake in the forward pass."""

    def logits(changed_model=model, **changed_batch):
        return expected_values(changed_model, {**batch, **changed_batch}, torch.float64)["logits"]

    right = logits()

    def moved(wrong) -> float:
        return (wrong - right).abs().max().item()

    def with_modules(change):
        changed = copy.deepcopy(model)
        for module in changed.modules():
            change(module)
        return changed

    def tanh_gelu(module):
        for name, child in module.named_children():
            if isinstance(child, GELUActivation):
                setattr(module, name, ACT2FN["gelu_pytorch_tanh"])

    def wide_epsilon(module):
        if isinstance(module, torch.nn.LayerNorm):
            module.eps = 1e-6

    def unscaled(module):
        if hasattr(module, "scaling"):
            module.scaling = 1.0

    def plain_norm(module):
        if isinstance(module, torch.nn.LayerNorm):
            torch.nn.init.ones_(module.weight)
            torch.nn.init.zeros_(module.bias)

    results = {
        "tanh-GELU for erf-GELU": moved(logits(with_modules(tanh_gelu))),
        "LayerNorm epsilon 1e-6 for 1e-12": moved(logits(with_modules(wide_epsilon))),
        "LayerNorm without gain and bias": moved(logits(with_modules(plain_norm))),
        "attention not divided by the root of the head size": moved(logits(with_modules(unscaled))),
        "no attention mask": moved(logits(attention_mask=torch.ones_like(batch["attention_mask"]))),
        "inverted attention mask": moved(logits(attention_mask=1 - batch["attention_mask"])),
    }
    if "token_type_ids" in batch:
        results["token types left out"] = moved(logits(token_type_ids=torch.zeros_like(batch["token_type_ids"])))
    return results


def training_mistakes(model, batches: list[dict]) -> dict[str, float]:
    """The largest change of a final parameter for each mistake in ten steps of training."""
    right = train(model, batches, torch.float64)
    parameters = [name for name in right if name.startswith("parameters.")]

    def moved(**changes) -> float:
        wrong = train(model, batches, torch.float64, **changes)
        return max((wrong[name] - right[name]).abs().max().item() for name in parameters)

    everything = {name for name, _ in model.named_parameters()}
    norms = right["gradient_norms"]
    assert (norms > TRAINING["max_grad_norm"]).any() and (norms < TRAINING["max_grad_norm"]).any(), f"clipping {norms}"
    return {
        "decay on biases and LayerNorms too": moved(decayed=everything),
        "no decay": moved(decayed=set()),
        "decay through the gradient (Adam for AdamW)": moved(optimizer=torch.optim.Adam),
        "no clipping": moved(args={**TRAINING, "max_grad_norm": float("inf")}),
        "warm-up one step longer": moved(args={**TRAINING, "n_warmup_steps": 4}),
        "AdamW epsilon 1e-6 for 1e-8": moved(args={**TRAINING, "adam_epsilon": 1e-6}),
    }
