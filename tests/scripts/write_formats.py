#!/usr/bin/env python3
"""Writes a dataset of TSV files in the other formats, one folder each, by writers that are not ours.

    pip install pyarrow==25.*
    python tests/scripts/write_formats.py DATASET OUT
    for format in tsv csv jsonl parquet csv.gz; do
        bert-heal run --model MODEL --dataset OUT/$format --out runs/$format --json | jq -c '[.run_id, .healthy.accuracy]'
    done

Run by hand, outside CI; `tests/cli/formats.rs` makes the same comparison with tables of our own making. Every run must have
the same id, which holds the hash of the rows, and the same accuracy to the last bit.
"""

import argparse
import csv
import gzip
import io
import json
import shutil
from pathlib import Path

import pyarrow
import pyarrow.parquet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="a folder of .tsv files with the header label<TAB>text")
    parser.add_argument("out", type=Path, help="the folder to write tsv/, csv/, jsonl/, parquet/ and csv.gz/ into")
    args = parser.parse_args()
    writers = {"tsv": tsv, "csv": as_csv, "jsonl": jsonl, "parquet": parquet, "csv.gz": lambda rows: gzip.compress(as_csv(rows))}
    for ending, write in writers.items():
        folder = args.out / ending
        folder.mkdir(parents=True)
        for file in sorted(args.dataset.glob("*.tsv")):
            (folder / f"{file.stem}.{ending}").write_bytes(write(read(file)))
        if (labels := args.dataset / "labels.txt").exists():
            shutil.copy(labels, folder)
        print(f"{folder}: {sum(file.stat().st_size for file in folder.iterdir()):,} bytes")


def read(file: Path) -> list[tuple[int, str]]:
    """Not by splitlines, which also breaks at the line separators of Unicode."""
    lines = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    rows = (line.split("\t", 1) for line in lines[1:])
    return [(int(label), text) for label, text in rows]


def tsv(rows: list[tuple[int, str]]) -> bytes:
    return "".join(["label\ttext\n", *(f"{label}\t{text}\n" for label, text in rows)]).encode()


def as_csv(rows: list[tuple[int, str]]) -> bytes:
    """In the columns' order of the hub, which is not that of our TSV."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["text", "label"])
    writer.writerows((text, label) for label, text in rows)
    return file.getvalue().encode()


def jsonl(rows: list[tuple[int, str]]) -> bytes:
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for label, text in rows).encode()


def parquet(rows: list[tuple[int, str]]) -> bytes:
    labels, texts = zip(*rows)
    table = pyarrow.table({"text": pyarrow.array(texts, pyarrow.string()), "label": pyarrow.array(labels, pyarrow.int64())})
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file)
    return file.getvalue()


if __name__ == "__main__":
    main()
