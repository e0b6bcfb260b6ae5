#!/usr/bin/env python3
"""Serves folders of this machine on loopback as Hugging Face's hub does, with a fault if asked for.

    python tests/scripts/serve_hub.py \\
        models/sentence-transformers/all-MiniLM-L6-v2=MODEL_FOLDER \\
        datasets/cornell-movie-review-data/rotten_tomatoes=DATA_FOLDER &
    export HF_ENDPOINT=http://127.0.0.1:8079 HF_HOME=$(mktemp -d)
    bert-heal run --model sentence-transformers/all-MiniLM-L6-v2 --dataset cornell-movie-review-data/rotten_tomatoes

Run by hand, outside CI, for real weights and for other clients; `tests/cli/hub` has the same protocol in the tests' process.
A small file has git's name of its blob as etag; a large one is on another host, here another port, with its SHA-256 in a
header of the redirect. Every request for bytes is a line on stderr. Standard library only.
"""

import argparse
import hashlib
import json
import random
import re
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

LARGE_BYTES = 100_000


class Repository:
    """A folder as one commit, named by what is in it."""

    def __init__(self, path: str, folder: Path):
        self.path, self.folder = path, folder
        self.files = {str(file.relative_to(folder)): file for file in sorted(folder.rglob("*")) if file.is_file()}
        content = "".join(f"{name} {sha256(file)}\n" for name, file in self.files.items())
        self.commit = hashlib.sha1(f"{path}\n{content}".encode()).hexdigest()


def sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def answer(self, status: int, body: bytes = b"", **headers):
        self.send_response(status)
        for name, value in ({"Content-Length": len(body)} | {k.replace("_", "-"): v for k, v in headers.items()}).items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Hub(Handler):
    """Names, listings and small files."""

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        for repository in self.server.repositories:
            base = repository.path.removeprefix("models/")
            api = f"/api/{repository.path}"
            if path == api or path.startswith(f"{api}/revision/"):
                if path != api and path.rsplit("/", 1)[1] not in ("main", repository.commit):
                    return self.answer(404, b"{}", X_Error_Code="RevisionNotFound")
                name = repository.path.split("/", 1)[1]
                return self.answer(200, json.dumps({"id": name, "sha": repository.commit}).encode())
            if path == f"{api}/tree/{repository.commit}":
                files = repository.files.items()
                listing = [{"type": "file", "path": p, "size": f.stat().st_size, "oid": "0"} for p, f in files]
                return self.answer(200, json.dumps(listing).encode())
            for revision in ("main", repository.commit):
                name = path.removeprefix(f"/{base}/resolve/{revision}/")
                if name in repository.files:
                    return self.file(repository, name)
        return self.answer(401 if path.startswith("/api/") else 404, b"{}", X_Error_Code="RepoNotFound")

    def file(self, repository: Repository, name: str):
        file = repository.files[name]
        size = file.stat().st_size
        if size >= LARGE_BYTES:
            target = f"{self.server.large_files}/{repository.path}/{name}"
            hashed = f'"{sha256(file)}"'
            return self.answer(302, Location=target, X_Repo_Commit=repository.commit, X_Linked_Etag=hashed, X_Linked_Size=size)
        content = file.read_bytes()
        etag = hashlib.sha1(b"blob %d\0" % size + content).hexdigest()
        return self.answer(200, content, X_Repo_Commit=repository.commit, ETag=f'"{etag}"')


class LargeFiles(Handler):
    """The host of large files: knows ranges, and the faults."""

    def do_GET(self):
        path = unquote(self.path)
        files = {f"/{r.path}/{name}": file for r in self.server.repositories for name, file in r.files.items()}
        if path not in files:
            return self.answer(404)
        content = bytearray(files[path].read_bytes())
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(asked[1]) if asked else 0
        faults, name = self.server.faults, path.rsplit("/", 1)[1]
        if name == faults.flip:
            byte = random.randrange(len(content))
            content[byte] ^= 1 << random.randrange(8)
            self.say(f"{name}: a bit of byte {byte} of {len(content)} is flipped")
        end = len(content)
        if name == faults.cut:
            faults.cut = None
            end = random.randrange(first + 1, len(content))
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        if self.command == "HEAD":
            return None
        self.wfile.write(content[first:end])
        self.say(f"{name}: bytes {first} to {end - 1} of {len(content)}{'' if end == len(content) else ', then cut'}")
        if end < len(content):
            # No goodbye: the connection is reset, as when a line breaks.
            self.wfile.flush()
            threading.Event().wait(0.5)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        return None

    def say(self, line: str):
        print(line, file=sys.stderr, flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that leaves is no error, and neither is a line that was cut on purpose."""
        if not isinstance(sys.exception(), (OSError, ValueError)):
            super().handle_error(*_)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repositories", nargs="+", metavar="KIND/ID=FOLDER", help="KIND is models or datasets")
    parser.add_argument("--port", type=int, default=8079)
    parser.add_argument("--cut", metavar="FILE", help="the first answer for it breaks off at a random byte")
    parser.add_argument("--flip", metavar="FILE", help="one random bit of it is sent wrong, another each time")
    args = parser.parse_args()
    named = (argument.split("=", 1) for argument in args.repositories)
    repositories = [Repository(path, Path(folder)) for path, folder in named]
    large = Server(("127.0.0.1", 0), LargeFiles)
    hub = Server(("127.0.0.1", args.port), Hub)
    for server in (large, hub):
        server.repositories, server.faults = repositories, args
        server.large_files = f"http://127.0.0.1:{large.server_address[1]}"
    threading.Thread(target=large.serve_forever, daemon=True).start()
    print(f"HF_ENDPOINT=http://127.0.0.1:{hub.server_address[1]}", file=sys.stderr, flush=True)
    hub.serve_forever()


if __name__ == "__main__":
    main()
