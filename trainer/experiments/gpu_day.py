#!/usr/bin/env python3
"""A day with a GPU: what a CUDA build does there, checked and timed. Standard library only; nothing is fetched.

    gpu_day.py BERT_HEAL OUT parity gradients resume bf16      # a few minutes
    gpu_day.py BERT_HEAL OUT speed-l6 speed-base               # at most 10 minutes each, beside torch where it is installed

BERT_HEAL is a program built with `--features cuda` (docs/cuda.md says how, and how it travels to a machine without a
network). Models are the tiny ones of tests/golden and random weights of the shapes of MiniLM-L6 and BERT-Base; the rows are
made here. A line says for each check what was seen and whether it passed; OUT/PART.json has the numbers. Exits with 1 if a
check failed. `--device cpu` rehearses the script with a build without CUDA.

parity     logits on the GPU against those on the CPU of the same program, which tests compare with transformers: 1e-4
gradients  loss and gradient norm of 20 steps without dropout, GPU against CPU: the norm to 1e-3 in the first five steps
resume     a run that is ended by SIGTERM and resumed against one that is not: the same checkpoints. Sums on a GPU may come
           in another order each time; if the bits differ, two undisturbed runs are compared as well
bf16       the same fine-tuning in bf16 and f32: both learn, first losses within 2 %. (candle's bf16 sums accumulate in bf16,
           so that long sums lose more than a bf16 matrix product does.)
speed-*    training and evaluation, samples a second, f32 and bf16, and the same step in torch
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[2] / "tests/golden"
WORDS = {0: ["bad", "sad", "worst"], 1: ["slow", "cold", "was"], 2: ["good", "happy", "warm"]}
L6 = {"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 384, "num_hidden_layers": 6,
      "num_attention_heads": 12, "intermediate_size": 1536, "vocab_size": 30522, "max_position_embeddings": 512,
      "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1,
      "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02, "pad_token_id": 0}
BASE = {**L6, "hidden_size": 768, "num_hidden_layers": 12, "intermediate_size": 3072}
N_TOKENS, BATCH_SIZE = 128, 32


class Day:
    def __init__(self, program, out, device):
        self.program, self.out, self.device = str(program.resolve()), out, device
        self.is_right, self.seen = True, {}
        out.mkdir(parents=True, exist_ok=True)

    def say(self, name, is_right, text, **numbers):
        self.is_right &= bool(is_right)
        self.seen[name] = {"passed": bool(is_right), "text": text, **numbers}
        print(f"{'passed' if is_right else 'FAILED'}  {name}: {text}", flush=True)

    def note(self, name, text, **numbers):
        self.seen[name] = {"text": text, **numbers}
        print(f"        {name}: {text}", flush=True)

    def json(self, *args, stdin=None):
        args = [str(arg) for arg in args]
        done = subprocess.run([self.program, *args, "--json"], input=stdin, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(args)}: exit {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
        return json.loads(done.stdout)


def rows(folder, n_train, n_test, n_words):
    """Three classes, told by one word among fillers."""
    if folder.exists():
        return folder
    random_words = random.Random(7)
    folder.mkdir(parents=True)
    (folder / "labels.txt").write_text("negative\nneutral\npositive\n")
    for split, n in (("train", n_train), ("test", n_test)):
        lines = ["label\ttext\n"]
        for i in range(n):
            label = random_words.randrange(3)
            filler = random_words.choices(["the", "film", "plot", "and", "of", "is"], k=n_words)
            lines.append(f"{label}\t{' '.join(filler)} {random_words.choice(WORDS[label])} {i}\n")
        (folder / f"{split}.tsv").write_text("".join(lines))
    return folder


def shape(folder, config):
    """A folder with a config and a vocabulary, for random weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"0123456789", *(f"##{d}" for d in range(10)),
              "the", "film", "plot", "and", "of", "is", *(word for words in WORDS.values() for word in words)]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    return folder


def parity(day):
    texts = "".join(f"{text}\n" for text in ["the film is good", "bad", "the plot was slow and the actor cold " * 4, "", "was"])
    for name in ("tiny-bert", "tiny-distilbert"):
        logits = {}
        for device in ("cpu", day.device):
            answer = day.json("predict", "--model", GOLDEN / name, "--device", device, "--max-length", "32", stdin=texts)
            logits[device] = [row["logits"] for row in answer]
        gap = max(abs(a - b) for x, y in zip(logits["cpu"], logits[day.device]) for a, b in zip(x, y))
        day.say(f"parity of {name}", gap <= 1e-4, f"logits within {gap:.1e} of the CPU's", largest=gap)


def steps(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [(line["loss"], line["grad_norm"]) for line in lines if line["phase"] == "healthy"]


def fine_tune(day, folder, *more, device=None):
    shutil.rmtree(folder, ignore_errors=True)
    data = rows(day.out / "rows", 600, 200, 12)
    return day.json("run", "--model", GOLDEN / "tiny-bert", "--dataset", data, "--out", folder, "--device", device or day.device,
                    "--batch-size", "16", "--max-length", "32", "--learning-rate", "3e-3", "--seed", "1", *more)


def gradients(day):
    for device in ("cpu", day.device):
        fine_tune(day, day.out / f"gradients-{device.replace(':', '-')}" / "run", "--max-steps", "20", "--dropout", "0",
                  device=device)
    ours, theirs = (steps(day.out / f"gradients-{d.replace(':', '-')}" / "run") for d in (day.device, "cpu"))
    relative = [[abs(a - b) / abs(b) for a, b in zip(x, y)] for x, y in zip(ours, theirs)]
    early, late = max(r[1] for r in relative[:5]), max(max(r) for r in relative)
    day.say("gradients", early <= 1e-3, f"gradient norms within {early:.1e} in 5 steps; loss and norm within {late:.1e} in 20",
            first_five=early, all=late)


def hashes(folder):
    return {path.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.glob("checkpoint/*/model.safetensors"))}


