"""A real OTLP/HTTP proxy between a probe and the service: hands on, or fails as collectors do."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable


class Proxy:
    """
    One collector. `refused` answers a path with a status, `dropped` accepts it and keeps it, `shaped` changes its body, and
    `token` is asked for.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.refused: dict[str, int] = {}
        self.dropped: set[str] = set()
        self.shaped: dict[str, Callable[[bytes], bytes]] = {}
        self.answers: dict[str, bytes] = {}
        self.token = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, body: bytes, authorization: str) -> tuple[int, bytes]:
        if self.token and authorization != f"Bearer {self.token}":
            return 401, b""
        if path in self.refused:
            return self.refused[path], b""
        if path in self.dropped:
            return 200, self.answers.get(path, b"")
        connection = http.client.HTTPConnection(self.upstream, timeout=30)
        try:
            handed_on = self.shaped.get(path, bytes)(body)
            connection.request("POST", path, handed_on, {"Content-Type": "application/x-protobuf"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, said = proxy.answer(self.path, body, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
            pass

    return Handler


def without_log_attributes(*keys: str) -> Callable[[bytes], bytes]:
    def shape(body: bytes) -> bytes:
        request = ExportLogsServiceRequest.FromString(body)
        for record in request.resource_logs[0].scope_logs[0].log_records:
            kept = [item for item in record.attributes if item.key not in keys]
            del record.attributes[:]
            record.attributes.extend(kept)
        return request.SerializeToString()

    return shape


def without_content(body: bytes) -> bytes:
    request = ExportTraceServiceRequest.FromString(body)
    for scope in request.resource_spans[0].scope_spans:
        for span in scope.spans:
            for item in span.attributes:
                if item.key == "gen_ai.input.messages":
                    item.value.string_value = "***"
    return request.SerializeToString()


def rejecting_logs() -> bytes:
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = 1
    response.partial_success.error_message = "no such tenant"
    return response.SerializeToString()
