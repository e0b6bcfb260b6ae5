#!/usr/bin/env python3
"""Fetches the same files with bert-heal and with huggingface_hub from the hub of the tests, and compares what came.

    cargo build --locked --workspace --exclude web --bin bert-heal --example serve_hub
    python tests/scripts/compare_hub_clients.py [--python PYTHON_WITH_HUGGINGFACE_HUB]

Run by hand, outside CI: that the real client takes the recorded answers, and fails where bert-heal must fail, is what
says that the imitation is one. Without --python a virtual environment with the pinned version is made in a temporary
folder. A line for each case; exit code 1 when one differs.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REQUIREMENT = "huggingface_hub==2.4.0"
ROOT = Path(__file__).resolve().parents[2]
MODEL, DATASET = "acme/tiny", "acme/reviews"
TOKEN = "hf_good"

# Runs in the environment with huggingface_hub: fetches files one by one, as transformers does.
CLIENT = """
import json, sys
from huggingface_hub import hf_hub_download
repo, kind, revision, offline, *files = sys.argv[1:]
said = {}
for file in files:
    try:
        said[file] = hf_hub_download(repo, file, repo_type=kind, revision=revision, local_files_only=offline == "yes")
    except Exception as error:
        said[file] = type(error).__name__
print(json.dumps(said))
"""


def write_repositories(folder: Path) -> dict[str, Path]:
    """A model that nobody could use and rows of two classes; `train` and `.safetensors` are large files to the hub."""
    model, rows = folder / "model", folder / "rows"
    model.mkdir()
    (rows / "data").mkdir(parents=True)
    (model / "config.json").write_text('{"model_type": "bert"}\n')
    (model / "tokenizer_config.json").write_text('{"do_lower_case": false}\n')
    (model / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    (model / "model.safetensors").write_bytes(bytes(byte * 7 % 251 for byte in range(200_000)))
    lines = [f"{row % 2}\tfilm number {row}" for row in range(2_000)]
    (rows / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train.tsv\n"
        "  - split: test\n    path: data/test.tsv\n---\n# Rows\n"
    )
    (rows / "data/train.tsv").write_text("label\ttext\n" + "\n".join(lines) + "\n")
    (rows / "data/train_noisy.tsv").write_text("label\ttext\n1\tnobody asks for this\n")
    (rows / "data/test.tsv").write_text("label\ttext\n" + "\n".join(lines[:100]) + "\n")
    return {f"models/{MODEL}": model, f"datasets/{DATASET}": rows}


class Hub:
    """The server of the tests with some faults."""

    def __init__(self, program: Path, repositories: dict[str, Path], faults: list[str]):
        arguments = [f"{path}={folder}" for path, folder in repositories.items()]
        self.process = subprocess.Popen(
            [program, *arguments, *faults],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        self.endpoint = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=20)


def environment(endpoint: str, home: Path, more: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        kept.pop(proxy, None), kept.pop(proxy.lower(), None)
    # Xet would go to other servers; pip would be asked when the hub fails.
    own = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "PATH": "/nonexistent"}
    own |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_SYMLINKS_WARNING": "1"}
    return kept | own | {"BERT_HEAL_CACHE": str(home / "own")} | more


class Clients:
    def __init__(self, program: Path, python: Path):
        self.program, self.python = program, python

    def ours(self, name: str, env: dict[str, str], *more: str) -> subprocess.CompletedProcess:
        return subprocess.run([self.program, "fetch", name, *more], env=env, capture_output=True, text=True)

    def theirs(self, name: str, kind: str, files: list[str], env: dict[str, str], offline: str = "no") -> dict[str, str]:
        repo, _, revision = name.partition("@")
        command = [self.python, "-c", CLIENT, repo, kind, revision or "main", offline, *files]
        answer = subprocess.run(command, env=env, capture_output=True, text=True)
        if answer.returncode != 0:
            raise RuntimeError(answer.stderr)
        return json.loads(answer.stdout)


def described(repository: Path) -> dict[str, str]:
    """Every file of a repository in a cache that both clients know: what it is and its hash."""
    found = {}
    for part in ("refs", "blobs", "snapshots", ".no_exist"):
        for path in sorted((repository / part).rglob("*")):
            if path.is_symlink() or path.is_file():
                hashed = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
                kind = f"link to {os.readlink(path)}" if path.is_symlink() else "file"
                found[str(path.relative_to(repository))] = f"{kind} {hashed}"
    return found


def difference(ours: dict[str, str], theirs: dict[str, str]) -> str:
    """The first thing in which they differ."""
    for path in sorted(ours.keys() | theirs.keys()):
        if ours.get(path) != theirs.get(path):
            return f"{path}: bert-heal {ours.get(path, 'nothing')}, huggingface_hub {theirs.get(path, 'nothing')}"
    return ""


KINDS = {
    MODEL: ("model", ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"],
            ["adapter_config.json", "added_tokens.json", "special_tokens_map.json", "tokenizer.json"]),
    DATASET: ("dataset", ["README.md", "data/test.tsv", "data/train.tsv"], []),
}


def compare_success(clients, hubs: tuple[Hub, Hub], folder: Path, repo: str, env: dict[str, str]) -> str:
    """Both fetch into caches of their own; empty when these are equal and each client can use the other's."""
    kind, files, absent = KINDS[repo]
    homes = {who: folder / who for who in ("ours", "theirs")}
    envs = {who: environment(hub.endpoint, homes[who], env) for who, hub in zip(homes, hubs, strict=True)}
    answer = clients.ours(repo if kind == "model" else f"datasets/{repo}", envs["ours"])
    if answer.returncode != 0:
        return f"bert-heal failed: {answer.stderr.strip().splitlines()[-1:]}"
    said = clients.theirs(repo, kind, files + absent, envs["theirs"])
    failed = {file: error for file, error in said.items() if file in files and not error.startswith("/")}
    if failed:
        return f"huggingface_hub failed: {failed}"
    if any(said[file] != "RemoteEntryNotFoundError" for file in absent):
        return f"huggingface_hub found {said}"
    name = f"{kind}s--{repo.replace('/', '--')}"
    caches = {who: home / "hub" / name for who, home in homes.items()}
    differs = difference(described(caches["ours"]), described(caches["theirs"]))
    if differs:
        return differs
    # Each without a network out of the other's cache.
    crossed = clients.ours(repo if kind == "model" else f"datasets/{repo}", envs["theirs"], "--offline")
    if crossed.returncode != 0:
        return f"bert-heal cannot use huggingface_hub's cache: {crossed.stderr.strip().splitlines()[-1:]}"
    crossed = clients.theirs(repo, kind, files, envs["ours"], "yes")
    if not all(path.startswith(str(homes["ours"])) for path in crossed.values()):
        return f"huggingface_hub cannot use bert-heal's cache: {crossed}"
    return ""