def resume(day):
    arguments = ["--epochs", "6", "--corrupt", "kaiming@bottom:0.5", "--protocol", "finetuned", "--save-steps", "100000"]
    calm, disturbed = day.out / "resume-calm" / "run", day.out / "resume-disturbed" / "run"
    fine_tune(day, calm, *arguments)
    shutil.rmtree(disturbed, ignore_errors=True)
    command = [day.program, "run", "--model", GOLDEN / "tiny-bert", "--dataset", day.out / "rows", "--out", disturbed,
               "--device", day.device, "--batch-size", "16", "--max-length", "32", "--learning-rate", "3e-3", "--seed", "1",
               *arguments]
    codes = []
    for at in (50, 300):
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        log, end = disturbed / "metrics.jsonl", time.monotonic() + 300
        while process.poll() is None and (not log.exists() or log.read_text().count("\n") < at):
            if time.monotonic() > end:
                break
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        codes.append(process.wait())
    record = day.json(*[str(word) for word in command[1:]])
    resumed = record["train"]["resumed_from"]
    is_same = hashes(calm) == hashes(disturbed)
    text = f"exit codes {codes}, resumed from {resumed}, checkpoints {'equal' if is_same else 'DIFFER'}"
    if not is_same:
        again = day.out / "resume-again" / "run"
        fine_tune(day, again, *arguments)
        text += f"; two undisturbed runs {'equal' if hashes(again) == hashes(calm) else 'differ as well'}"
    day.say("resume", is_same and codes == [4, 4], text)


def bf16(day):
    losses, accuracies = {}, {}
    for dtype in ("f32", "bf16"):
        folder = day.out / f"dtype-{dtype}" / "run"
        try:
            record = fine_tune(day, folder, "--epochs", "8", "--dropout", "0", "--dtype", dtype)
        except SystemExit as error:
            return day.note("bf16", f"skipped: {error}")
        losses[dtype], accuracies[dtype] = steps(folder)[0][0], record["healthy"]["accuracy"]
    gap = abs(losses["bf16"] - losses["f32"]) / losses["f32"]
    day.say("bf16", gap <= 0.02 and min(accuracies.values()) > 0.6,
            f"first loss within {100 * gap:.2f} %, accuracy {accuracies['bf16']:.3f} against {accuracies['f32']:.3f} in f32",
            first_loss=gap, accuracy=accuracies)


TORCH = """
import json, sys, time, torch
from transformers import BertConfig, BertForSequenceClassification
config, batch, tokens, dtype, device = json.loads(sys.argv[1]), *map(int, sys.argv[2:4]), *sys.argv[4:6]
model = BertForSequenceClassification(BertConfig(**config, num_labels=3)).to(device).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.01)
ids = torch.randint(5, 30000, (batch, tokens), device=device)
labels = torch.randint(0, 3, (batch,), device=device)
def step():
    with torch.autocast(device.split(":")[0], dtype=torch.bfloat16, enabled=dtype == "bf16"):
        loss = model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step(); optimizer.zero_grad()
    return loss.item()
for _ in range(5): step()
started = time.perf_counter()
for _ in range(30): step()
print(json.dumps({"samples_per_sec": 30 * batch / (time.perf_counter() - started), "torch": torch.__version__}))
"""


def speed(day, name, config):
    folder = shape(day.out / name, config)
    data = rows(day.out / "long-rows", 2000, 400, 200)
    common = ["--model", folder, "--random-init", "--dataset", data, "--batch-size", BATCH_SIZE, "--max-length", N_TOKENS,
              "--device", day.device]
    for dtype in ("f32", "bf16"):
        try:
            ours = [day.json("bench", "train", *common, "--dtype", dtype, "--max-steps", "33")["train"]["samples_per_sec"]
                    for _ in range(3)]
        except SystemExit as error:
            day.note(f"{name} {dtype}", f"skipped: {error}")
            continue
        ours = sorted(ours)[1]
        words = [sys.executable, "-c", TORCH, json.dumps({k: v for k, v in config.items() if k != "model_type"}), str(BATCH_SIZE),
                 str(N_TOKENS), dtype, day.device]
        theirs = [subprocess.run(words, capture_output=True, text=True) for _ in range(3)]
        if any(run.returncode for run in theirs):
            reason = theirs[0].stderr.strip().splitlines()[-1:] or ["?"]
            day.note(f"{name} {dtype}", f"{ours:.0f} samples/s; torch skipped: {reason[0]}", ours=ours)
        else:
            torch = sorted(json.loads(run.stdout)["samples_per_sec"] for run in theirs)[1]
            day.note(f"{name} {dtype}", f"{ours:.0f} samples/s, torch {torch:.0f}: {ours / torch:.2f}x", ours=ours, torch=torch)


PARTS = {"parity": parity, "gradients": gradients, "resume": resume, "bf16": bf16,
         "speed-l6": lambda day: speed(day, "shape-l6", L6), "speed-base": lambda day: speed(day, "shape-base", BASE)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bert_heal", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("parts", nargs="+", choices=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    day = Day(args.bert_heal, args.out.resolve(), args.device)
    for part in args.parts:
        PARTS[part](day)
        (day.out / f"{part}.json").write_text(json.dumps(day.seen, indent=1) + "\n")
    return 0 if day.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
