#!/usr/bin/env python3
"""Cut one TSV of labelled rows into parts that share no text.

    split_rows.py TSV OUT NAME LABEL,LABEL,… SEED TRAIN HEAL HELD_OUT

Texts that occur more than once are left out. The others stand in the order of SHA-256(seed, text), so that the same seed
gives the same parts on every machine. OUT/train/NAME and OUT/heal/NAME become datasets: their own part is train.tsv, the
held-out rows are test.tsv of both.
"""
import collections, hashlib, pathlib, sys

tsv, out, name, labels, seed, *sizes = sys.argv[1:]
n_train, n_heal, n_held_out = map(int, sizes)
# Not splitlines(), which also splits at other characters than line feeds.
lines = pathlib.Path(tsv).read_text(encoding="utf-8").removesuffix("\n").split("\n")[1:]
rows = [line.split("\t", 1) for line in lines]
count = collections.Counter(text for _, text in rows)
rows = [row for row in rows if count[row[1]] == 1]
rows.sort(key=lambda row: hashlib.sha256(f"{seed}\n{row[1]}".encode()).digest())
if len(rows) < n_train + n_heal + n_held_out:
    sys.exit(f"{tsv}: {len(rows)} different texts, expected at least {n_train + n_heal + n_held_out}")
held_out, rows = rows[:n_held_out], rows[n_held_out:]
for part, chosen in {"heal": rows[:n_heal], "train": rows[n_heal : n_heal + n_train]}.items():
    folder = pathlib.Path(out) / part / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, part_rows in {"train": chosen, "test": held_out}.items():
        text = "label\ttext\n" + "".join(f"{label}\t{text}\n" for label, text in part_rows)
        (folder / f"{file}.tsv").write_text(text, encoding="utf-8", newline="\n")
    (folder / "labels.txt").write_text(labels.replace(",", "\n") + "\n", encoding="utf-8")
