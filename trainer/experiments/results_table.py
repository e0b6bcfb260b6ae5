#!/usr/bin/env python3
"""Print a Markdown table of the finished runs below a folder:  results_table.py RUNS

One row for each model, protocol and plan (runs of another schema or numerics version are another row): means over seeds,
and the deficit against the control (under protocol pretrained against the healthy model) with Student's 95 % interval over
seeds. Nothing is computed here but means and that interval.
"""
import collections, json, math, pathlib, statistics, sys

# Student's t at 97.5 % for 1 to 9 degrees of freedom.
T_975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262]

cells, failed = collections.defaultdict(list), collections.Counter()
for path in sorted(pathlib.Path(sys.argv[1]).rglob("run.json")):
    record = json.loads(path.read_text())
    spec = record["spec"]
    if not spec["corruption"]:
        continue
    key = (spec["numerics_version"], spec["model"]["name"], spec["protocol"], spec["corruption"])
    if record["status"]["state"] == "ok":
        cells[key].append(record)
    else:
        failed[key] += 1


def percent(records, which):
    values = [record[which]["accuracy"] for record in records if record.get(which)]
    return f"{100 * statistics.mean(values):.1f}" if values else "–"


def with_interval(values):
    mean = statistics.mean(values)
    if not 2 <= len(values) <= len(T_975) + 1:
        return f"{mean:.1f}"
    half = T_975[len(values) - 2] * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:.1f} ({mean - half:.1f} to {mean + half:.1f})"


print("| model | protocol | plan | seeds | failed | healthy % | control % | corrupted % | healed % | deficit, points |")
print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
for key, records in sorted(cells.items()):
    _, model, protocol, plan = key
    columns = [percent(records, which) for which in ("healthy", "control", "corrupted", "healed")]
    deficit = with_interval([record["deficit"]["points"] for record in records])
    print(f"| {model} | {protocol} | `{plan}` | {len(records)} | {failed[key]} | {' | '.join(columns)} | {deficit} |")
