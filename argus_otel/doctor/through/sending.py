"""
A request -> a collector's answer, by OTLP/HTTP (protobuf) or OTLP/gRPC, sent once: what it says is what is to be known.

Source: OTLP specification: paths, partial success, which statuses are retried.
"""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import SplitResult, urlsplit

import grpc
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from argus_otel.config import read_secret
from argus_otel.envelope import Signal
from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argus_otel.doctor.through.probe import Request

_TIMEOUT_S = 10.0
_GRPC_PORT = 4317
_RESPONSES: dict[Signal, Any] = {
    Signal.LOGS: ExportLogsServiceResponse,
    Signal.METRICS: ExportMetricsServiceResponse,
    Signal.TRACES: ExportTraceServiceResponse,
}
_METHODS = {
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
}
_ADVICE = {
    "unauthenticated": "it asks for a login: --header 'Authorization: Bearer …'",
    "forbidden": "the login is known and may not send: ask whoever runs it",
    "no receiver": "nobody takes this signal there: has the collector a pipeline for it, is it the right port?",
    "busy": "it is up and takes nothing now: its queue is full or its own destination is away. See its log",
    "too large": "its limit is under a few kilobytes: raise the receiver's limit",
    "unreachable": "is the collector up, is the address right, does a firewall stand between?",
    "tls": "use https:// or grpcs:// where it has TLS, http:// or grpc:// where not; its authority must be trusted here",
    "partial": "the collector dropped it for good, and says why",
    "refused": "see the collector's log",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the collector said: empty `problem` is accepted."""

    problem: str
    said: str = ""

    @property
    def advice(self) -> str:
        """Return what to do about it."""
        return _ADVICE.get(self.problem, "")


class Destination(Protocol):
    """A collector."""

    def send(self, request: Request) -> Answer:
        """Send once; never raises for what the collector or the network does."""


def destination_of(url: str, headers: Sequence[str]) -> Destination:
    """
    Return where a URL leads: grpc(s)://, or http(s):// with port 4317, is gRPC; every other http(s):// is HTTP.

    Raises:
        ConfigError: the URL or a header cannot be used.
    """
    if "@" in url:
        raise ConfigError("--through takes no login in the URL: give it with --header 'Authorization: @FILE'")
    wanted = "--through takes http(s)://HOST:4318 or grpc(s)://HOST:4317"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{wanted}: {error}") from error
    if parts.scheme not in ("http", "https", "grpc", "grpcs") or not parts.hostname:
        raise ConfigError(f"{wanted} (given: {parts.scheme}://{parts.hostname or ''})")
    named = dict(_header(text) for text in headers)
    is_grpc = parts.scheme.startswith("grpc") or port == _GRPC_PORT
    return _OverGrpc(parts, named) if is_grpc else _OverHttp(parts, named)


def _header(text: str) -> tuple[str, str]:
    name, separator, value = text.partition(":")
    if not separator or not name.strip() or not text.isprintable():
        raise ConfigError("--header takes 'NAME: VALUE', or 'NAME: @FILE'")
    return name.strip(), _value(value.strip())


def _value(text: str) -> str:
    """Return it, or of @FILE what stands in the file: a token on the command line is in the list of processes."""
    value = read_secret(Path(text[1:])) if text.startswith("@") else text
    return value or ""


class _OverHttp:
    def __init__(self, parts: SplitResult, headers: Mapping[str, str]) -> None:
        self._parts = parts
        self._headers = {"Content-Type": "application/x-protobuf", **headers}

    def send(self, request: Request) -> Answer:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=_TIMEOUT_S)
        path = f"{self._parts.path.rstrip('/').removesuffix('/v1/' + _path(request))}/v1/{_path(request)}"
        try:
            connection.request("POST", path, request.body, dict(self._headers))
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            return _unreachable(error)
        finally:
            connection.close()
        if response.status != http.client.OK:
            return Answer(_problem_of_status(response.status), f"HTTP {response.status} {response.reason}")
        return _answer(request, body)


def _path(request: Request) -> str:
    return request.signal.name.lower()


def _unreachable(error: Exception) -> Answer:
    problem = "tls" if isinstance(error, ssl.SSLError) else "unreachable"
    return Answer(problem, str(getattr(error, "strerror", None) or error) or type(error).__name__)


def _problem_of_status(status: int) -> str:
    named = {401: "unauthenticated", 403: "forbidden", 404: "no receiver", 405: "no receiver", 413: "too large"}
    return named.get(status) or ("busy" if status in (429, 502, 503, 504) else "refused")


class _OverGrpc:
    def __init__(self, parts: SplitResult, headers: Mapping[str, str]) -> None:
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        self._address = f"{host}:{parts.port or _GRPC_PORT}"
        self._is_tls = parts.scheme in ("https", "grpcs")
        self._metadata = tuple((name.lower(), value) for name, value in headers.items())

    def send(self, request: Request) -> Answer:
        options = [("grpc.enable_retries", 0)]
        with (
            grpc.secure_channel(self._address, grpc.ssl_channel_credentials(), options)
            if self._is_tls
            else grpc.insecure_channel(self._address, options)
        ) as channel:
            try:
                export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(_METHODS[request.signal])
                body = export(request.body, metadata=self._metadata, timeout=_TIMEOUT_S)
            except grpc.RpcError as error:
                code, details = error.code(), error.details() or ""
                return Answer(
                    _problem_of_code(code, details), f"{code.name}: {details.splitlines()[0] if details else ''}"
                )
        return _answer(request, body)


def _problem_of_code(code: grpc.StatusCode, details: str) -> str:
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        if "SSL" in details or "handshake" in details.lower():
            return "tls"
        is_away = "connect" in details.lower() or "DNS" in details or code is grpc.StatusCode.DEADLINE_EXCEEDED
        return "unreachable" if is_away else "busy"
    named = {
        grpc.StatusCode.UNAUTHENTICATED: "unauthenticated",
        grpc.StatusCode.PERMISSION_DENIED: "forbidden",
        grpc.StatusCode.UNIMPLEMENTED: "no receiver",
        grpc.StatusCode.RESOURCE_EXHAUSTED: "busy",
    }
    return named.get(code, "refused")


def _answer(request: Request, body: bytes) -> Answer:
    response = _RESPONSES[request.signal]()
    try:
        response.ParseFromString(body)
    except DecodeError:
        return Answer("refused", "it answered 200 with something that is not OTLP")
    partial = response.partial_success
    rejected = next((value for field, value in partial.ListFields() if field.name.startswith("rejected")), 0)
    return Answer("partial", f"partial success: {partial.error_message or rejected}") if rejected else Answer("")
