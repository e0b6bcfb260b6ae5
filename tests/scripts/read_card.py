#!/usr/bin/env python3
"""Opens an exported folder as the hub, transformers and safetensors do, and checks that its damage is told.

    pip install huggingface_hub transformers safetensors
    bert-heal export --model RUN --which healed --for hub --out OUT
    python tests/scripts/read_card.py OUT healed

Run by hand, outside CI. Exits with 1 if the card's YAML does not parse, a result is missing, config.json and the weights
tell another history than was asked for, or transformers has any remark on the config.
"""

import argparse
import json
import logging
import os
import sys
import warnings
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import transformers
from huggingface_hub import ModelCard
from safetensors import safe_open


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("condition", choices=["healthy", "corrupted", "healed"])
    args = parser.parse_args()

    # Parses the YAML and validates model-index.
    card = ModelCard.load(args.folder / "README.md", ignore_metadata_errors=False)
    remarks = []
    listener = logging.Handler(logging.WARNING)
    listener.emit = lambda record: remarks.append(record.getMessage())
    transformers.logging.get_logger("transformers").addHandler(listener)
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        config = transformers.AutoConfig.from_pretrained(args.folder)
    remarks += [str(warning.message) for warning in raised]
    with safe_open(args.folder / "model.safetensors", "np") as weights:
        metadata = weights.metadata()

    faults = [f"transformers: {remark}" for remark in remarks]
    if config.bert_heal["condition"] != args.condition:
        faults.append(f"config.json says {config.bert_heal['condition']}")
    if metadata["format"] != "pt" or json.loads(metadata["bert_heal"]) != config.bert_heal:
        faults.append("the weights' metadata and config.json do not tell the same")
    is_damaged = args.condition != "healthy"
    if ("Warning" in card.text) != is_damaged or ("corrupted" in card.data.tags) != is_damaged:
        faults.append(f"the card of a {args.condition} model has tags {card.data.tags}")
    results = {result.metric_type: result.metric_value for result in card.data.eval_results or []}
    if set(results) != {"accuracy", "f1"}:
        faults.append(f"the card's results are {results}")
    print(f"{card.data.model_name}: {results}, tags {card.data.tags}")
    print(*faults, sep="\n", file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
