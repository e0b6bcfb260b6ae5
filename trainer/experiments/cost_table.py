#!/usr/bin/env python3
"""Prints the lines of cost.sh, read from stdin, as Markdown: tokens a second (peak MiB) for each length and batch."""
import json
import sys

cells = [json.loads(line) for line in sys.stdin]
batches = sorted({cell["batch"] for cell in cells})
print("| threads | length |", " | ".join(f"batch {batch}" for batch in batches), "|")
print("| --- | --- |", " | ".join("---" for _ in batches), "|")
for threads, length in sorted({(cell["threads"], cell["length"]) for cell in cells}):
    row = {c["batch"]: c for c in cells if (c["threads"], c["length"]) == (threads, length)}
    figures = [f"{c['tokens_per_sec']:.0f} ({c['peak_rss_mib']:.0f})" for c in (row[b] for b in batches)]
    print(f"| {threads} | {length} |", " | ".join(figures), "|")
