#!/usr/bin/env python3
"""A run that TensorBoard watches is killed and resumed: both of TensorBoard's loaders must show every step once.

    pip install "tensorboard==2.21.*" "setuptools<81"
    python tests/scripts/watch_tensorboard.py BERT_HEAL [--pictures FOLDER]

Run by hand, outside CI. For the data server in Rust (Linux x86_64 and macOS x86_64 only) and for the Python loader that
everybody else gets, one TensorBoard is started, a run of the tiny model of tests/golden beside it, killed twice (SIGKILL)
and resumed, and TensorBoard is asked over HTTP until it shows what metrics.jsonl says. It is never restarted. With
--pictures a screenshot of the page is written for each loader (chromium and chromedriver on PATH). Exits with 1 if a
loader stands still or shows another step or value.
"""

import argparse
import base64
import json
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "tests/golden/tiny-bert"
# TensorBoard looks for new data every five seconds.
PATIENCE = 40


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def write_rows(folder):
    rows, words = random.Random(1), [["bad", "sad", "worst"], ["slow", "cold", "was"], ["good", "happy", "warm"]]
    folder.mkdir(parents=True)
    (folder / "labels.txt").write_text("negative\nneutral\npositive\n")
    for name, n in (("train", 400), ("test", 60)):
        lines = [(label, f"the film {i} is {rows.choice(words[label])}") for i, label in
                 ((i, rows.randrange(3)) for i in range(n))]
        (folder / f"{name}.tsv").write_text("label\ttext\n" + "".join(f"{a}\t{b}\n" for a, b in lines))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class TensorBoard:
    def __init__(self, logs, is_fast):
        self.port, self.log = free_port(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs), "--port", str(self.port), "--host", "127.0.0.1",
             "--load_fast", "true" if is_fast else "false", "--reload_interval", "1"],
            stdout=self.log, stderr=self.log)

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/data/{path}", timeout=20) as answer:
                return json.loads(answer.read())
        except OSError:
            return None

    def scalars(self, run, tag):
        points = self.get(f"plugin/scalars/scalars?run={run}&tag={tag.replace('/', '%2F')}")
        return [(step, value) for _, step, value in points or []]

    def stop(self):
        self.process.terminate()
        self.process.wait()


def steps_of(out, phase):
    log = out / "metrics.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")] if log.exists() else []
    return [(line["step"], f32(line["loss"])) for line in lines if line["phase"] == phase]


def wait_for(what, condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    print(f"  failed: {what} not within {seconds} s")
    return False


def watch(bert_heal, is_fast, folder, pictures):
    name = "data server (Rust)" if is_fast else "Python loader"
    data, out = folder / "data", folder / "run"
    write_rows(data)
    # Without a checkpoint in between but what the kill interrupts, so that steps are taken twice.
    command = [bert_heal, "--threads", "1", "run", "--model", MODEL, "--dataset", data, "--out", out, "--epochs", "60",
               "--batch-size", "8", "--max-length", "32", "--learning-rate", "1e-3", "--seed", "3", "--save-steps", "150"]
    board, is_right = TensorBoard(folder, is_fast), True
    try:
        for stop_after in (400, 1000):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for("steps", lambda n=stop_after: len(steps_of(out, "healthy")) >= n, 120)
            process.send_signal(signal.SIGKILL)
            process.wait()
            n = steps_of(out, "healthy")[-1][0]
            # What is shown is thinned out to at most 1,000 points a tag, the last one always kept.
            is_right &= wait_for(f"step {n} of the killed process",
                                 lambda n=n: (board.scalars("run/tensorboard/healthy", "train/loss") or [(0, 0)])[-1][0] >= n,
                                 PATIENCE)
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        expected = dict(steps_of(out, "healthy"))
        last = max(expected)

        def is_shown():
            shown = board.scalars("run/tensorboard/healthy", "train/loss")
            steps = [step for step, _ in shown]
            return bool(shown) and steps[-1] == last and steps == sorted(set(steps)) and all(
                expected.get(step) == value for step, value in shown)

        is_right &= wait_for(f"each step up to {last} once, with the values of metrics.jsonl", is_shown, PATIENCE)
        judged = board.scalars("run/tensorboard/healthy", "evaluation/accuracy")
        is_right &= wait_for("one judgement", lambda: len(board.scalars("run/tensorboard/healthy", "evaluation/accuracy")) == 1,
                             PATIENCE)
        files = list((out / "tensorboard/healthy").iterdir())
        shown = board.scalars("run/tensorboard/healthy", "train/loss")
        record = json.loads((out / "run.json").read_text())
        print(f"{name}: {'passed' if is_right else 'FAILED'}: {len(shown)} of {len(expected)} points shown, last step "
              f"{shown[-1][0] if shown else None}, judged {judged}, resumed from {record['train']['resumed_from']}, "
              f"{len(files)} file(s)")
        if pictures:
            picture(board.port, pictures / f"tensorboard-resumed-{'data-server' if is_fast else 'python'}.png")
    finally:
        board.stop()
    return is_right


def picture(port, path):
    sys.path.insert(0, str(Path(__file__).parent))
    from chromium import Browser
    with Browser() as browser:
        browser.devtools("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)
        browser.open(f"http://127.0.0.1:{port}/?darkMode=false&tagFilter=train#timeseries")
        time.sleep(12)
        shot = browser.devtools("Page.captureScreenshot", format="png")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(shot["data"]))
    print(f"  {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bert_heal", type=Path)
    parser.add_argument("--pictures", type=Path)
    args = parser.parse_args()
    outcomes = []
    for is_fast in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            outcomes.append(watch(args.bert_heal.resolve(), is_fast, Path(folder), args.pictures))
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
