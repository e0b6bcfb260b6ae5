"""Serves this folder: `python3 serve.py`, or `python3 serve.py 0.0.0.0` for a class; a port may follow.

Python's own `http.server` asks Windows what a .js file is, and where Windows says "plain text" the page stays blank.
"""

import functools
import http.server
import os
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".css": "text/css",
        ".html": "text/html",
        ".js": "text/javascript",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
    }

    def end_headers(self):
        # A newer page in this folder is seen at once.
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
port = int(sys.argv[2]) if len(sys.argv) > 2 else 8000
handler = functools.partial(Handler, directory=os.path.dirname(os.path.abspath(__file__)))
with http.server.ThreadingHTTPServer((address, port), handler) as server:
    host = "127.0.0.1" if address == "0.0.0.0" else address
    print(f"Open http://{host}:{server.server_address[1]}/ (Ctrl-C ends it)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
