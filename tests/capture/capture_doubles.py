"""Stand-ins for what is around a capture: a receiver that answers as told, and a machine on which hooks run."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import psutil

import argus_otel
from argus_otel.capture.hook import spool_folder
from argus_otel.capture.shipper import Pace, run_shipper
from argus_otel.capture.spool import Report, Spool, report

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = Path(argus_otel.__file__).parent
HOOK_SCRIPT = PACKAGE / "capture" / "hook.py"
SHIPPER_SCRIPT = PACKAGE / "capture" / "shipper.py"
QUICK = Pace(poll_s=0.01, linger_s=0.0, life_s=0.3, delay_first_s=0.01, delay_max_s=0.05, asked_delay_max_s=0.1)
NOBODY = "http://127.0.0.1:1"
_WAIT_S_MAX = 60


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def spans(self) -> list[dict[str, Any]]:
        """The spans in it, attributes as a plain dict."""
        found = json.loads(gzip.decompress(self.body))["resourceSpans"][0]["scopeSpans"][0]["spans"]
        return [{**span, "attributes": _plain(span["attributes"])} for span in found]

    @property
    def sessions(self) -> list[str]:
        return [span["attributes"]["session.id"] for span in self.spans]


def _plain(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: next(iter(pair["value"].values())) for pair in pairs}


class Receiver(ThreadingHTTPServer):
    """Answers every POST as told and keeps what it got."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.requests: list[Request] = []
        self.status = 200
        self.answer = b"{}"
        self.headers: dict[str, str] = {}
        self.status_of: Callable[[Request], int] = lambda _: self.status

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[dict[str, Any]]:
        return [span for request in self.requests for span in request.spans]

    @property
    def span_ids(self) -> list[str]:
        return [span["spanId"] for span in self.spans]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = Request(self.path, dict(self.headers.items()), body)
        self.server.requests.append(request)
        self.send_response(self.server.status_of(request))
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", str(len(self.server.answer)))
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.answer)

    def do_GET(self) -> None:  # what a followed redirect of a POST becomes
        self.server.requests.append(Request(self.path, dict(self.headers.items()), b""))
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


class Machine:
    """Where sessions run: folders of its own, and the variables that a hook of the plugin gets there."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._tests = folder.parent
        self.state = folder / "state"
        self.home = folder / "home"
        self.project = folder / "home" / "project"
        self.project.mkdir(parents=True)
        self.environ = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "CLAUDE_PLUGIN_DATA": str(self.state),
            "CLAUDE_PROJECT_DIR": str(self.project),
            "ARGUS_OTEL_ENDPOINT": endpoint,
        }

    @property
    def endpoint(self) -> str:
        return self.environ["ARGUS_OTEL_ENDPOINT"]

    @property
    def spool(self) -> Path:
        return Path(spool_folder(str(self.state), self.endpoint))

    @property
    def log(self) -> str:
        file = self.state / "capture.log"
        return file.read_text() if file.exists() else ""

    def waiting(self, *kinds: str) -> list[str]:
        kinds = kinds or (".raw", ".spans", ".private")
        return Spool(str(self.spool)).names(*kinds) if self.spool.exists() else []

    def report(self) -> Report:
        (found,) = [one for one in report(str(self.state)) if one.endpoint == self.endpoint]
        return found

    def command(self, event: str = "") -> list[str]:
        return [sys.executable, "-I", "-S", str(HOOK_SCRIPT), *([event] if event else [])]

    def hook(self, told: bytes, event: str = "", *, file_bytes_max: int | None = None, **more: Any) -> bytes:
        """
        Run a hook as Claude Code does, hold it to what every hook must keep, and return what it printed.

        Args:
            file_bytes_max: how long a file it may write, in whole blocks of 512; a full disk is like that.
        """
        limit = (
            [] if file_bytes_max is None else ["sh", "-c", 'ulimit -f "$0" && exec "$@"', str(file_bytes_max // 512)]
        )
        environ = {**self.environ, **more.pop("environ", {})}
        done = subprocess.run(
            [*limit, *self.command(event)], input=told, env=environ, capture_output=True, timeout=_WAIT_S_MAX, **more
        )
        assert (done.returncode, done.stderr) == (0, b""), f"ended with {done.returncode}: {done.stderr!r}"
        return done.stdout

    def ship(self, **environ: str) -> None:
        """Ship what waits, in this process and without waiting for more."""
        run_shipper(str(self.spool), {**self.environ, **environ}, pace=QUICK)

    def shippers(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                command = process.cmdline()
            except psutil.Error:
                continue
            if str(SHIPPER_SCRIPT) in command and any(word.startswith(f"{self._tests}/") for word in command):
                found.append(process)
        return found

    def stop_shippers(self) -> None:
        for process in self.shippers():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue


def told(event: str = "PreToolUse", session_id: str = "s1", **fields: Any) -> bytes:
    """What a hook is told."""
    return json.dumps({"session_id": session_id, "hook_event_name": event, **fields}).encode()


def tool(number: int, session_id: str = "s1", **fields: Any) -> bytes:
    about = {"tool_name": "Bash", "tool_input": {"command": f"echo {number}"}, "tool_use_id": f"toolu_{number}"}
    return told("PreToolUse", session_id, **{**about, **fields})


def prompt(text: str, session_id: str = "s1", prompt_id: str = "p1") -> bytes:
    return told("UserPromptSubmit", session_id, prompt=text, prompt_id=prompt_id)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + _WAIT_S_MAX
    while not is_so():
        assert time.monotonic() < deadline_s, "it did not come to that"
        time.sleep(0.02)
