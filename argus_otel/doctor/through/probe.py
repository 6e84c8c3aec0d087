"""
One probe: a session of its own that sends one request on each leg, shaped as Claude Code and the plugin send theirs.

It costs 0 USD and 0 tokens, its session id begins with `argus-otel-probe-`, and its resource says `argus.probe`.

Source: demo/recordings/default for scopes, names and the types of the attributes; docs/semantic-conventions.md for content spans.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA

from argus_otel import __version__
from argus_otel.capture.otlp import SCOPE_NAME
from argus_otel.envelope import Signal
from argus_otel.schema.probes import CLIENT_VERSION, SESSION_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    Value = str | bool | int | float

Leg = Literal["logs", "metrics", "traces", "content"]

_NATIVE: Mapping[str, Value] = {
    "service.name": "claude-code",
    "service.version": CLIENT_VERSION,
    "os.type": "linux",
    "argus.probe": True,
}
_HOOK: Mapping[str, Value] = {"service.name": "argus-otel-capture", "service.version": __version__, "argus.probe": True}
_TEXT = "argus-otel doctor: is this text kept?"


@dataclass(frozen=True, slots=True)
class Request:
    """What one leg sends: the bytes, and what of it is to be found again."""

    leg: Leg
    signal: Signal
    body: bytes
    at_ns: int
    trace_id: str
    """In hex; empty for what has none."""
    scope: str
    resource: Mapping[str, Value]
    attributes: Mapping[str, Value]


def probe_requests(session_id: str, now_ns: int) -> list[Request]:
    """Return one request of each leg, as of this moment."""
    return [
        _logs(session_id, now_ns),
        _metrics(session_id, now_ns),
        _traces(session_id, now_ns),
        _content(session_id, now_ns),
    ]


def new_session_id() -> str:
    """Return an id that no other probe has; it says when it was made."""
    return f"{SESSION_PREFIX}{time.time_ns() // 10**9}-{uuid.uuid4().hex[:12]}"


def _standard(session_id: str) -> dict[str, Value]:
    # User, prompt and request are its own too: what lost its session id is found, and deleted, all the same.
    return {"session.id": session_id, "user.id": session_id, "terminal.type": "non-interactive"}


def _logs(session_id: str, now_ns: int) -> Request:
    about: dict[str, Value] = {
        **_standard(session_id),
        "event.name": "api_request",
        "event.sequence": 1,
        "prompt.id": session_id,
        "model": "argus-otel-probe",
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_read_tokens": 0,
        "cache_creation_tokens": 0,
        "cost_usd": 0.0,
        "duration_ms": 1,
        "request_id": session_id,
        "query_source": "sdk",
    }
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add()
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name, scope_logs.scope.version = "com.anthropic.claude_code.events", CLIENT_VERSION
    record = scope_logs.log_records.add(time_unix_nano=now_ns, observed_time_unix_nano=now_ns)
    record.body.string_value = "claude_code.api_request"
    record.attributes.extend(_attributes(about))
    return _request("logs", Signal.LOGS, message, now_ns, resource_logs, scope_logs, _NATIVE, about)


def _metrics(session_id: str, now_ns: int) -> Request:
    about: dict[str, Value] = {**_standard(session_id), "model": "argus-otel-probe", "query_source": "main"}
    message = ExportMetricsServiceRequest()
    resource_metrics = message.resource_metrics.add()
    scope_metrics = resource_metrics.scope_metrics.add()
    scope_metrics.scope.name, scope_metrics.scope.version = "com.anthropic.claude_code", CLIENT_VERSION
    metric = scope_metrics.metrics.add(name="claude_code.cost.usage", unit="USD")
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
    point = metric.sum.data_points.add(start_time_unix_nano=now_ns - 10**9, time_unix_nano=now_ns, as_double=0.0)
    point.attributes.extend(_attributes(about))
    return _request("metrics", Signal.METRICS, message, now_ns, resource_metrics, scope_metrics, _NATIVE, about)


def _traces(session_id: str, now_ns: int) -> Request:
    about: dict[str, Value] = {
        **_standard(session_id),
        "model": "argus-otel-probe",
        "gen_ai.system": "anthropic",
        "gen_ai.response.id": f"{session_id}-span",
        "request_id": f"{session_id}-span",
        "duration_ms": 1,
        "input_tokens": 0,
        "output_tokens": 0,
        "success": True,
    }
    message, resource_spans, scope_spans = _span("claude_code.llm_request", now_ns, about)
    scope_spans.scope.name, scope_spans.scope.version = "com.anthropic.claude_code.tracing", "1.0.0"
    return _request("traces", Signal.TRACES, message, now_ns, resource_spans, scope_spans, _NATIVE, about)


def _content(session_id: str, now_ns: int) -> Request:
    about: dict[str, Value] = {
        "session.id": session_id,
        "argus.record": "user_prompt",
        "argus.identity": uuid.uuid4().hex,
        "prompt.id": session_id,
        "gen_ai.input.messages": f'[{{"role":"user","parts":[{{"type":"text","content":"{_TEXT}"}}]}}]',
        "argus.content.bytes": len(_TEXT),
    }
    message, resource_spans, scope_spans = _span("argus.user_prompt", now_ns, about)
    scope_spans.scope.name, scope_spans.scope.version = SCOPE_NAME, __version__
    return _request("content", Signal.TRACES, message, now_ns, resource_spans, scope_spans, _HOOK, about)


def _span(name: str, now_ns: int, about: Mapping[str, Value]) -> tuple[ExportTraceServiceRequest, Any, Any]:
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    scope_spans = resource_spans.scope_spans.add()
    trace_id = uuid.uuid4().bytes
    span = scope_spans.spans.add(name=name, trace_id=trace_id, span_id=trace_id[:8])
    span.start_time_unix_nano = span.end_time_unix_nano = now_ns
    span.attributes.extend(_attributes(about))
    return message, resource_spans, scope_spans


def _request(
    leg: Leg,
    signal: Signal,
    message: Any,
    at_ns: int,
    of_resource: Any,
    of_scope: Any,
    resource: Mapping[str, Value],
    about: Mapping[str, Value],
) -> Request:
    of_resource.resource.attributes.extend(_attributes(resource))
    trace_id = of_scope.spans[0].trace_id.hex() if signal is Signal.TRACES else ""
    return Request(leg, signal, message.SerializeToString(), at_ns, trace_id, of_scope.scope.name, resource, about)


def _attributes(values: Mapping[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: Value) -> AnyValue:
    if isinstance(value, bool):  # before int: a bool is one
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(double_value=value) if isinstance(value, float) else AnyValue(string_value=value)
