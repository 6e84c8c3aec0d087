"""Stands between the plugin and the service, hands everything on, and keeps what the plugin sent."""

from __future__ import annotations

import gzip
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_HANDED_ON = ("content-type", "content-encoding", "authorization", "retry-after")


class Forwarding:
    """Listens on `address`; `bodies` are the POSTed ones in the order of arrival, unpacked."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.bodies: list[bytes] = []
        self._server = _Server(self)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="forwarding", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, forwarding: Forwarding) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.forwarding = forwarding


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._hand_on(None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        is_gzip = self.headers.get("content-encoding") == "gzip"
        self.server.forwarding.bodies.append(gzip.decompress(body) if is_gzip else body)
        self._hand_on(body)

    def _hand_on(self, body: bytes | None) -> None:
        connection = http.client.HTTPConnection(self.server.forwarding.upstream, timeout=30)
        try:
            connection.request(self.command, self.path, body, _kept(self.headers.items()))
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        self.send_response(answer.status)
        for name, value in _kept(answer.getheaders()).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


def _kept(headers: list[tuple[str, str]]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers if name.lower() in _HANDED_ON}
