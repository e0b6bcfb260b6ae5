#!/usr/bin/env python3
"""Opens a healed model that left the page with transformers' pipeline, and compares the answers.

    trunk build --release
    page_export.py page dist [--bundle NAME]     heals in headless Chromium and compares with what the page shows
    page_export.py zip healed-….zip ours.json    compares with `bert-heal predict --model FOLDER --json` of its folder

`page` serves DIST on loopback, gives the page 60 labelled sentences of its own, heals by a few steps, notes what the healed
model says, and saves zip and results.jsonl in a temporary folder; chromium and chromedriver are on PATH. Exits with 1 if
transformers has any remark on loading the folder, or if a text's class differs or a probability by more than the tolerance.
Needs transformers 5.24 and torch.
"""

import argparse
import functools
import http.server
import json
import sys
import tempfile
import threading
import time
import urllib.parse
import zipfile
from pathlib import Path

sys.dont_write_bytecode = True
from strict_loading import load_classifier

import transformers

TEXTS = [
    "A warm, funny and quietly moving film.",
    "an utterly dull and lifeless mess",
    "It is neither good nor bad; it is long.",
    "Ünïcödé, 中文 and (punctuation)… survive?",
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tolerance", type=float, default=1e-5, help="largest difference of a probability (default 1e-5)")
    modes = parser.add_subparsers(dest="mode", required=True)
    page = modes.add_parser("page")
    page.add_argument("dist")
    page.add_argument("--bundle", default="", help="the folder's name (default: the page's first bundle)")
    page.add_argument("--steps", type=int, default=3)
    packed = modes.add_parser("zip")
    packed.add_argument("export")
    packed.add_argument("ours")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        if args.mode == "page":
            export, ours = heal_in_page(args, Path(temporary))
        else:
            export, ours = Path(args.export), json.loads(Path(args.ours).read_text(encoding="utf-8"))
        with zipfile.ZipFile(export) as archive:
            if (bad := archive.testzip()) is not None:
                print(f"{bad} is damaged", file=sys.stderr)
                return 1
            archive.extractall(Path(temporary) / "unpacked")
            names = ", ".join(f"{Path(file.filename).name} {file.file_size}" for file in archive.infolist())
            print(f"{export.name}: {export.stat().st_size} bytes: {names}")
        (folder,) = (Path(temporary) / "unpacked").iterdir()
        return compare(folder, ours, args.tolerance)


def compare(folder: Path, ours: list[dict], tolerance: float) -> int:
    load_classifier(str(folder))  # Any remark of transformers on the folder is an error.
    classify = transformers.pipeline("text-classification", str(folder), top_k=None)
    faults, largest = [], 0.0
    for row in ours:
        theirs = {answer["label"]: answer["score"] for answer in classify([row["text"]])[0]}
        best = max(theirs, key=theirs.get)
        if best != row["label"]:
            faults.append(f"{row['text']!r}: {best} there, {row['label']} here")
        probability = row["probabilities"][row["label_id"]]
        largest = max(largest, abs(theirs[row["label"]] - probability))
        print(f"{row['label']} {probability:.6f} here, {theirs[row['label']]:.6f} there: {row['text']}")
    if not largest <= tolerance:  # So that NaN fails, too.
        faults.append(f"a probability differs by {largest:.1e}")
    history = classify.model.config.bert_heal["condition"]
    print(f"transformers {transformers.__version__}, {history}: {len(ours)} texts, largest difference {largest:.1e}")
    print(*faults, sep="\n", file=sys.stderr, end="\n" if faults else "")
    return 1 if faults else 0


def heal_in_page(args: argparse.Namespace, temporary: Path) -> tuple[Path, list[dict]]:
    """The zip that the page saves, and what it shows of the texts."""
    from chromium import Browser
    from screenshots import Handler

    rows = temporary / "rows.tsv"
    words = [["dull", "bad", "poor"], ["fine", "good", "lovely"]]
    lines = [f"{i % 2}\ta {words[i % 2][i // 2 % 3]} film, number {i}" for i in range(60)]
    rows.write_text("label\ttext\n" + "\n".join(lines) + "\n", encoding="utf-8")
    saved = temporary / "saved"
    saved.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=args.dist))
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def address(view: str, text: str = TEXTS[0]) -> str:
        fields = {"plan": "kaiming@bottom:0.67", "seed": 5, "steps": args.steps, "view": view, "text": text}
        if args.bundle:
            fields["bundle"] = args.bundle
        return "#" + urllib.parse.urlencode(fields, quote_via=urllib.parse.quote)

    def find(test_id: str) -> str:
        return f"document.querySelector('[data-testid={test_id}]')"

    def go(view: str, text: str = TEXTS[0]) -> None:
        browser.run(f"location.hash = {json.dumps(address(view, text))}")
        time.sleep(1)

    with Browser() as browser:
        browser.devtools("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(saved))
        browser.open(f"http://127.0.0.1:{server.server_address[1]}/{address('model')}")
        browser.wait(f"{find('model')}?.dataset.state === 'ready' && {find('load-rows')}")
        field = browser.devtools("Runtime.evaluate", expression=find("load-rows"))["result"]["objectId"]
        browser.devtools("DOM.setFileInputFiles", files=[str(rows)], objectId=field)
        go("operate")
        browser.wait(f"{find('heal-start')} && !{find('heal-start')}.disabled")
        browser.run(f"{find('heal-start')}.click()")
        browser.wait(f"{find('heal')}.dataset.state === 'done'")
        ours = []
        for text in TEXTS:
            go("operate", text)
            card = find("prediction-healed")
            browser.wait(f"{card}?.dataset.text === {json.dumps(text)} && {card}.dataset.label !== undefined")
            label, probability = browser.run(f"const d = {card}.dataset; return [+d.label, +d.probability]")
            ours.append({"text": text, "label_id": label, "probability": probability})
        go("measure")
        browser.wait(f"{find('run-1')}?.dataset.record")
        started = time.monotonic()
        browser.run(f"{find('export-healed')}.click()")
        while not (zips := list(saved.glob("*.zip"))) and time.monotonic() - started < 120:
            time.sleep(0.1)
        button = browser.run(f"return {find('export-healed')}.textContent")
        print(f"{button}: {time.monotonic() - started:.1f} s")
    (export,) = zips
    with zipfile.ZipFile(export) as archive:
        (config,) = [name for name in archive.namelist() if name.endswith("/config.json")]
        names = json.loads(archive.read(config))["id2label"]
    of = lambda row: {row["label_id"]: row["probability"]}
    return export, [{**row, "label": names[str(row["label_id"])], "probabilities": of(row)} for row in ours]


if __name__ == "__main__":
    sys.exit(main())
