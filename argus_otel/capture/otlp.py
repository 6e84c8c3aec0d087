"""
Content spans -> one ExportTraceServiceRequest in OTLP-JSON. Pure.

Source: OTLP specification, "JSON Protobuf Encoding": ids in hex, 64-bit integers as strings, enums as numbers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from argus_otel import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    AttributeValue = str | bool | int

SCOPE_NAME = "argus_otel.capture"
# Not one of the names that the native leg's surface is told by.
_RESOURCE = {"service.name": "argus-otel-capture", "service.version": __version__}
_KIND_INTERNAL = 1


class Span(NamedTuple):
    """A content span: ids in hex, times in ns since the epoch. The repr leaves out what holds content."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, AttributeValue]

    def __repr__(self) -> str:
        return f"Span({self.name}, {self.span_id})"


def export_request(spans: Iterable[Span]) -> dict[str, Any]:
    """Return the request as a JSON object; without spans it is an empty request, which any receiver accepts."""
    scope_spans = {"scope": {"name": SCOPE_NAME, "version": __version__}, "spans": [_span(span) for span in spans]}
    return {"resourceSpans": [{"resource": {"attributes": _attributes(_RESOURCE)}, "scopeSpans": [scope_spans]}]}


def encode(spans: Iterable[Span]) -> bytes:
    """Return the request as the body of a POST, not compressed."""
    # Half a surrogate pair in a name is no UTF-8, and would have the whole request refused; in texts there is none.
    return json.dumps(export_request(spans), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _span(span: Span) -> dict[str, Any]:
    encoded = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_span_id,
        "name": span.name,
        "kind": _KIND_INTERNAL,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _attributes(span.attributes),
    }
    if not span.parent_span_id:
        del encoded["parentSpanId"]
    return encoded


def _attributes(attributes: Mapping[str, AttributeValue]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: AttributeValue) -> dict[str, Any]:
    if isinstance(value, bool):  # before int: a bool is one
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
