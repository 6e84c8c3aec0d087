"""Native records by hand, in the shape that the recordings show (or, for Cowork, that its documentation does)."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from argus_otel.envelope import Signal

T0_NS = 1_795_400_000_000_000_000
S_NS = 1_000_000_000

Request = tuple[Signal, bytes]


def value(of: Any) -> AnyValue:
    """Return a Python value as an AnyValue; None as one without a value."""
    if of is None:
        return AnyValue()
    if isinstance(of, bool):
        return AnyValue(bool_value=of)
    if isinstance(of, int):
        return AnyValue(int_value=of)
    if isinstance(of, float):
        return AnyValue(double_value=of)
    if isinstance(of, bytes):
        return AnyValue(bytes_value=of)
    if isinstance(of, list):
        listed = AnyValue()
        listed.array_value.SetInParent()
        listed.array_value.values.extend(value(item) for item in of)
        return listed
    if isinstance(of, dict):
        mapped = AnyValue()
        mapped.kvlist_value.SetInParent()
        mapped.kvlist_value.values.extend(attributes(of))
        return mapped
    return AnyValue(string_value=of)


def attributes(of: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(item)) for key, item in of.items()]


def log(
    event: str,
    of: dict[str, Any],
    *,
    session: str = "s1",
    at_s: float = 0,
    resource: dict[str, Any] | None = None,
    prefix: str = "claude_code.",
) -> Request:
    """Return a request of one event."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.extend(
        attributes({"service.name": "claude-code", "service.version": "2.1.330", **(resource or {})})
    )
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = "com.anthropic.claude_code.events"
    at_ns = T0_NS + int(at_s * S_NS)
    record = scope_logs.log_records.add(time_unix_nano=at_ns, observed_time_unix_nano=at_ns)
    record.body.string_value = prefix + event
    record.attributes.extend(attributes({"session.id": session, "event.name": event, **of}))
    return Signal.LOGS, request.SerializeToString()


def span(
    name: str,
    of: dict[str, Any],
    *,
    session: str = "s1",
    at_s: float = 0,
    duration_s: float = 1,
    scope: str = "com.anthropic.claude_code.tracing",
    span_id: int = 1,
) -> Request:
    """Return a request of one span."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.extend(attributes({"service.name": "claude-code"}))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = scope
    start_ns = T0_NS + int(at_s * S_NS)
    made = scope_spans.spans.add(
        name=name, trace_id=b"\x01" * 16, span_id=span_id.to_bytes(8, "big"), start_time_unix_nano=start_ns
    )
    made.end_time_unix_nano = start_ns + int(duration_s * S_NS)
    made.attributes.extend(attributes({"session.id": session, **of}))
    return Signal.TRACES, request.SerializeToString()


def content(record: str, of: dict[str, Any], *, session: str = "s1", at_s: float = 0, span_id: int = 1) -> Request:
    """Return a request of one content span."""
    return span(
        f"argus.{record}",
        {"argus.record": record, "argus.identity": f"{span_id:032x}", **of},
        session=session,
        at_s=at_s,
        duration_s=0,
        scope="argus_otel.capture",
        span_id=span_id,
    )


def meter(
    name: str,
    points: list[tuple[float, float, float, dict[str, Any]]],
    *,
    session: str = "s1",
    is_cumulative: bool = False,
) -> Request:
    """Return a request of one monotonic sum; a point is (start_s, time_s, value, attributes)."""
    request = ExportMetricsServiceRequest()
    resource_metrics = request.resource_metrics.add()
    resource_metrics.resource.attributes.extend(attributes({"service.name": "claude-code"}))
    metric = resource_metrics.scope_metrics.add().metrics.add(name=name)
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = 2 if is_cumulative else 1  # type: ignore[assignment] # the enum's numbers, as on the wire
    for start_s, time_s, amount, of in points:
        point = metric.sum.data_points.add(
            start_time_unix_nano=T0_NS + int(start_s * S_NS),
            time_unix_nano=T0_NS + int(time_s * S_NS),
            as_double=amount,
        )
        point.attributes.extend(attributes({"session.id": session, **of}))
    return Signal.METRICS, request.SerializeToString()


def api_request(
    request_id: str, cost_usd: float, *, at_s: float = 0, prompt: str = "p1", session: str = "s1", **of: Any
) -> Request:
    """Return an api_request event with the attributes that the recordings have."""
    known = {
        "prompt.id": prompt,
        "model": "claude-sonnet-4-5",
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_read_tokens": 0,
        "cache_creation_tokens": 0,
        "cost_usd": cost_usd,
        "duration_ms": 100,
        "request_id": request_id,
        "query_source": "sdk",
    }
    return log("api_request", {**known, **of}, session=session, at_s=at_s)


def prompt(prompt_id: str, text: str = "<REDACTED>", *, at_s: float = 0, session: str = "s1") -> Request:
    return log(
        "user_prompt",
        {"prompt.id": prompt_id, "prompt": text, "prompt_text": text, "prompt_length": str(len(text))},
        session=session,
        at_s=at_s,
    )
