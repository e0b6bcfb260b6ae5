#!/usr/bin/env python3
"""Times `sweep --list`, `plan`, `status`, `collect` and `report` with 10,000 cells: ten_thousand_cells.py BERT_HEAL [CELLS]

    pip install zstandard

Four cells are computed with the tiny BERT on 1,000 test rows; the results of all others are made of theirs, with their own
seeds and jittered accuracies. Prints seconds by the clock and the largest resident set of each command.
"""
import json, os, pathlib, random, sys, tempfile, time

import zstandard

program, n_cells = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
model = pathlib.Path(__file__).resolve().parent.parent / "golden" / "tiny-bert"
random.seed(5)


def rows(n):
    words = [["bad", "sad", "worst"], ["slow", "cold", "was"], ["good", "happy", "warm"]]
    lines = [f"{i % 3}\tthe film {i} is {random.choice(words[i % 3])}" for i in range(n)]
    return "\n".join(["label\ttext", *lines]) + "\n"


def run(*words, shown=True):
    started = time.monotonic()
    pid = os.posix_spawn(program, [program, *words], os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in ([1] if shown else [1, 2])])
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"bert-heal {' '.join(words)} failed")
    if shown:
        print(f"{words[0]} {words[1] if words[0] == 'sweep' else '':8} {time.monotonic() - started:6.2f} s "
              f"{usage.ru_maxrss / 1024:5.0f} MiB", flush=True)


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    data, out = folder / "data", folder / "sweep"
    data.mkdir()
    (data / "labels.txt").write_text("negative\nneutral\npositive\n")
    (data / "train.tsv").write_text(rows(60))
    (data / "test.tsv").write_text(rows(1000))
    experiment = folder / "many.toml"
    experiment.write_text(f'''name = "many"
[grid]
model = '{model}'
dataset = '{data}'
protocol = "finetuned"
scheme = "kaiming"
place = ["bottom", "top"]
level = [0.5, 1]
seed = "0-{n_cells // 4 - 1}"
max_steps = 3
max_length = 32
''')
    run("sweep", str(experiment), "--out", str(out), "--list")
    run("sweep", "plan", str(experiment), "--out", str(out))
    run("sweep", "status", str(out))
    for stage, index in [("healthy", 0), ("control", 0), ("cells", 0), ("cells", 1), ("cells", 2), ("cells", 3)]:
        run("sweep", "cell", str(out), "--stage", stage, str(index), shown=False)
    cells = [json.loads(line) for line in (out / "cells.jsonl").read_text().splitlines()]
    packed = [(out / "results" / f"{cell['id']}.json.zst").read_bytes() for cell in cells[:4]]
    made = [json.loads(zstandard.ZstdDecompressor().stream_reader(one).read()) for one in packed]
    packer = zstandard.ZstdCompressor(level=3)
    for cell in cells[4:]:
        result = made[cell["number"] % 4]
        record, seed = result["record"], cell["number"] // 4
        result["cell"], record["run_id"] = cell["id"], f"{random.getrandbits(48):012x}"
        record["spec"]["seeds"] = {kind: seed for kind in record["spec"]["seeds"]}
        (out / "results" / f"{cell['id']}.json.zst").write_bytes(packer.compress(json.dumps(result).encode()))
    run("sweep", "status", str(out))
    run("sweep", "collect", str(out))
    run("report", str(out))
    size = sum(path.stat().st_size for path in (out / "results").iterdir())
    print(f"{n_cells} results of 1,000 rows: {size / n_cells / 1000:.1f} kB each; results.jsonl "
          f"{(out / 'results.jsonl').stat().st_size / 1e6:.1f} MB")
