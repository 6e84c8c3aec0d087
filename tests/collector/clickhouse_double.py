"""
ClickHouse's HTTP interface in front of the embedded engine, also for INSERTs: enough of a server for the collector's own
exporter. What the service itself offers is for reading only.
"""

from __future__ import annotations

import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from argus_otel.serve.compression import compress_blocks, decompress_blocks
from argus_otel.serve.handshake import handshake, is_handshake
from argus_otel.serve.query import Query

if TYPE_CHECKING:
    from argus_otel.store import EmbeddedStore


class ClickHouse:
    """Listens on `url`; `statements` are what was asked, INSERTs without their data."""

    def __init__(self, store: EmbeddedStore, port: int = 0) -> None:
        self.store = store
        self.statements: list[str] = []
        self._server = _Server(self, port)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="clickhouse", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, fields: dict[str, str], body: bytes) -> bytes:
        """Run one request and return its answer in Native."""
        statement = fields.get("query")
        if statement is None:
            parameters = {name: value for name, value in fields.items() if name.startswith("param_")}
            return self._query(body.decode(), int(fields.get("client_protocol_version", 0)), parameters)
        self.statements.append(statement)
        self._insert(statement.rpartition("FORMAT")[0] or statement, body)
        return b""

    def _query(self, sql: str, protocol_version: int, parameters: dict[str, str]) -> bytes:
        if is_handshake(_query(sql, protocol_version)):
            [server] = self.store.rows("SELECT version() AS version, timezone() AS timezone")
            return handshake(protocol_version, server["version"], server["timezone"])
        self.statements.append(sql)
        handle = self.store.connect()
        try:
            for name, value in parameters.items():
                handle.query(f"SET {name} = '{value}'")
            answer: bytes = handle.query(sql, "Native").bytes()
        finally:
            handle.close()
        return answer

    def _insert(self, statement: str, data: bytes) -> None:
        handle = self.store.connect()
        try:
            with handle.send_insert(statement, "Native") as inserter:
                inserter.append(data)
                inserter.finish()
        finally:
            handle.close()


def _query(sql: str, protocol_version: int) -> Query:
    return Query(
        sql=sql,
        query_id="",
        database="",
        format="Native",
        parameters={},
        settings={},
        is_block_compressed=False,
        is_gzip_wanted=False,
        protocol_version=protocol_version,
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, clickhouse: ClickHouse, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.clickhouse = clickhouse


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        fields = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        body = self._body()
        if fields.get("decompress") == "1":
            body = decompress_blocks(body)
        try:
            status, answer = 200, self.server.clickhouse.answer(fields, body)
        except RuntimeError as error:
            status, answer = 500, str(error).encode()
        if status == 200 and fields.get("compress") == "1":
            answer = b"".join(compress_blocks([answer]))
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        pieces = []
        while size := int(self.rfile.readline().strip() or b"0", 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""
