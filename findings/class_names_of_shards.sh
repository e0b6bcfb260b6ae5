#!/usr/bin/env bash
# Two Parquet shards of one split, each with its own order of the same class names (Hugging Face's metadata, ClassLabel), are
# concatenated by label id: the second shard's rows get the other class, without a word.
#
# Seen on 2026-11-29 with datasets 5.2.0, pyarrow 25.0.0, Python 3.11: load_dataset("parquet", data_files=[a, b]) takes the
# names of the first file for both; each file read by itself is right. Expected: matched by name, or refused.
# Exits with 0 while that is so, with 1 when it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "datasets==5.2.0" "pyarrow==25.0.0"
cd "$folder"
HF_HUB_OFFLINE=1 HF_HOME="$folder/home" venv/bin/python - <<'PYTHON'
import importlib.metadata as metadata
import sys

from datasets import ClassLabel, Dataset, Features, Value, disable_progress_bars, load_dataset

disable_progress_bars()
rows = [("a fine film", "good"), ("a dull film", "bad")]
for file, names in [("a.parquet", ["bad", "good"]), ("b.parquet", ["good", "bad"])]:
    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    columns = {"text": [text for text, _ in rows], "label": [names.index(name) for _, name in rows]}
    Dataset.from_dict(columns, features=features).to_parquet(file)

def read(files):
    table = load_dataset("parquet", data_files=files, split="train")
    return [(row["text"], table.features["label"].int2str(row["label"])) for row in table]

print("datasets", metadata.version("datasets"), "pyarrow", metadata.version("pyarrow"))
alone = [read("a.parquet"), read("b.parquet")]
together = read(["a.parquet", "b.parquet"])
print("written, twice:", rows)
print("each alone:    ", alone)
print("both together: ", together)
swapped = [(text, {"good": "bad", "bad": "good"}[name]) for text, name in rows]
sys.exit(0 if alone == [rows, rows] and together == rows + swapped else 1)
PYTHON
