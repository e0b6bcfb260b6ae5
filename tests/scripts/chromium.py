"""A headless Chromium through chromedriver, both on PATH, for the scripts of this folder. Standard library only."""
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]


class Browser:
    """One fresh headless Chromium with a profile of its own; close it when done."""

    def __init__(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.profile = tempfile.mkdtemp()
        self.driver = subprocess.Popen(["chromedriver", f"--port={self.port}"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                self.call("GET", "/status")
                break
            except OSError:
                time.sleep(0.1)
        options = {"args": [*FLAGS, f"--user-data-dir={self.profile}"]}
        for name in ("chromium", "chromium-browser", "google-chrome"):
            if shutil.which(name):
                options["binary"] = shutil.which(name)
                break
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
        self.session = self.call("POST", "/session", {"capabilities": capabilities})["sessionId"]

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method, data=data,
                                         headers={"Content-Type": "application/json"})
        return json.loads(urllib.request.urlopen(request, timeout=320).read())["value"]

    def devtools(self, command, **params):
        return self.call("POST", f"/session/{self.session}/goog/cdp/execute", {"cmd": command, "params": params})

    def run(self, script):
        return self.call("POST", f"/session/{self.session}/execute/sync", {"script": script, "args": []})

    def result(self, script, seconds):
        """What `script` hands to the callback that is its only argument."""
        self.call("POST", f"/session/{self.session}/timeouts", {"script": seconds * 1000, "pageLoad": 60000})
        return self.call("POST", f"/session/{self.session}/execute/async", {"script": script, "args": []})

    def open(self, url):
        self.call("POST", f"/session/{self.session}/url", {"url": url})

    def wait(self, condition, seconds=240):
        end = time.monotonic() + seconds
        while not self.run(f"return !!({condition})"):
            if time.monotonic() > end:
                raise TimeoutError(condition)
            time.sleep(0.1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("DELETE", f"/session/{self.session}")
        finally:
            self.driver.terminate()
            self.driver.wait()
            shutil.rmtree(self.profile, ignore_errors=True)
