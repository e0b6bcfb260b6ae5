#!/usr/bin/env python3
"""Print a Markdown table of the finished runs below a folder:  results_table.py RUNS

One row for each model, protocol and plan: the means over seeds, with each seed's value behind, and the deficit of each
seed with its 95 % interval over test rows. Nothing is computed here but means.
"""
import collections, json, pathlib, statistics, sys

cells = collections.defaultdict(list)
for path in sorted(pathlib.Path(sys.argv[1]).rglob("run.json")):
    record = json.loads(path.read_text())
    spec = record["spec"]
    if spec["corruption"] and record["status"]["state"] == "ok":
        cells[spec["model"]["name"], spec["protocol"], spec["corruption"]].append(record)

percent = lambda values: f"{100 * statistics.mean(values):.1f} ({', '.join(f'{100 * v:.1f}' for v in values)})"
print("| model | protocol | plan | seeds | healthy % | corrupted % | healed % | recovery % | deficit, points (95 % interval over rows) |")
print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
for (model, protocol, plan), records in sorted(cells.items()):
    records.sort(key=lambda record: record["spec"]["seeds"]["head"])
    of = lambda which: percent([record[which]["accuracy"] for record in records])
    recovery = [record["recovery"]["value"] for record in records]
    recovery = percent(recovery) if None not in recovery else "undefined"
    deficit = "; ".join(
        f"{r['deficit']['points']:.1f} ({r['deficit']['interval']['low']:.1f} to {r['deficit']['interval']['high']:.1f})" for r in records
    )
    print(f"| {model} | {protocol} | `{plan}` | {len(records)} | {of('healthy')} | {of('corrupted')} | {of('healed')} | {recovery} | {deficit} |")
