#!/usr/bin/env python3
"""Makes the golden files beside this script: tiny random models and what PyTorch and transformers compute from them.

Run it with the versions of requirements.txt; it needs no network and is not part of CI.
Expected values are computed in f64 from the f32 weights and rounded to f32 once, so that they carry no
rounding of their own and hardly depend on the processor. Re-running gives identical bytes; `--check` says so
without touching anything.
"""

import argparse
import copy
import filecmp
import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForPreTraining,
    BertForSequenceClassification,
    BertModel,
    BertTokenizerFast,
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertForSequenceClassification,
    DistilBertTokenizerFast,
)

sys.dont_write_bytecode = True
from awkward_texts import TEXTS, as_json, token_rows
from reference import KEY_BIASES, LABEL_NAMES, TRAINING, expected_values, expected_training, forward_batch, training_batches
from sensitivity import assert_sensitive
from tiny_vocabulary import tokens

HERE = Path(__file__).resolve().parent
MARKER = "<!-- Everything below is written by make_golden.py. -->\n"
# A checkpoint without this metadata is refused by some releases of transformers.
FORMAT = {"format": "pt"}
MAX_LENGTH = 16


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="make everything in a temporary folder and compare bytes")
    check = parser.parse_args().check
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch)
        notes = make_all(made)
        files = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
        if check:
            different = [str(f) for f in files if not (HERE / f).is_file() or not filecmp.cmp(made / f, HERE / f, False)]
            print(f"{len(files)} files made, {len(different)} differ", *different, sep="\n  ")
            sys.exit(1 if different else 0)
        for folder in sorted({f.parts[0] for f in files}):
            shutil.rmtree(HERE / folder, ignore_errors=True)
            shutil.copytree(made / folder, HERE / folder)
    write_readme(files, notes)


def make_all(out: Path) -> list[str]:
    """Every golden file under `out`; returns lines for the README about what was measured on the way."""
    bert = tiny_bert()
    distilbert = tiny_distilbert()
    notes = []
    for name, model in [("tiny-bert", bert), ("tiny-distilbert", distilbert)]:
        folder = out / name
        save_model(model, folder)
        batch = forward_batch(model)
        batches = training_batches(model)
        values = expected_values(model, batch, torch.float64)
        training = expected_training(model, batches, torch.float64)
        save_expected(values, folder / "expected.safetensors")
        save_expected(training, folder / "training.safetensors")
        (folder / "training.json").write_text(json.dumps(TRAINING, indent=2) + "\n")
        notes += [f"### {name}", ""]
        notes += rounding_of_f32(values, expected_values(model, batch, torch.float32))
        notes += rounding_of_f32(training, expected_training(model, batches, torch.float32))
        notes += [""] + assert_sensitive(model, batch, batches) + [""]
    make_variants(bert, distilbert, out / "variants")
    make_tokenizer_golden(out)
    return notes


def tiny_bert():
    config = BertConfig(
        vocab_size=len(tokens()), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=48, type_vocab_size=2, hidden_act="gelu", layer_norm_eps=1e-12, **labels(),
    )
    return randomised(BertForSequenceClassification(config), seed=1)


def tiny_distilbert():
    config = DistilBertConfig(
        vocab_size=len(tokens()), dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=48,
        activation="gelu", **labels(),
    )
    return randomised(DistilBertForSequenceClassification(config), seed=2)


def labels() -> dict:
    return {
        "id2label": dict(enumerate(LABEL_NAMES)),
        "label2id": {name: i for i, name in enumerate(LABEL_NAMES)},
        "attn_implementation": "eager",
    }


