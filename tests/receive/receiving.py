"""A receiver on free ports in a thread of its own, and what it accepted."""

from __future__ import annotations

import asyncio
import http.client
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from argus_otel.receive import Endpoints, Receiver, ReceiveSettings
from argus_otel.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from argus_otel.envelope import Envelope

EXPORT = "/opentelemetry.proto.collector.{}/Export"
SERVICES = {"logs": "logs.v1.LogsService", "traces": "trace.v1.TraceService", "metrics": "metrics.v1.MetricsService"}


@dataclass
class Receiving:
    """What a test may look at and set."""

    endpoints: Endpoints | None = None
    accepted: list[Envelope] = field(default_factory=list)
    error: Exception | None = None
    """Raised by `accept` instead of accepting."""
    metrics: Any = None

    async def accept(self, envelope: Envelope) -> None:
        if self.error is not None:
            raise self.error
        self.accepted.append(envelope)

    def post(self, path: str, body: Any, content_type: str = "application/x-protobuf", headers: Mapping[str, str] | None = None, method: str = "POST") -> tuple[int, dict[str, str], bytes]:
        """Send one HTTP request; a generator body is sent in chunks."""
        assert self.endpoints is not None
        connection = http.client.HTTPConnection(self.endpoints.http, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": content_type, **(headers or {})})
            response = connection.getresponse()
            return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
        finally:
            connection.close()


@contextmanager
def receiving(**settings: Any) -> Iterator[Receiving]:
    """Run a receiver until the end of the block; then it is stopped, twice."""
    state = Receiving()
    ready, done = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    async def serve() -> None:
        telemetry = Telemetry()
        state.metrics = telemetry
        receiver = Receiver(ReceiveSettings(**{"grpc_address": "127.0.0.1:0", "http_address": "127.0.0.1:0", **settings}), state.accept, telemetry)
        try:
            state.endpoints = await receiver.start()
            ready.set()
            await asyncio.to_thread(done.wait)
        except BaseException as error:
            failures.append(error)
            ready.set()
        finally:
            await receiver.stop(1)
            await receiver.stop(1)
            telemetry.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    try:
        if failures:
            raise failures[0]
        yield state
    finally:
        done.set()
        thread.join()
