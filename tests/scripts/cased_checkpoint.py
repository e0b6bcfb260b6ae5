#!/usr/bin/env python3
"""The same tokenizer here and in transformers: every way to say whether case matters, and a cased model that is healed.

    pip install torch transformers==5.24.* safetensors
    python tests/scripts/cased_checkpoint.py BERT_HEAL

Run by hand, outside CI; nothing is fetched. First a copy of tests/golden/tiny-bert for each way in which tokenizer.json
and tokenizer_config.json may agree, differ or be missing: `bert-heal predict` must give the logits that transformers gives
for that folder, and say so where the two files contradict each other. Then a cased one is fine-tuned, damaged and healed,
and each of the run's four checkpoints is opened by transformers' `pipeline()`: the logits must be those of `predict` within
1e-4. Exits with 1 on the first kind of difference, after the whole table.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
sys.dont_write_bytecode = True

import transformers

MODEL = Path(__file__).resolve().parents[1] / "golden/tiny-bert"
TEXTS = ["The FILM was Good", "the film was good", "A Café and a cafe", "THE PLOT IS BAD", "漢字 film"]
TOLERANCE = 1e-4

LOWER, CASED = {"lowercase": True}, {"lowercase": False}
# Name, what tokenizer.json's normaliser says (None: no such file), tokenizer_config.json (None: no such file).
CASES = [
    ("both lower-case", LOWER, {"do_lower_case": True}),
    ("both keep case", CASED, {"do_lower_case": False}),
    ("json lowers, config keeps", LOWER, {"do_lower_case": False}),
    ("json keeps, config lowers", CASED, {"do_lower_case": True}),
    ("json keeps, config silent", CASED, {"model_max_length": 48}),
    ("json keeps, no config", CASED, None),
    ("json lowers, no config", LOWER, None),
    ("fast class, json keeps, config lowers", CASED, {"do_lower_case": True, "tokenizer_class": "BertTokenizerFast"}),
    ("DistilBERT's class, json lowers, config keeps", LOWER, {"do_lower_case": False, "tokenizer_class": "DistilBertTokenizer"}),
    ("generic class, json keeps", CASED, {"tokenizer_class": "PreTrainedTokenizerFast"}),
    ("generic class, json keeps, config lowers", CASED, {"do_lower_case": True, "tokenizer_class": "PreTrainedTokenizerFast"}),
    ("accents kept by config", LOWER, {"do_lower_case": True, "strip_accents": False}),
    ("accents stripped by config", CASED, {"do_lower_case": False, "strip_accents": True}),
    ("Chinese characters not split by config", LOWER, {"tokenize_chinese_chars": False}),
    ("vocabulary alone", None, None),
    ("vocabulary, config keeps", None, {"do_lower_case": False}),
]


def copy_of_model(folder, normalizer, config):
    shutil.copytree(MODEL, folder)
    path = folder / "tokenizer.json"
    if normalizer is None:
        path.unlink()
    else:
        file = json.loads(path.read_text())
        file["normalizer"] = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                              "strip_accents": None, **normalizer}
        path.write_text(json.dumps(file))
    (folder / "tokenizer_config.json").unlink()
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def ours(program, folder):
    done = subprocess.run([program, "predict", "--model", folder, "--json"], input="\n".join(TEXTS) + "\n",
                          capture_output=True, text=True, check=True)
    return [row["logits"] for row in json.loads(done.stdout)], done.stderr


def theirs(folder):
    """As the pipeline gives them, without its softmax."""
    classify = transformers.pipeline("text-classification", model=str(folder), top_k=None, function_to_apply="none")
    rows = []
    for answer in classify(TEXTS):
        scores = {row["label"]: row["score"] for row in answer}
        rows.append([scores[name] for _, name in sorted(classify.model.config.id2label.items())])
    return rows


def difference(a, b):
    return max(abs(x - y) for row, other in zip(a, b, strict=True) for x, y in zip(row, other, strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bert_heal", type=Path)
    program = str(parser.parse_args().bert_heal.resolve())
    print(f"transformers {transformers.__version__}")
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    is_right = True

    def report(name, gap, more=""):
        nonlocal is_right
        is_right &= gap <= TOLERANCE
        print(f"{'passed' if gap <= TOLERANCE else 'FAILED'}  {name}: logits within {gap:.1e}{more}")

    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        for i, (name, normalizer, config) in enumerate(CASES):
            folder = copy_of_model(work / f"case-{i}", normalizer, config)
            logits, said = ours(program, folder)
            report(name, difference(logits, theirs(folder)), ", said" if "contradict" in said else "")

        data = work / "data"
        data.mkdir()
        (data / "labels.txt").write_text("negative\nneutral\npositive\n")
        rows = "".join(f"{i % 3}\t{['Bad', 'slow', 'GOOD'][i % 3]} film {i}, {TEXTS[i % len(TEXTS)]}\n" for i in range(90))
        for split in ("train", "test"):
            (data / f"{split}.tsv").write_text("label\ttext\n" + rows)
        cased = copy_of_model(work / "cased", CASED, {"do_lower_case": False})
        run = work / "run"
        subprocess.run([program, "run", "--model", cased, "--dataset", data, "--out", run, "--epochs", "2", "--batch-size", "16",
                        "--learning-rate", "1e-3", "--corrupt", "kaiming@bottom:0.5", "--protocol", "finetuned"],
                       check=True, capture_output=True)
        for which in ("healthy", "control", "corrupted", "healed"):
            folder = run / "checkpoint" / which
            report(f"cased model, {which}", difference(ours(program, folder)[0], theirs(folder)))
            lowered = copy_of_lowered(folder, work / f"lowered-{which}")
            report_gap = difference(ours(program, folder)[0], theirs(lowered))
            print(f"        without tokenizer_config.json transformers would be off by {report_gap:.2f}")
    return 0 if is_right else 1


def copy_of_lowered(folder, to):
    shutil.copytree(folder, to)
    (to / "tokenizer_config.json").unlink()
    return to


if __name__ == "__main__":
    sys.exit(main())
