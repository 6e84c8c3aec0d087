"""
OTLP requests -> an OTLP/gRPC receiver, as any exporter would send them: acknowledged, or sent again.

Source: OTLP specification, "OTLP/gRPC": UNAVAILABLE is retried with back-off.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc

from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from argus_otel.demo.otlp import Request

_METHODS: Mapping[Signal, str] = {
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_RETRY = {
    "maxAttempts": 5,
    "initialBackoff": "0.5s",
    "maxBackoff": "5s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_SERVICE_CONFIG = json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": _RETRY}]})
_TIMEOUT_S = 30.0
_IN_FLIGHT_MAX = 8
"""The receiver makes several requests durable by one fsync."""


class Sender:
    """Sends over one channel; may be used from several threads."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._export: dict[Signal, grpc.UnaryUnaryMultiCallable[bytes, bytes]] = {
            signal: channel.unary_unary(method) for signal, method in _METHODS.items()
        }

    def send(self, request: Request) -> None:
        """
        Send one request and return when it is acknowledged, that is durable.

        Raises:
            grpc.RpcError: refused, or unavailable for longer than the retries.
        """
        signal, body = request
        self._export[signal](body, timeout=_TIMEOUT_S)

    def send_all(self, requests: Iterable[Request]) -> Iterator[None]:
        """Send several at a time; yields for each one that is acknowledged."""
        with ThreadPoolExecutor(_IN_FLIGHT_MAX) as pool:
            yield from pool.map(self.send, requests)


@contextmanager
def sender(address: str) -> Iterator[Sender]:
    """Send to HOST:PORT while the block runs."""
    with grpc.insecure_channel(address, [("grpc.service_config", _SERVICE_CONFIG)]) as channel:
        yield Sender(channel)
