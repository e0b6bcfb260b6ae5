#!/usr/bin/env python3
"""Times a healing and an evaluation on the built page, by one worker and by more, in turn, in headless Chromium.

    cargo xtask demo                             # once: fetches the sentences to heal with; then, or by trunk build --release
    python tests/scripts/time_healing.py dist [--rounds 3] [--workers 1 2] [--steps 200]

Each visit is a fresh browser that opens the page's first model with kaiming@bottom:0.67, presses Heal (batch 16) and waits
until the last step's accuracy on all held-out sentences stands there, then evaluates all three models once more. Printed:
for each number of workers the median over rounds, and what every round had. Standard library only; loopback only.
"""
import argparse
import functools
import http.server
import json
import pathlib
import statistics
import sys
import threading
import time

sys.dont_write_bytecode = True
from chromium import Browser
from screenshots import Handler

PLAN = "kaiming@bottom:0.67"


def visit(origin, n_workers, n_steps):
    """Seconds of one visit's parts, and what it computed."""
    with Browser() as browser:
        at = lambda name, attribute: browser.run(f"return document.querySelector('[data-testid={name}]')?.getAttribute('{attribute}')")
        press = lambda name: browser.run(f"document.querySelector('[data-testid={name}]').click()")
        opened = time.monotonic()
        browser.open(f"{origin}/?workers={n_workers}#plan={PLAN}&seed=1&steps={n_steps}&batch=16&more=1")
        browser.wait("document.querySelector('[data-testid=prediction-corrupted]')?.dataset.label")
        figures = {"ready": time.monotonic() - opened}
        browser.wait("document.querySelector('[data-testid=heal-start]:not([disabled])')")
        started = time.monotonic()
        press("heal-start")
        browser.wait(f"document.querySelector('[data-testid=heal]').dataset.step === '{n_steps}'")
        figures["steps"] = time.monotonic() - started
        browser.wait("document.querySelector('[data-testid=heal]').dataset.state === 'done'")
        figures["healing"] = time.monotonic() - started
        figures["n_workers"] = at("heal", "data-n-workers")
        browser.run("location.hash = location.hash.replace(/&view=[a-z]+/, '') + '&view=measure'")
        browser.wait("document.querySelector('[data-testid=evaluate]:not([disabled])')")
        started = time.monotonic()
        press("evaluate")
        browser.wait("document.querySelector('[data-testid=accuracy-healed]')")
        figures["evaluation"] = time.monotonic() - started
        figures["right"] = [at(f"accuracy-{model}", "data-correct") for model in ("healthy", "corrupted", "healed")]
        figures["n"] = at("accuracy-healed", "data-n")
        return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dist", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=200)
    args = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(args.dist)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_address[1]}"
    rounds = {n: [] for n in args.workers}
    for _ in range(args.rounds):
        for n_workers in args.workers:
            rounds[n_workers].append(visit(origin, n_workers, args.steps))
            print(n_workers, json.dumps(rounds[n_workers][-1]), file=sys.stderr, flush=True)
    results = {tuple(figures["right"]) for of_workers in rounds.values() for figures in of_workers}
    print(f"{PLAN}, {args.steps} steps of 16 sentences, then {rounds[args.workers[0]][0]['n']} held-out sentences; {args.rounds} rounds")
    print("| workers | page and first answer, s | a step, s | steps and final accuracy, s | evaluation of three models, s |")
    print("| --- | --- | --- | --- | --- |")
    for n_workers, of_workers in rounds.items():
        median = lambda key: statistics.median(figures[key] for figures in of_workers)
        print(f"| {n_workers} | {median('ready'):.1f} | {median('steps') / args.steps:.3f} | {median('healing'):.1f} | {median('evaluation'):.1f} |")
    print(f"sentences right (healthy, corrupted, healed): {results}")
    # Any number of workers computes the same.
    return 0 if len(results) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
