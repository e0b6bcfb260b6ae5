#!/usr/bin/env python3
"""Makes foreign/ beside this script: what other programs put beside or in place of a checkpoint's weights.

- adapters/NAME: a LoRA adapter of `tiny-bert` or `tiny-distilbert` as PEFT saves it, its factors and its head drawn at random
  (PEFT's own start adds nothing), and the logits that PEFT computes with it from the batch in the model's
  expected.safetensors, in f64, eager, rounded to f32 once.
- pickled-legacy: the weights of `tiny-bert` by torch.save as it was before 1.6, with query, key and value of each layer as
  views of one storage, a transposed matrix, a parameter, a tensor in f64, an i64 buffer, and the names of DataParallel.
- pickled-f64: the same weights by today's torch.save, biases and LayerNorms in f64.

Run it with the versions of requirements.txt and peft 0.21.2; it needs no network and is not part of CI. `--check` makes the
adapters again and compares bytes; the keys of a legacy file are addresses, so that those are compared by their tensors.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "foreign"
# An adapter must matter.
MOVES_BY = 1e-2

ADAPTERS = {
    "query-value": ("tiny-bert", dict(r=4, lora_alpha=8, target_modules=["query", "value"])),
    "every-matrix": (
        "tiny-bert",
        dict(r=3, lora_alpha=5, use_rslora=True, fan_in_fan_out=True, target_modules=["query", "key", "value", "dense"],
             rank_pattern={"intermediate.dense": 2}, alpha_pattern={"key": 1, "layer.1.output.dense": 2.5}),
    ),
    "embeddings": (
        "tiny-distilbert",
        dict(r=2, lora_alpha=3, target_modules=["word_embeddings", "q_lin", "lin1"],
             modules_to_save=["pre_classifier", "classifier"]),
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="make them again and compare")
    check = parser.parse_args().check
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work:
        made = Path(work)
        for i, (name, (model, settings)) in enumerate(ADAPTERS.items()):
            make_adapter(made / "adapters" / name, model, settings, seed=i)
        make_pickles(made)
        if check:
            return compare(made)
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.copytree(made, FOLDER)
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}: wrote {FOLDER.name}/")
    return 0


def make_adapter(folder, model, settings, seed):
    expected = load_file(HERE / model / "expected.safetensors")
    inputs = {name: expected[name] for name in ("input_ids", "attention_mask", "token_type_ids") if name in expected}
    base = AutoModelForSequenceClassification.from_pretrained(HERE / model, attn_implementation="eager").eval()
    adapted = peft.get_peft_model(base, peft.LoraConfig(task_type="SEQ_CLS", **settings)).eval()
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name or "modules_to_save" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    # Sets, whose order changes from process to process.
    config = {key: sorted(value) if isinstance(value, list) else value for key, value in config.items()}
    config["base_model_name_or_path"] = model
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    with torch.no_grad():
        logits = adapted.double()(**inputs).logits
    assert (logits - expected["logits"]).abs().max() > MOVES_BY, folder.name
    save_file({"logits": logits.float().contiguous()}, folder / "expected.safetensors")


def make_pickles(made):
    weights = load_file(HERE / "tiny-bert/model.safetensors")
    for name in ("pickled-legacy", "pickled-f64"):
        (made / name).mkdir()
        shutil.copy(HERE / "tiny-bert/config.json", made / name)
    legacy = {}
    for layer in range(2):
        names = [f"bert.encoder.layer.{layer}.attention.self.{part}.weight" for part in ("query", "key", "value")]
        for name, view in zip(names, torch.cat([weights[name] for name in names]).chunk(3)):
            legacy[name] = view
    for name, tensor in weights.items():
        if name in legacy:
            continue
        if name.endswith("intermediate.dense.weight"):
            tensor = tensor.t().contiguous().t()
        elif name == "classifier.weight":
            tensor = torch.nn.Parameter(tensor)
        elif name == "classifier.bias":
            tensor = tensor.double()
        legacy[name] = tensor
    legacy["bert.embeddings.position_ids"] = torch.arange(48).expand(1, -1)
    legacy = {f"module.{name}": tensor for name, tensor in legacy.items()}
    torch.save(legacy, made / "pickled-legacy/pytorch_model.bin", _use_new_zipfile_serialization=False)
    mixed = {name: tensor.double() if tensor.dim() == 1 else tensor for name, tensor in weights.items()}
    torch.save(mixed, made / "pickled-f64/pytorch_model.bin")


def compare(made):
    files = sorted(path.relative_to(made) for path in made.rglob("*") if path.is_file())
    there = sorted(path.relative_to(FOLDER) for path in FOLDER.rglob("*") if path.is_file())
    changed = [f"{path}" for path in set(files) ^ set(there)]
    for path in set(files) & set(there):
        if path.suffix == ".bin":
            a, b = (torch.load(folder / path, weights_only=False) for folder in (made, FOLDER))
            is_same = a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
        else:
            is_same = (made / path).read_bytes() == (FOLDER / path).read_bytes()
        if not is_same:
            changed.append(f"{path}")
    print("\n".join(changed) or f"{len(files)} files are the same")
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