# Name, what to fetch, faults, environment.
SUCCESSES = [
    ("model, links", MODEL, [], {}),
    ("model, real files", MODEL, [], {"HF_HUB_DISABLE_SYMLINKS": "1"}),
    ("data set, links", DATASET, [], {}),
    ("data set, real files", DATASET, [], {"HF_HUB_DISABLE_SYMLINKS": "1"}),
    ("model, no x-linked-size", MODEL, ["--omit", "x-linked-size"], {}),
    ("model, cut once", MODEL, ["--cut-at", "7777"], {}),
    ("model, gated, good token", MODEL, ["--required", TOKEN], {"HF_TOKEN": TOKEN}),
]

# Name, faults, what to fetch, environment, what huggingface_hub must say of which file. None: it takes what
# bert-heal must not.
FAILURES = [
    ("401 gated, no token", ["--required", TOKEN], MODEL, {}, ("config.json", "GatedRepoError")),
    ("403 gated, another token", ["--required", TOKEN], MODEL, {"HF_TOKEN": "hf_bad"}, ("config.json", "GatedRepoError")),
    ("404 no such repository", [], "acme/nothing", {}, ("config.json", "RepositoryNotFoundError")),
    ("404 no such revision", [], f"{MODEL}@v9", {}, ("config.json", "RevisionNotFoundError")),
    ("429 for ever", ["--status", "429"], MODEL, {}, ("config.json", "LocalEntryNotFoundError")),
    ("truncated every time", ["--truncate-at", "5000"], MODEL, {}, ("model.safetensors", "RemoteProtocolError")),
    ("no x-linked-etag for a large file", ["--omit", "x-linked-etag"], MODEL, {}, ("model.safetensors", "LocalEntryNotFoundError")),
    ("wrong hash", ["--flip", "100"], MODEL, {}, ("model.safetensors", None)),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, help=f"one that has {REQUIREMENT}")
    parser.add_argument("--programs", type=Path, default=ROOT / "target/debug", help="where the programs were built")
    args = parser.parse_args()
    n_failed = 0

    def report(case: str, problem: str, note: str = "") -> None:
        nonlocal n_failed
        n_failed += bool(problem)
        print(f"{'FAIL' if problem else 'pass'}  {case}{': ' + problem if problem else note and ' (' + note + ')'}", flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        python = args.python
        if python is None:
            venv.create(folder / "venv", with_pip=True)
            python = folder / "venv/bin/python"
            subprocess.run([python, "-m", "pip", "install", "--quiet", REQUIREMENT], check=True)
        version = subprocess.run(
            [python, "-c", "import huggingface_hub; print(huggingface_hub.__version__)"],
            check=True, capture_output=True, text=True,
        ).stdout.strip()
        if version != REQUIREMENT.split("==")[1]:
            parser.error(f"expected {REQUIREMENT}, got {version}")
        clients = Clients(args.programs / "bert-heal", python)
        server = args.programs / "examples/serve_hub"
        repositories = write_repositories(folder)
        n_case = 0

        def home() -> Path:
            nonlocal n_case
            n_case += 1
            path = folder / f"case-{n_case}"
            path.mkdir()
            return path

        for case, repo, faults, env in SUCCESSES:
            # The first answer may be the one that is cut, so each client has a hub of its own.
            with Hub(server, repositories, faults) as ours, Hub(server, repositories, faults) as theirs:
                report(case, compare_success(clients, (ours, theirs), home(), repo, env))
        for case, faults, name, env, (file, expected) in FAILURES:
            with Hub(server, repositories, faults) as hub:
                place = home()
                answer = clients.ours(name, environment(hub.endpoint, place / "ours", env))
                said = clients.theirs(name, "model", [file], environment(hub.endpoint, place / "theirs", env))[file]
                sentence = (answer.stderr.strip().splitlines() or [""])[-1]
                problem = ""
                if answer.returncode != 2 or not sentence.startswith("error: "):
                    problem = f"bert-heal should refuse, exit code {answer.returncode}: {sentence}"
                elif expected is None and not said.startswith("/"):
                    problem = f"huggingface_hub said {said}, which would be news: it checks sizes only"
                elif expected is not None and said != expected:
                    problem = f"huggingface_hub said {said}, expected {expected}"
                note = "huggingface_hub takes it, it checks sizes only" if expected is None else f"huggingface_hub: {said}"
                report(case, problem, f"{sentence.removeprefix('error: ')[:90]} | {note}")
    print(f"huggingface_hub {version}: {n_failed} differ")
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
