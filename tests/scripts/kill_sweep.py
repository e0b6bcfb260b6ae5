#!/usr/bin/env python3
"""A sweep of 200 tiny cells, killed by SIGKILL at 20 moments: kill_sweep.py BERT_HEAL [CELLS]

Fifteen moments are inside a training step, an evaluation, a shared model, a take-over, or around the rename that publishes
(BERT_HEAL_KILL_AT, trainer/src/failpoint.rs; the log says so before the process dies): each worker of that sweep dies at
its first arrival there, and so do those that replace it. Five times the driver dies, alone or with its workers. After each
the sweep is begun again; what has a result must keep it, and in the end results.jsonl must be that of a sweep that nobody
disturbed. Prints a line for each moment; exit code 1 when something is lost, computed again or different.
"""
import json, os, pathlib, random, signal, subprocess, sys, tempfile, time

program, n_cells = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200
root = pathlib.Path(__file__).resolve().parent.parent
places = ["training.step:5", "evaluation.done:1", "shared.before:1", "shared.after:1", "publish.before:2", "publish.after:2",
          "attempt.held:2", "attempt.taken-over:2", "training.step:12", "evaluation.done:3", "publish.before:4",
          "publish.after:4", "training.step:20", "attempt.held:5", "publish.after:6"]
random.seed(7)


def rows(n):
    adjectives = [["bad", "sad", "worst"], ["slow", "cold", "was"], ["good", "happy", "warm"]]
    lines = ["label\ttext"]
    for i in range(n):
        label = random.randrange(3)
        lines.append(f"{label}\tthe {random.choice(['film', 'plot', 'actor', 'cafe'])} {i} is {random.choice(adjectives[label])}")
    return "\n".join(lines) + "\n"


def published(out):
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in (out / "results").glob("*.json.zst")}


def sweep(folder, out, **environment):
    words = [program, "sweep", str(folder / "kill.toml"), "--out", str(out), "--workers", "2", "--threads", "2"]
    return subprocess.Popen(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            env={**os.environ, **environment}, start_new_session=True)


with tempfile.TemporaryDirectory() as name:
    folder, failed = pathlib.Path(name), 0
    (folder / "data").mkdir()
    (folder / "data/labels.txt").write_text("negative\nneutral\npositive\n")
    (folder / "data/train.tsv").write_text(rows(200))
    (folder / "data/test.tsv").write_text(rows(60))
    (folder / "kill.toml").write_text(f"""name = "kill"
[grid]
model = '{root / "golden/tiny-bert"}'
dataset = '{folder / "data"}'
protocol = "finetuned"
scheme = "kaiming"
place = ["bottom", "top"]
level = [0.5, 1]
seed = "0-{n_cells // 4 - 1}"
batch_size = 16
max_length = 32
epochs = 2
learning_rate = 1e-3
""")
    whole, out = folder / "whole", folder / "out"
    started = time.time()
    assert sweep(folder, whole).wait() == 0
    print(f"undisturbed: {n_cells} cells in {time.time() - started:.0f} s", flush=True)
    moments = [("workers at " + place, place) for place in places] + [("the driver", None), ("driver and workers", None)] * 2 + [("the driver", None)]
    # The sweep has to last for all of them: those that end it early come when little is left.
    random.shuffle(moments)
    for i, (what, place) in enumerate(moments, 1):
        before = published(out)
        if place:
            process = sweep(folder, out, BERT_HEAL_KILL_AT=place)
            # Long enough that both workers were there; then the sweep stops in order.
            deadline = time.time() + 15
            logs = ""
            while time.time() < deadline and "killed at" not in logs and process.poll() is None:
                time.sleep(0.05)
                logs = "".join(path.read_text(errors="replace") for path in (out / "logs").glob("worker-*.log"))
            proof = logs.count("killed at")
            process.send_signal(signal.SIGTERM)
            process.wait()
            for path in (out / "logs").glob("worker-*.log"):
                path.write_text("")
        else:
            process = sweep(folder, out)
            goal = len(before) + random.randrange(3, 6)
            while len(published(out)) < goal and process.poll() is None:
                time.sleep(0.02)
            if what == "the driver":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            proof = 1
            # Workers that are left behind see the end of their input and stop.
            time.sleep(1)
        after = published(out)
        lost = [name for name in before if after.get(name) != before[name]]
        ok = proof > 0 and not lost
        failed += not ok
        print(f"{'passed' if ok else 'FAILED'} {i:>2} {what}: {len(before)} -> {len(after)} results, "
              f"{proof} deaths in the log, {len(lost)} lost or made again", flush=True)
    before = published(out)
    subprocess.run([program, "sweep", "retry", str(out), "--failed", "--mark"], check=True, stderr=subprocess.DEVNULL)
    code = sweep(folder, out).wait()
    after = published(out)
    same = (out / "results.jsonl").read_bytes() == (whole / "results.jsonl").read_bytes()
    kept = all(after.get(name) == value for name, value in before.items())
    status = json.loads(subprocess.check_output([program, "sweep", "status", str(out), "--json"]))
    ok = code == 0 and same and kept and status["counts"]["completed"] == n_cells
    print(f"{'passed' if ok else 'FAILED'} the end: exit code {code}, {status['counts']['completed']} of {n_cells} cells, "
          f"results.jsonl {'byte-equal' if same else 'DIFFERENT'}", flush=True)
    sys.exit(1 if failed or not ok else 0)
