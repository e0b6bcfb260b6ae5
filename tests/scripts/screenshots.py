#!/usr/bin/env python3
"""Pictures of the page for docs/page.md: each of its parts, light and dark, on a desktop and on a phone.

    trunk build --release
    python tests/scripts/screenshots.py dist docs/screenshots

Serves DIST on loopback, drives headless Chromium through chromedriver (both on PATH) and writes OUT/<part>-<theme>-<size>.webp.
Standard library only.
"""
import base64
import functools
import http.server
import json
import pathlib
import sys
import threading
import time

sys.dont_write_bytecode = True
from chromium import Browser

SIZES = {"desktop": (1280, 900, 1, False), "phone": (390, 844, 2, True)}
DAMAGE = "plan=kaiming@bottom:0.67&seed=1&text=A%20warm%2C%20funny%20and%20beautifully%20acted%20film."
READY = "document.querySelector('[data-testid=model]')?.dataset.state === 'ready'"
BROKEN = "document.querySelector('[data-testid=prediction-corrupted]')?.dataset.label"
DAMAGED = READY + " && Number(document.querySelector('[data-testid=damage]')?.dataset.changed) > 0"

# Name, address, what to wait for before and after an action, the action, what to scroll to.
PARTS = [
    ("1-at-once", "", "document.querySelector('[data-testid=load-progress]')?.value > 1e6",
     None, None, None),
    ("1-broken", "", READY, "document.querySelector('[data-testid=break-it]').click()", BROKEN, None),
    ("1-learning", "", READY, "document.querySelector('[data-testid=break-it]').click()",
     BROKEN + " && (document.querySelector('[data-testid=heal-it]')?.click(),"
     " document.querySelector('[data-testid=heal]')?.dataset.step > 10)", None),
    ("2-three-columns", DAMAGE, DAMAGED + " && document.querySelector('[data-testid=prediction-corrupted]')?.dataset.text",
     None, None, "[data-testid=prediction-healthy]"),
    ("3-operating-table", "plan=kaiming@bottom:1L;zero:0.5@layers:2/attention.head:3-5&seed=7&more=1", DAMAGED, None, None,
     "[data-testid=network]"),
    ("3-inside", DAMAGE + "&view=inside", DAMAGED + " && document.querySelector('[data-testid=drift] svg')", None, None, None),
    ("4-healing", DAMAGE + "&steps=40&more=1", DAMAGED, "document.querySelector('[data-testid=heal-start]').click()",
     "document.querySelector('[data-testid=heal]')?.dataset.state === 'done'", "[data-testid=heal]"),
    ("5-evidence", "view=evidence", "document.querySelector('[data-testid=evidence] svg')", None, None, None),
    ("6-lesson", "lesson=2", READY, "document.querySelector('[data-testid=reveal]')?.click()", "true", None),
    ("7-own-model", "view=model", READY, None, None, None),
    ("8-held-out", DAMAGE + "&view=measure", READY, "document.querySelector('[data-testid=evaluate]').click()",
     "document.querySelector('[data-testid=accuracy-healed]')?.dataset.value > 0", None),
]


class Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map,
                      ".wasm": "application/wasm", ".js": "text/javascript"}

    # Seconds between the parts of a model, so that it can be seen to arrive.
    pause = 0.0

    def copyfile(self, source, outputfile):
        if not self.path.endswith(".bin"):
            return super().copyfile(source, outputfile)
        try:
            while part := source.read(1 << 18):
                outputfile.write(part)
                time.sleep(self.pause)
        except BrokenPipeError:  # the picture is taken, and the browser closed
            pass

    def log_message(self, *_):
        pass


def main():
    dist, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    only = sys.argv[3:]
    out.mkdir(parents=True, exist_ok=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(dist)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_address[1]}/"
    for name, address, before, action, after, target in PARTS:
        if only and name not in only:
            continue
        # The first part is what is seen while the model still arrives.
        Handler.pause = 0.3 if name == "1-at-once" else 0.0
        with Browser() as browser:
            browser.open(f"{origin}#{address}")
            browser.wait(before)
            if action:
                time.sleep(0.5)
                browser.run(action)
                browser.wait(after)
            for size, (width, height, scale, is_mobile) in SIZES.items():
                browser.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                                 deviceScaleFactor=scale, mobile=is_mobile)
                for theme in ("light", "dark"):
                    browser.devtools("Emulation.setEmulatedMedia",
                                     features=[{"name": "prefers-color-scheme", "value": theme}])
                    time.sleep(0.4)
                    scroll = f"document.querySelector('{target}')?.scrollIntoView({{block: 'start'}})" if target else "scrollTo(0, 0)"
                    browser.run(scroll + "; scrollBy(0, -24)")
                    time.sleep(0.4)
                    shot = browser.devtools("Page.captureScreenshot", format="webp", quality=80)["data"]
                    (out / f"{name}-{theme}-{size}.webp").write_bytes(base64.b64decode(shot))
        print(name, file=sys.stderr)


if __name__ == "__main__":
    main()
