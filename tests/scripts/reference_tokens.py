#!/usr/bin/env python3
"""Writes the token ids that transformers gives for a model's tokenizer, in the form of golden/tokenizer/awkward.json.

For tokenizers that are not ours to commit: make the file where the model lies, and let the tests read it from there.
The texts are the awkward ones of the golden files and, with --texts, those of a data file.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "golden"))

import transformers
from awkward_texts import TEXTS, as_json, token_rows

from compare_logits import read_texts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir", help="a folder with a tokenizer in Hugging Face layout")
    parser.add_argument("out", help="the JSON file to write")
    parser.add_argument("--texts", help="more texts: one a line, or a data file with the header label<TAB>text")
    parser.add_argument("--max-length", type=int, default=16, help="length of the cut ids (default 16)")
    args = parser.parse_args()

    texts = list(TEXTS)
    if args.texts:
        texts += [(f"row_{i}", text) for i, text in enumerate(read_texts(args.texts), start=1)]
    rows = token_rows(transformers.AutoTokenizer.from_pretrained(args.model_dir), texts, args.max_length)
    Path(args.out).write_text(as_json(rows), encoding="ascii")
    print(f"{len(rows)} texts")


if __name__ == "__main__":
    main()
