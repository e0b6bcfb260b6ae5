#!/usr/bin/env python3
"""Parquet files of three writers, in every packing, version of pages and type of label: one content hash.

    cargo build --locked --workspace --exclude web --bin bert-heal
    python3 tests/scripts/compare_parquet_writers.py [BERT_HEAL]

Run by hand, outside CI. Installs the versions below into a temporary virtual environment (a package registry must be in
reach), writes the same rows with each of them, evaluates the tiny model of tests/golden on every file and compares the hash of
the data that `bert-heal evaluate --json` prints with one that is computed here from the layout in the documentation of
`shared::dataset::Dataset::content_hash`. Exits with 1 if one differs or cannot be read.
"""

import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "tests/golden/tiny-bert"
VERSIONS = ["pyarrow==26.0.1", "polars==2.1.0", "duckdb==2.0.1"]

# The classes of the model, and the same in another order, as a file of its own may have them.
NAMES = ["negative", "neutral", "positive"]
TURNED = ["positive", "negative", "neutral"]
N_ROWS = 180


def rows(n_classes):
    return [(i % n_classes, f"the film {i} is \"good\", says café {i % 7}") for i in range(N_ROWS)]


def content_hash(rows):
    """See `Dataset::content_hash`: a single file that is evaluated is the test split."""
    digest = hashlib.sha256()
    for split, examples in (("train", []), ("validation", []), ("test", rows)):
        digest.update(struct.pack("<Q", len(split)) + split.encode() + struct.pack("<Q", len(examples)))
        for label, text in examples:
            text = text.encode()
            digest.update(struct.pack("<IQ", label, len(text)) + text)
    return digest.hexdigest()


def n_classes(kind):
    return 2 if kind == "bool" else 3


def from_pyarrow(folder):
    import decimal

    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"text": {"dtype": "string", "_type": "Value"}, "label": {"names": TURNED, "_type": "ClassLabel"}}
    huggingface = {"huggingface": json.dumps({"info": {"features": features}})}
    kinds = {
        "string": lambda ids: pa.array([NAMES[i] for i in ids]),
        "large_string": lambda ids: pa.array([NAMES[i] for i in ids], pa.large_string()),
        "string_view": lambda ids: pa.array([NAMES[i] for i in ids], pa.string_view()),
        "dictionary": lambda ids: pa.array([NAMES[i] for i in ids]).dictionary_encode(),
        "int64": lambda ids: pa.array(ids, pa.int64()),
        "int8": lambda ids: pa.array(ids, pa.int8()),
        "uint32": lambda ids: pa.array(ids, pa.uint32()),
        "ClassLabel": lambda ids: pa.array([TURNED.index(NAMES[i]) for i in ids], pa.int64()),
        "decimal": lambda ids: pa.array([decimal.Decimal(i) for i in ids], pa.decimal128(5, 2)),
        "decimal as integer": lambda ids: pa.array([decimal.Decimal(i) for i in ids], pa.decimal128(5, 2)),
        "bool": lambda ids: pa.array([i == 1 for i in ids]),
        "float32": lambda ids: pa.array(ids, pa.float32()),
        "float64": lambda ids: pa.array([float(i) for i in ids], pa.float64()),
    }
    for kind, labels in kinds.items():
        table = rows(n_classes(kind))
        data = pa.table({"text": pa.array([text for _, text in table]), "label": labels([label for label, _ in table])})
        if kind == "ClassLabel":
            data = data.replace_schema_metadata(huggingface)
        for codec in ("none", "snappy", "gzip", "brotli", "lz4", "zstd"):
            for version in ("1.0", "2.0"):
                for has_dictionary in (True, False):
                    path = folder / f"{len(list(folder.iterdir()))}.parquet"
                    pq.write_table(data, path, compression=codec, data_page_version=version,
                                   use_dictionary=has_dictionary, row_group_size=100, data_page_size=1000,
                                   store_decimal_as_integer=kind == "decimal as integer")
                    yield f"pyarrow {codec} {version} {kind}{'' if has_dictionary else ' plain'}", kind, path


