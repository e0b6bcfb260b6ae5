#!/usr/bin/env python3
"""Reads a run's TensorBoard files with TensorBoard itself and compares them with metrics.jsonl and run.json.

    pip install tensorboard==2.21.*
    python tests/scripts/read_events.py RUN

Run by hand, outside CI; `tests/cli/experiment.rs` makes the same comparison with our own reader. Exits with 1 if a step is
missing, doubled or another than in metrics.jsonl, if a judgement is not that of run.json, or if TensorBoard has a remark.
"""

import argparse
import json
import logging
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

TAGS = {"train/loss": "loss", "train/accuracy": "accuracy", "train/learning_rate": "learning_rate",
        "train/grad_norm": "grad_norm"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a finished run")
    run = parser.parse_args().run
    remarks = []
    listener = logging.Handler(logging.WARNING)
    listener.emit = lambda record: remarks.append(record.getMessage())
    logging.getLogger("tensorboard").addHandler(listener)

    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    record = json.loads((run / "run.json").read_text())
    faults = []
    for folder in sorted((run / "tensorboard").iterdir()):
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()
        tags = events.Tags()
        own = [line for line in lines if line["phase"] == folder.name]
        for tag, field in TAGS.items():
            logged = [(e.step, e.value) for e in events.Scalars(tag)] if tag in tags["scalars"] else []
            # Event files hold f32.
            expected = [(line["step"], f32(line[field])) for line in own]
            if logged != expected:
                faults.append(f"{folder.name}: {tag} has {len(logged)} steps that differ from {len(expected)} lines")
        result = record[folder.name]
        judged = [(e.step, e.value) for e in events.Scalars("evaluation/accuracy")]
        n_steps = own[-1]["step"] if own else judged[0][0]
        if judged != [(n_steps, f32(result["accuracy"]))]:
            faults.append(f"{folder.name}: evaluation/accuracy is {judged}, the record says {result['accuracy']}")
        if "spec" not in tags["tensors"]:
            faults.append(f"{folder.name}: no spec")
        speeds = events.Scalars("train/samples_per_sec") if "train/samples_per_sec" in tags["scalars"] else []
        times = [e.wall_time for e in speeds]
        print(f"{folder.name}: {len(own)} steps, {len(speeds)} speeds, in order of time: {times == sorted(times)}, "
              f"accuracy {judged[0][1]:.4f} at step {judged[0][0]}")
    faults += remarks
    print(*faults, sep="\n", file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


def f32(number: float) -> float:
    return struct.unpack("f", struct.pack("f", number))[0]


if __name__ == "__main__":
    sys.exit(main())
