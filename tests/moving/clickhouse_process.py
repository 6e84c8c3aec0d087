"""
A ClickHouse that takes everything, over HTTP, in a process of its own: chDB behind the part of the interface that
clickhouse-connect uses. Run as a script it serves one folder and prints its port.

A fault is a file in the folder: `slow` makes each INSERT of Native blocks wait, `refuse` answers the next one with an error,
`refuse for good` each one.
"""

from __future__ import annotations

import http.server
import os
import re
import subprocess
import sys
import time
import urllib.parse
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_SETTINGS = frozenset(
    {"query", "database", "default_format", "session_id", "query_id", "client_protocol_version", "wait_end_of_query",
     "send_progress_in_http_headers", "http_headers_progress_interval_ms", "cancel_http_readonly_queries_on_client_close",
     "enable_http_compression", "compress", "decompress", "user", "password"}
)  # fmt: skip


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        from lz4 import frame

        given = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "lz4":
            body = frame.decompress(body)
        sql = given.get("query", "").encode()
        if not sql:
            sql, body = body, b""
        try:
            self._send(200, self._run(sql, body, given))
        except RuntimeError as error:
            code = re.search(r"Code: (\d+)", str(error))
            self._send(500, str(error).encode(), code[1] if code else "0")

    def _run(self, sql: bytes, body: bytes, given: dict[str, str]) -> bytes:
        import chdb

        handle = chdb.connect(str(self.folder / "clickhouse"))
        try:
            insert = re.match(rb"\s*INSERT INTO (.*?)\s+FORMAT (\w+)[ \t]*(\n|$)", sql, re.DOTALL)
            if insert:
                settings = {name: value for name, value in given.items() if name not in _NOT_SETTINGS}
                self._insert(handle, insert, body or sql[insert.end() :], settings)
                return b""
            for name, value in given.items():
                if name.startswith("param_"):
                    handle.query(f"SET {name} = {_quoted(value)}")
            wanted = re.search(rb"\s+FORMAT (\w+)\s*;?\s*$", sql)
            text = sql[: wanted.start()] if wanted else sql
            form = wanted[1].decode() if wanted else given.get("default_format", "TabSeparated")
            answer: bytes = handle.query(text.decode(), form).bytes()
            return answer
        finally:
            handle.close()

    def _insert(self, handle: Any, insert: re.Match[bytes], data: bytes, settings: dict[str, str]) -> None:
        form = insert[2].decode()
        if form == "Native":
            if (self.folder / "slow").exists():
                time.sleep(0.3)
            is_refused = (self.folder / "refuse").exists()
            (self.folder / "refuse").unlink(missing_ok=True)
            if is_refused or (self.folder / "refuse for good").exists():
                raise RuntimeError("Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)")
        rendered = ", ".join(f"{name} = {_quoted(value)}" for name, value in settings.items())
        clause = f" SETTINGS {rendered}" if rendered else ""
        with handle.send_insert(f"INSERT INTO {insert[1].decode()}{clause}", form) as inserter:
            inserter.append(data)
            inserter.finish()

    def _send(self, status: int, body: bytes, code: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.send_header("X-ClickHouse-Timezone", "UTC")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _serve(folder: Path) -> None:
    import chdb

    keeper = chdb.connect(str(folder / "clickhouse"))  # the engine lives as long as one handle is open
    os.chdir(folder)  # where the engine caches the schemas that it is sent
    handler = type("Handler", (_Handler,), {"folder": folder})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
    keeper.close()


@contextmanager
def clickhouse(folder: Path) -> Iterator[str]:
    """Yield the URL of a server on `folder`."""
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen([sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait(60)
        process.stdout.close()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
