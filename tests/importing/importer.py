"""Transcripts of many sessions, `argus-otel import` in a process of its own, and a receiver that does as it is told."""

from __future__ import annotations

import gzip
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

FIXTURES = Path(__file__).parents[1] / "fixtures" / "transcripts"
SESSION = "8ac0986c-58d1-4640-b732-78f11e82e631"
OTHER = "03849ff0-2cdf-4232-acf1-5fc99b391961"
FORK = "7d74ec3b-bb16-4333-832a-ba2310e81b60"
Answer = tuple[int, dict[str, str], bytes]


def projects(home: Path, copies: int = 0) -> Path:
    """Make a `projects` folder: the recorded sessions, or one of them as often as is said, each with an id of its own."""
    folder = home / ".claude" / "projects" / "-home-user-project"
    if not copies:
        for name in ("turns", "forked"):
            shutil.copytree(FIXTURES / name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("hooks.jsonl"))
        return folder.parent
    for number in range(copies):
        own = f"{number:08d}{SESSION[8:]}"
        for file in (FIXTURES / "turns").rglob("*"):
            if file.is_file() and file.name != "hooks.jsonl":
                target = folder / str(file.relative_to(FIXTURES / "turns")).replace(SESSION, own)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(file.read_text().replace(SESSION, own))
    return folder.parent


def start(home: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start an import with a home folder of its own."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ARGUS_OTEL_", "XDG_", "CLAUDE_"))
    }
    return subprocess.Popen(
        [sys.executable, "-m", "argus_otel", "import", *arguments],
        env={**environment, "HOME": str(home), "TMPDIR": str(home), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(home: Path, *arguments: str, code: int = 0, **variables: str) -> dict[str, Any]:
    """Import and return the summary; the exit code must be the one that is expected."""
    process = start(home, *arguments, "--format", "json", **variables)
    out, error = process.communicate(timeout=240)
    assert process.returncode == code, error
    summary: dict[str, Any] = json.loads(out) if out else {"error": error}
    return summary


def state_file(home: Path) -> Path:
    return home / ".local" / "state" / "argus-otel" / "imported.jsonl"


def kill_midway(process: subprocess.Popen[str], home: Path) -> None:
    """Kill an import as soon as it has noted that something arrived."""
    while not (state_file(home).exists() and state_file(home).stat().st_size):
        assert process.poll() is None
    process.kill()
    process.communicate()


class Receiver:
    """An OTLP/HTTP receiver that keeps the requests it took and answers as it is told."""

    def __init__(self, answer: Callable[[dict[str, Any]], Answer] = lambda _: (200, {}, b"{}")) -> None:
        self.requests: list[dict[str, Any]] = []
        self.sizes: list[int] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
                request = json.loads(body)
                status, headers, answered = answer(request)
                receiver.headers.append(dict(self.headers))
                if status == 200:
                    receiver.requests.append(request)
                    receiver.sizes.append(len(body))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(answered))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answered)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def spans(self) -> list[dict[str, Any]]:
        return [span for request in self.requests for span in spans_of(request)]

    @property
    def sessions(self) -> set[str]:
        return {attributes_of(span)["session.id"] for span in self.spans}


def spans_of(request: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        span for resource in request["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]
    ]


def attributes_of(span: dict[str, Any]) -> dict[str, Any]:
    return {item["key"]: next(iter(item["value"].values())) for item in span["attributes"]}