def randomised(model, seed: int):
    """Gives every parameter a value far from its neutral one (0, or 1 for LayerNorm), so that leaving it out shows.

    NumPy's generator and not torch's, whose normal samples depend on the processor's vector width.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    for name, parameter in sorted(model.named_parameters()):
        values = rng.standard_normal(tuple(parameter.shape))
        if "norm" in name.lower() and name.endswith("weight"):
            values = 1.0 + 0.2 * values
        elif name.endswith("bias"):
            values = 0.1 * values
        elif "embeddings" in name:
            values = 0.02 * values  # Small, so that a LayerNorm epsilon of 1e-6 instead of 1e-12 shows.
        elif any(part in name for part in ("query", "key", "q_lin", "k_lin", "classifier")):
            values = 0.3 * values
        else:
            values = 0.2 * values
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(values).float())
    return model.eval()


def save_model(model, folder: Path, **save_options):
    """A whole Hugging Face folder: weights, config and tokenizer."""
    model.save_pretrained(folder, **save_options)
    save_tokenizer(model.config.model_type, folder)


def save_tokenizer(model_type: str, folder: Path):
    kind = DistilBertTokenizerFast if model_type == "distilbert" else BertTokenizerFast
    vocabulary = {token: i for i, token in enumerate(tokens())}
    tokenizer = kind(vocab=vocabulary, do_lower_case=True, model_max_length=48)
    if model_type == "distilbert":
        # Real checkpoints carry such settings (all-MiniLM-L6-v2 does); a loader has to set its own.
        tokenizer.backend_tokenizer.enable_truncation(8)
        tokenizer.backend_tokenizer.enable_padding(length=8)
    tokenizer.save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens()), encoding="utf-8")


def save_expected(values: dict, path: Path):
    """Floats as f32, integers as i64."""
    narrow = {k: v.float() if v.is_floating_point() else v for k, v in values.items()}
    save_file({k: v.contiguous() for k, v in narrow.items()}, path)


def make_variants(bert, distilbert, out: Path):
    """The same weights as they are met on the hub: other number formats, shards, names and company."""
    batch = forward_batch(bert)
    for name, dtype in [("tiny-bert-f16", torch.float16), ("tiny-bert-bf16", torch.bfloat16)]:
        narrow = copy.deepcopy(bert).to(dtype)
        save_model(narrow, out / name)
        logits = expected_values(narrow, batch, torch.float64)["logits"]
        save_expected({"logits": logits}, out / name / "expected.safetensors")

    save_model(bert, out / "tiny-bert-sharded", max_shard_size="60KB")
    n_shards = len(list((out / "tiny-bert-sharded").glob("model-*.safetensors")))
    assert n_shards == 2, f"{n_shards} shards"

    plain = BertConfig(**without_head(bert.config))
    encoder = BertModel(plain, add_pooling_layer=False)
    encoder.load_state_dict({k: v for k, v in bert.bert.state_dict().items() if not k.startswith("pooler.")})
    save_model(encoder, out / "tiny-bert-encoder-only")

    gamma_beta = out / "tiny-bert-gamma-beta"
    save_model(bert, gamma_beta)
    old_names = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    renamed = {}
    for name, tensor in bert.state_dict().items():
        for new, old in old_names.items():
            name = name.replace(new, old)
        renamed[name] = tensor
    save_file(renamed, gamma_beta / "model.safetensors", FORMAT)

    pretraining = randomised(BertForPreTraining(plain), seed=3)
    pretraining.bert.load_state_dict(bert.bert.state_dict())
    folder = out / "tiny-bert-pretraining"
    save_model(pretraining, folder)
    everything = {k: v.clone() for k, v in pretraining.state_dict().items()}  # With the tied decoder, as old files have it.
    everything["bert.embeddings.position_ids"] = torch.arange(plain.max_position_embeddings).unsqueeze(0)
    save_file(everything, folder / "model.safetensors", FORMAT)

    masked_lm = randomised(DistilBertForMaskedLM(DistilBertConfig(**without_head(distilbert.config))), seed=4)
    masked_lm.distilbert.load_state_dict(distilbert.distilbert.state_dict())
    save_model(masked_lm, out / "tiny-distilbert-masked-lm")

    make_pickled(bert, out)

    # One epsilon so large that each LayerNorm's use of the config shows; the weights are tiny-bert's own.
    config = BertConfig(**{**bert.config.to_dict(), "layer_norm_eps": 0.01, "attn_implementation": "eager"})
    large_eps = BertForSequenceClassification(config).eval()
    large_eps.load_state_dict(bert.state_dict())
    config.save_pretrained(out / "tiny-bert-large-eps")
    logits = expected_values(large_eps, batch, torch.float64)["logits"]
    save_expected({"logits": logits}, out / "tiny-bert-large-eps" / "expected.safetensors")
    check_variants(bert, distilbert, out)


def make_pickled(bert, out: Path):
    """`torch.save` of the weights of `tiny-bert`: whole, and in two shards of f16 and bf16."""
    weights = bert.state_dict()
    whole = out / "tiny-bert-pickled"
    whole.mkdir(parents=True)
    bert.config.save_pretrained(whole)
    # As converted from TensorFlow: the same matrix, whose numbers lie by columns.
    query = "bert.encoder.layer.0.attention.self.query.weight"
    turned = weights[query].t().contiguous().t()
    assert not turned.is_contiguous() and torch.equal(turned, weights[query])
    weights[query] = turned
    torch.save(weights, whole / "pytorch_model.bin")

    sharded = out / "tiny-bert-pickled-sharded"
    sharded.mkdir()
    bert.config.save_pretrained(sharded)
    names = list(weights)
    weight_map = {}
    for i, (dtype, part) in enumerate([(torch.float16, names[::2]), (torch.bfloat16, names[1::2])]):
        file = f"pytorch_model-{i + 1:05}-of-00002.bin"
        torch.save({name: weights[name].to(dtype) for name in part}, sharded / file)
        weight_map.update({name: file for name in part})
    index = {"metadata": {}, "weight_map": dict(sorted(weight_map.items()))}
    (sharded / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2) + "\n")


def without_head(config) -> dict:
    """The settings of the encoder alone."""
    return {k: v for k, v in config.to_dict().items() if k not in ("id2label", "label2id", "architectures")}


def check_variants(bert, distilbert, out: Path):
    """What is claimed of the variants is what transformers makes of them."""
    same = {"tiny-bert-sharded": bert, "tiny-bert-gamma-beta": bert}
    encoders = {"tiny-bert-encoder-only": bert, "tiny-bert-pretraining": bert, "tiny-distilbert-masked-lm": distilbert}
    for name, original in {**same, **encoders}.items():
        loaded, report = type(original).from_pretrained(out / name, output_loading_info=True)
        head = ("classifier.", "pre_classifier.", "bert.pooler.")
        missing = sorted(report["missing_keys"])
        assert all(name in encoders and key.startswith(head) for key in missing), f"{name} lacks {missing}"
        expected = original.state_dict()
        for key, tensor in loaded.state_dict().items():
            assert key in missing or torch.equal(tensor, expected[key]), f"{name}: {key} differs"


def make_tokenizer_golden(out: Path):
    rows, again = (
        token_rows(transformers.AutoTokenizer.from_pretrained(out / model), TEXTS, MAX_LENGTH)
        for model in ("tiny-bert", "tiny-distilbert")
    )
    assert rows == again, "both models have the same tokenizer"
    (out / "tokenizer").mkdir()
    (out / "tokenizer" / "awkward.json").write_text(as_json(rows), encoding="ascii")


def rounding_of_f32(exact: dict, rounded: dict) -> list[str]:
    """How far transformers' own f32 lies from the f64 values, a line for each kind of value: a measure for tolerances."""
    worst: dict[str, float] = {}
    for name, value in exact.items():
        if not value.is_floating_point() or name.endswith(KEY_BIASES):
            continue
        kind = name.split(".", 2)[1] if name.split(".")[0] in ("plain", "accumulated", "frozen") else ""
        kind = f"{name.split('.')[0]}.{kind}".rstrip(".")
        difference = (value - rounded[name].double()).abs().max().item()
        worst[kind] = max(worst.get(kind, 0.0), difference)
    return [f"- f32 lies within {difference:.0e} of f64: `{kind}`" for kind, difference in worst.items()]


def write_readme(files: list[Path], notes: list[str]):
    readme = HERE / "README.md"
    head = readme.read_text(encoding="utf-8").split(MARKER)[0]
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}, numpy {np.__version__}"
    table = ["| sha256 | bytes | file |", "| --- | --- | --- |"]
    for file in files:
        content = (HERE / file).read_bytes()
        table.append(f"| {hashlib.sha256(content).hexdigest()} | {len(content)} | {file.as_posix()} |")
    tail = [MARKER, f"Made with {versions}.", "", "## Measured while making them", "", *notes, "## Checksums", "", *table]
    readme.write_text(head + "\n".join(tail) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
