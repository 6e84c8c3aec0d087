"""A receiver on free ports in a thread of its own, and what it accepted."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from argus_otel.receive import Endpoints, Receiver, ReceiveSettings
from argus_otel.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from starlette.routing import Route

    from argus_otel.envelope import Envelope

PROTOBUF, JSON = "application/x-protobuf", "application/json"
METHODS = {
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
SETTINGS = {"grpc_address": "127.0.0.1:0", "http_address": "127.0.0.1:0"}


@dataclass
class Receiving:
    """A running receiver; what a test may look at and set."""

    endpoints: Endpoints
    telemetry: Telemetry
    accepted: list[Envelope] = field(default_factory=list)
    error: Exception | None = None
    """Raised by `accept` instead of accepting."""
    arrived: threading.Event = field(default_factory=threading.Event)
    """Set when a request reaches `accept`."""
    gate: threading.Event = field(default_factory=threading.Event)
    """While clear, `accept` does not return."""
    stop: Callable[[], None] = lambda: None
    """Begin to stop the receiver."""

    async def accept(self, envelope: Envelope) -> None:
        self.arrived.set()
        if not self.gate.is_set():
            await asyncio.to_thread(self.gate.wait)
        if self.error is not None:
            raise self.error
        self.accepted.append(envelope)

    def reset(self) -> None:
        self.accepted.clear()
        self.error = None
        self.arrived.clear()
        self.gate.set()

    def post(
        self,
        path: str,
        body: Any,
        content_type: str = PROTOBUF,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one HTTP request, a generator in chunks; return status, headers by lower-case name, body."""
        connection = http.client.HTTPConnection(self.endpoints.http, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": content_type, **(headers or {})})
            response = connection.getresponse()
            return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def export(self, body: bytes, signal: str = "logs", **options: Any) -> bytes:
        """Make one gRPC call; return the serialized response."""
        with grpc.insecure_channel(self.endpoints.grpc) as channel:
            answer: bytes = channel.unary_unary(METHODS[signal])(body, timeout=30, **options)
        return answer

    def answered(self, body: bytes, signal: str = "logs", **options: Any) -> tuple[grpc.StatusCode, bool]:
        """Make one gRPC call; return its code and whether RetryInfo says that it may be repeated."""
        try:
            self.export(body, signal, **options)
        except grpc.RpcError as error:
            return error.code(), has_retry_info(error)
        return grpc.StatusCode.OK, False

    def counted(self, metric: str, **labels: str) -> float:
        """Return the sum of a metric's samples that have these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = [line for line in self.telemetry.prometheus().decode().splitlines() if line.startswith(metric)]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in wanted))


@contextmanager
def receiving(
    clock_ns: Callable[[], int] = time.time_ns, extra_routes: Sequence[Route] = (), **settings: Any
) -> Iterator[Receiving]:
    """Run a receiver until the end of the block; then it is stopped, twice."""
    ready, done = threading.Event(), threading.Event()
    states: list[Receiving] = []
    failures: list[BaseException] = []

    async def serve() -> None:
        telemetry = Telemetry()
        state = Receiving(Endpoints("", ""), telemetry)
        state.gate.set()
        receiver = Receiver(
            ReceiveSettings(**{**SETTINGS, **settings}), state.accept, telemetry, extra_routes, clock_ns
        )
        loop = asyncio.get_running_loop()
        state.stop = lambda: loop.call_soon_threadsafe(done.set)
        try:
            state.endpoints = await receiver.start()
            states.append(state)
            ready.set()
            await asyncio.to_thread(done.wait)
        except BaseException as error:
            failures.append(error)
        finally:
            await receiver.stop(10)
            await receiver.stop(10)
            telemetry.close()
            ready.set()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    try:
        if failures:
            raise failures[0]
        yield states[0]
    finally:
        done.set()
        for state in states:
            state.gate.set()
        thread.join()


def small(text: str = "x") -> bytes:
    """Return a request of one log record."""
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add().body.string_value = text
    return request.SerializeToString()


def text_of(envelope: Envelope) -> str:
    """Return the body of the first log record of a request."""
    request = ExportLogsServiceRequest.FromString(envelope.request)
    return request.resource_logs[0].scope_logs[0].log_records[0].body.string_value


def has_retry_info(error: Any) -> bool:
    """Tell whether a gRPC error carries google.rpc.RetryInfo."""
    details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
    status = status_pb2.Status.FromString(details)
    return any(detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for detail in status.details)


def status_in(body: bytes, content_type: str) -> status_pb2.Status:
    """Return the google.rpc.Status of an HTTP error."""
    if content_type == JSON:
        return json_format.Parse(body, status_pb2.Status())
    return status_pb2.Status.FromString(body)
