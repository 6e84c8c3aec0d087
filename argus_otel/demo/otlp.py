"""
Plain Python values -> OTLP messages; OTLP-JSON -> protobuf.

Source: OTLP specification, "JSON Protobuf Encoding": ids are hex there and base64 for protobuf's own JSON.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Value = str | bool | int | float | Sequence[str]
    Request = tuple[Signal, bytes]
    """A signal and the serialized Export{Logs,Trace,Metrics}ServiceRequest."""

MESSAGES: Mapping[Signal, Any] = {
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}
"""The request of each signal."""

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def attributes(values: Mapping[str, Value]) -> list[KeyValue]:
    """Return attributes in the order given, each with its own type."""
    return [KeyValue(key=key, value=_any_value(value)) for key, value in values.items()]


def from_json(signal: Signal, body: str | bytes) -> Request:
    """Return an OTLP-JSON request as protobuf; unknown fields are ignored, as receivers must."""
    document = json.loads(body, object_hook=_ids_to_base64)
    message = json_format.ParseDict(document, MESSAGES[signal](), ignore_unknown_fields=True)
    return signal, message.SerializeToString()


def _any_value(value: Value) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):  # before int: a bool is one
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(array_value=ArrayValue(values=[_any_value(item) for item in value]))


def _ids_to_base64(node: dict[str, Any]) -> dict[str, Any]:
    return {
        key: base64.b64encode(bytes.fromhex(item)).decode() if key in _IDS and isinstance(item, str) else item
        for key, item in node.items()
    }
