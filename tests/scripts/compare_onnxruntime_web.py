#!/usr/bin/env python3
"""Times the page's worker and onnxruntime-web in turn, in headless Chromium, in f32, on as many threads each.

    npm install onnxruntime-web                                         # in some folder
    python tests/scripts/compare_onnxruntime_web.py --export MODEL_DIR m.onnx          # needs torch, transformers, onnx
    trunk build --release
    python tests/scripts/compare_onnxruntime_web.py dist MODEL_DIR m.onnx FOLDER/node_modules/onnxruntime-web [--rounds 4] [--threads 2]

MODEL_DIR has config.json and model.safetensors. Both sides see the same token ids, warm up for a second and then run 15
times; each round opens a fresh browser for either side, A B A B. Printed: the median over rounds of each side's median,
and their ratio. Standard library only, Chromium and chromedriver on PATH; loopback only.
"""
import argparse
import functools
import http.server
import json
import pathlib
import statistics
import sys
import threading

sys.dont_write_bytecode = True
from chromium import Browser

SHAPES = ["1x16", "1x32", "1x128", "16x32"]

PEER_PAGE = """<!doctype html><title>onnxruntime-web, timed</title><script type="module">
import * as ort from '/ort/dist/ort.wasm.min.mjs';
ort.env.wasm.numThreads = Number(new URLSearchParams(location.search).get('threads')); ort.env.wasm.wasmPaths = new URL('/ort/dist/', location.href).href;
try {
  const session = await ort.InferenceSession.create('/peer.onnx', {executionProviders: ['wasm']});
  const out = {};
  for (const [rows, tokens] of [[1, 16], [1, 32], [1, 128], [16, 32]]) {
    const tensor = (of) => new ort.Tensor('int64', BigInt64Array.from({length: rows * tokens}, (_, i) => of(i)), [rows, tokens]);
    const feed = {};
    for (const name of session.inputNames)
      feed[name] = tensor(name.includes('type') ? () => 0n : name.includes('ids') ? (i) => BigInt(1000 + (i * 7919) % 20000) : () => 1n);
    const end = performance.now() + 1000;
    while (performance.now() < end) await session.run(feed);
    const times = [];
    for (let i = 0; i < 15; i++) { const start = performance.now(); await session.run(feed); times.push(performance.now() - start); }
    times.sort((a, b) => a - b);
    out[`${rows}x${tokens}`] = {min: times[0], median: times[7]};
  }
  window.__done = JSON.stringify(out);
} catch (error) { window.__done = 'ERR ' + error; }
</script>"""

def export(model_dir, out):
    """The encoder as ONNX, in f32."""
    import torch
    from transformers import AutoModel

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = AutoModel.from_pretrained(model_dir, attn_implementation="eager").eval()

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(input_ids=input_ids, attention_mask=attention_mask,
                              token_type_ids=token_type_ids).last_hidden_state

    ids, names = torch.ones(1, 8, dtype=torch.long), ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(Encoder(), (ids, ids, ids * 0), out, input_names=names, output_names=["hidden_states"],
                      dynamic_axes={name: {0: "batch", 1: "seq"} for name in names + ["hidden_states"]},
                      dynamo=False, opset_version=17)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of `roots` (prefix → folder) and texts of `pages`, isolated, so that the clock is a fine one."""
    roots: dict = {}
    pages: dict = {}
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map,
                      ".wasm": "application/wasm", ".js": "text/javascript", ".mjs": "text/javascript"}

    def translate_path(self, path):
        path = path.split("?")[0].split("#")[0]
        for prefix, folder in self.roots.items():
            if path == prefix or (path.startswith(prefix + "/") and ".." not in path):
                return str(folder) + path[len(prefix):]
        return "/nonexistent"

    def do_GET(self):
        text = self.pages.get(self.path.split("?")[0])
        if text is None:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())

    def end_headers(self):
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_):
        pass


def done(origin, path, timeout=280):
    """What the page at `path` leaves in window.__done, in a browser of its own."""
    with Browser() as browser:
        browser.open(origin + path)
        text = browser.result("const cb=arguments[0];(function w(){window.__done?cb(window.__done):setTimeout(w,50)})()", timeout)
    if text.startswith("ERR"):
        sys.exit(f"{path}: {text}")
    return json.loads(text)


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--export":
        return export(sys.argv[2], sys.argv[3])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dist", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("onnx", type=pathlib.Path)
    parser.add_argument("onnxruntime_web", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1, choices=[1, 2, 4], help="workers here, threads there")
    parser.add_argument("--simd", choices=["plain", "relaxed"], help="this worker instead of the browser's best")
    args = parser.parse_args()

    Handler.roots = {"/dist": args.dist.resolve(), "/model": args.model.resolve(),
                     "/ort": args.onnxruntime_web.resolve(), "/peer.onnx": args.onnx.resolve()}
    Handler.pages = {"/peer.html": PEER_PAGE}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_address[1]}"
    ours_page = f"/dist/bench.html?model=/model&threads={args.threads}" + (f"&simd={args.simd}" if args.simd else "")
    ours, peers = [], []
    for round_idx in range(args.rounds):
        ours.append(done(origin, ours_page))
        peers.append(done(origin, f"/peer.html?threads={args.threads}"))
        print(f"round {round_idx + 1} of {args.rounds} done", file=sys.stderr)

    hashes = {figures["corrupted_sha256"] for figures in ours}
    version = json.loads((args.onnxruntime_web / "package.json").read_text())["version"]
    last = ours[-1]
    print(f"{args.model.name}: relaxed SIMD {last['relaxed_simd']}, onnxruntime-web {version}, "
          f"{last['threads']} threads, {args.rounds} rounds")
    print("| tokens | here, ms | onnxruntime-web, ms | ratio of medians |\n| --- | --- | --- | --- |")
    for shape in SHAPES:
        a = statistics.median(figures[shape]["median"] for figures in ours)
        b = statistics.median(figures[shape]["median"] for figures in peers)
        print(f"| {shape} | {a:.2f} | {b:.2f} | {a / b:.2f} |")
    for key in ("heal_step", "heal_step_all"):
        print(f"{key}: {statistics.median(figures[key]['median'] for figures in ours):.0f} ms")
    print(f"matrix product: {statistics.median(figures['gflops']['median'] for figures in ours)} GFLOP/s")
    print(f"hash of the damaged weights: {', '.join(sorted(hashes))}")


if __name__ == "__main__":
    main()