def from_polars(folder):
    import polars as pl

    kinds = {
        "string": lambda ids: pl.Series([NAMES[i] for i in ids], dtype=pl.String),
        "dictionary": lambda ids: pl.Series([NAMES[i] for i in ids], dtype=pl.Categorical),
        "enum": lambda ids: pl.Series([NAMES[i] for i in ids], dtype=pl.Enum(NAMES)),
        "int64": lambda ids: pl.Series(ids, dtype=pl.Int64),
        "decimal": lambda ids: pl.Series(ids, dtype=pl.Int64).cast(pl.Decimal(5, 2)),
        "bool": lambda ids: pl.Series([i == 1 for i in ids], dtype=pl.Boolean),
        "float32": lambda ids: pl.Series(ids, dtype=pl.Float32),
        "float64": lambda ids: pl.Series(ids, dtype=pl.Float64),
    }
    for kind, labels in kinds.items():
        table = rows(n_classes(kind))
        data = pl.DataFrame({"text": [text for _, text in table], "label": labels([label for label, _ in table])})
        for codec in ("uncompressed", "snappy", "gzip", "brotli", "lz4", "zstd"):
            path = folder / f"{len(list(folder.iterdir()))}.parquet"
            data.write_parquet(path, compression=codec, row_group_size=100, data_page_size=1000)
            yield f"polars {codec} {kind}", kind, path


def from_duckdb(folder):
    import duckdb

    kinds = {
        "string": f"{NAMES}[label + 1]",
        "enum": f"{NAMES}[label + 1]::ENUM ('negative', 'neutral', 'positive')",
        "int32": "label::INTEGER",
        "uint8": "label::UTINYINT",
        "decimal": "label::DECIMAL(5, 2)",
        "decimal of a case": "case label when 0 then 0.0 when 1 then 1.0 else 2.0 end",
        "wide decimal": "label::DECIMAL(30, 4)",
        "bool": "label = 1",
        "float32": "label::FLOAT",
        "float64": "label::DOUBLE",
    }
    database = duckdb.connect()
    for kind, label in kinds.items():
        table = rows(n_classes(kind))
        database.execute("create or replace table rows (label bigint, text varchar)")
        database.executemany("insert into rows values (?, ?)", table)
        for codec in ("uncompressed", "snappy", "gzip", "brotli", "lz4", "lz4_raw", "zstd"):
            for version in ("V1", "V2"):
                path = folder / f"{len(list(folder.iterdir()))}.parquet"
                database.execute(f"copy (select text, {label} as label from rows) to '{path}' "
                                 f"(format parquet, codec {codec}, parquet_version {version})")
                yield f"duckdb {codec} {version} {kind}", kind, path


def read(program, path, folder):
    command = [program, "evaluate", "--model", MODEL, "--dataset", path, "--max-length", "8", "--batch-size", "180", "--json",
               "--out", folder / "out"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True,
                          env={**os.environ, "HF_HUB_OFFLINE": "1", "NO_COLOR": "1"})
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ["no reason"])[-1]
    return json.loads(done.stdout)["hashes"]["data"], ""


def compare(program):
    n_read = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "files").mkdir()
        for writer in (from_pyarrow, from_polars, from_duckdb):
            for case, kind, path in writer(folder / "files"):
                found, reason = read(program, path, folder)
                is_right = found == content_hash(rows(n_classes(kind)))
                name = case.split()[0]
                right, total = n_read.get(name, (0, 0))
                n_read[name] = (right + is_right, total + 1)
                if not is_right:
                    print(f"{case}: {reason or f'other data, {found}'}")
    for name, (right, total) in n_read.items():
        print(f"{name}: {right} of {total}")
    right, total = (sum(counts) for counts in zip(*n_read.values()))
    print(f"{time.strftime('%Y-%m-%d')}, {', '.join(VERSIONS)}: {right} of {total} files are one content hash")
    return 0 if right == total else 1


def main():
    program = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/debug/bert-heal").resolve()
    if not program.is_file():
        sys.exit(f"{program}: expected the program, got no such file")
    if os.environ.get("COMPARE_PARQUET_WRITERS"):
        sys.exit(compare(program))
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--only-binary=:all:", *VERSIONS], check=True)
        environment = {**os.environ, "COMPARE_PARQUET_WRITERS": "1"}
        sys.exit(subprocess.run([python, __file__, program], env=environment).returncode)


if __name__ == "__main__":
    main()
