"""
A ClickHouse server as rotel sees it: INSERTs over HTTP into an embedded engine of its own, in a process of its own.

Holds the landing tables and no views: rotel stores raw records and nothing else. `python -m benchmarks.shim FOLDER`
prints {"address": …}; SELECTs come by GET. What Python adds to the engine's work, reading and decompressing a body, is
counted apart (GET /overhead) so that it can be taken off rotel's bill.
"""

from __future__ import annotations

import json
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import lz4.block

from argus_otel.schema.render import SchemaSettings, render
from argus_otel.store import LOAD_SETTINGS, EmbeddedStore

_CHUNK_BYTES = 1 << 20
_CHECKSUM_BYTES = 16
_BLOCK_HEADER = struct.Struct("<16xBII")  # checksum, method, packed size (from the method on), plain size


class Shim(ThreadingHTTPServer):
    """The server; one engine for all its threads."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = EmbeddedStore(folder)
        self.overhead_s = 0.0
        self._counting = threading.Lock()
        self.store.execute("CREATE DATABASE otel")
        for statement in render(SchemaSettings()):
            if statement.kind == "table" and statement.target.startswith("otel.otel_"):
                self.store.execute(statement.sql)

    def insert(self, database: str, query: str, body: bytes) -> None:
        """Run `INSERT INTO table … FORMAT X` with its body."""
        head, _, form = query.replace("INSERT INTO ", f"INSERT INTO {database}.", 1).rstrip("; ").rpartition(" FORMAT ")
        settings = ", ".join(f"{name} = '{value}'" for name, value in LOAD_SETTINGS.items())
        handle = self.store.connect()
        try:
            with handle.send_insert(f"{head} SETTINGS {settings}", form.strip()) as inserter:
                for at in range(0, len(body), _CHUNK_BYTES):
                    inserter.append(body[at : at + _CHUNK_BYTES])
                inserter.finish()
        finally:
            handle.close()

    def count_overhead(self, spent_s: float) -> None:
        with self._counting:
            self.overhead_s += spent_s


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Shim

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/overhead":
            self._answer(200, json.dumps(self.server.overhead_s).encode())
            return
        rows = self.server.store.rows(parse_qs(url.query)["query"][0])
        self._answer(200, json.dumps({"data": rows}).encode())

    def do_POST(self) -> None:
        began_s = time.thread_time()
        options = parse_qs(urlsplit(self.path).query)
        body = self._body()
        if options.get("decompress") == ["1"]:
            body = _decompressed(body)
        self.server.count_overhead(time.thread_time() - began_s)
        try:
            self.server.insert(options["database"][0], options["query"][0], body)
        except Exception as error:
            print(options["query"][0], error, file=sys.stderr, flush=True)
            self._answer(500, str(error).encode())
        else:
            self._answer(200, b"")

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: a line a request would be measured too."""


def _decompressed(body: bytes) -> bytes:
    """Return the bytes in ClickHouse's compressed blocks; checksums are not looked at, which is in rotel's favour."""
    plain, at = [], 0
    while at < len(body):
        _, packed_bytes, plain_bytes = _BLOCK_HEADER.unpack_from(body, at)
        end = at + _CHECKSUM_BYTES + packed_bytes
        plain.append(lz4.block.decompress(body[at + _BLOCK_HEADER.size : end], uncompressed_size=plain_bytes))
        at = end
    return b"".join(plain)


def main() -> None:
    shim = Shim(Path(sys.argv[1]))
    print(json.dumps({"address": f"127.0.0.1:{shim.server_port}"}), flush=True)
    shim.serve_forever()


if __name__ == "__main__":
    main()
