"""A ClickHouse server at the HTTP level over the real engine: it answers, fails, is slow, or hangs up, as a test says."""

from __future__ import annotations

import base64
import http.server
import socketserver
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from argus_otel.store import EmbeddedStore

USER, PASSWORD = "loader", "a secret: with /signs%"


class Replica(http.server.BaseHTTPRequestHandler):
    """
    One server; several over one engine are replicas that hold the same.

    `mode`: well; readonly (INSERTs are refused as by a replica without its keeper); away (hangs up on everything); slow
    (answers no INSERT in time); taken (takes an INSERT and hangs up); proxy (as a load balancer whose server is gone).
    """

    protocol_version = "HTTP/1.1"
    mode: ClassVar[str] = "well"
    inserts: ClassVar[int] = 0
    engine: ClassVar[EmbeddedStore]
    segment: ClassVar[Path]
    is_guarded: ClassVar[bool] = False
    fixed: ClassVar[dict[str, str]] = {}
    sent: ClassVar[list[dict[str, str]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = dict(parse_qsl(urlsplit(self.path).query))
        if type(self).is_guarded and self.headers.get("Authorization") != _login():
            self._refuse(403, 516, f"{USER}: Authentication failed (AUTHENTICATION_FAILED)")
        elif type(self).mode == "away":
            self.close_connection = True
        elif type(self).mode == "proxy":
            self._answer(503, b"upstream is gone")
        elif body.startswith(b"INSERT INTO ") and b" FORMAT Protobuf\n" in body[:300]:
            self._insert(body, asked)
        else:
            self._ask(body.decode(), asked)

    def do_GET(self) -> None:
        self._ask(dict(parse_qsl(urlsplit(self.path).query)).get("query", "SELECT 1"), {})

    def _insert(self, body: bytes, asked: dict[str, str]) -> None:
        head, _, envelopes = body.partition(b"\n")
        type(self).inserts += 1
        type(self).sent.append(asked)
        if type(self).mode == "readonly":
            self._refuse(500, 242, "Table is in readonly mode (TABLE_IS_READ_ONLY)")
            return
        if type(self).mode == "slow":
            time.sleep(2)
            self.close_connection = True
            return
        type(self).segment.write_bytes(envelopes)
        type(self).engine.insert([type(self).segment], head.split()[2].decode().strip("`"))
        if type(self).mode == "taken":
            self.close_connection = True
        else:
            self._answer(200, b"")

    def _ask(self, sql: str, asked: dict[str, str]) -> None:
        handle = type(self).engine.connect()
        try:
            for name, value in asked.items():
                if name.startswith("param_"):
                    handle.query(f"SET {name} = '{value}'")
            self._answer(200, handle.query(self._as_of_profile(sql), "TSV").bytes())
        except RuntimeError as error:
            self._refuse(500, int(str(error).partition("Code: ")[2].partition(".")[0] or 1), str(error))
        finally:
            handle.close()

    def _as_of_profile(self, sql: str) -> str:
        """Let the engine say of its settings what a profile would make of them."""
        value = "value"
        for name, fixed in type(self).fixed.items():
            value = f"if(name = '{name}', '{fixed}', {value})"
        names = ", ".join(f"'{name}'" for name in type(self).fixed) or "''"
        rows = f"(SELECT name, {value} AS value, toUInt8(name IN ({names})) AS readonly FROM system.settings)"
        return sql.replace("system.settings", rows) if type(self).fixed else sql

    def _refuse(self, status: int, code: int, text: str) -> None:
        self._answer(
            status, f"Code: {code}. DB::Exception: {text}".encode(), {"X-ClickHouse-Exception-Code": str(code)}
        )

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _login() -> str:
    return "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up, or shows no certificate, is what a test asks for."""


@contextmanager
def listening(
    engine: EmbeddedStore, folder: Path, context: ssl.SSLContext | None = None, **attributes: Any
) -> Iterator[tuple[str, type[Replica]]]:
    """Listen until the end of the block; yields HOST:PORT and the handler, whose attributes say what it does."""
    own = {"engine": engine, "segment": folder / "received", "sent": [], "fixed": {}, **attributes}
    handler: type[Replica] = type("OneReplica", (Replica,), own)
    server = _Server(("127.0.0.1", 0), handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
