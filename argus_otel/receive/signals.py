"""
What differs between the three signals of OTLP, in one table; everything else is the same code.

Source: opentelemetry-proto, collector/{logs,trace,metrics}/v1; OTLP specification, "OTLP/HTTP Request".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """How one signal is spelled on the wire."""

    signal: Signal
    request: Callable[[], Any]
    response: Callable[[], Message]
    grpc_service: str
    http_path: str
    resources: Callable[[Any], Iterable[Any]]
    scopes: Callable[[Any], Iterable[Any]]
    weigh: Callable[[Any], tuple[int, int]]
    """One scope's records, and the bytes that stand beside them besides resource and scope."""

    @property
    def name(self) -> str:
        """As in metrics and log lines."""
        return self.signal.name.lower()


def _weigh_metrics(scope_metrics: Any) -> tuple[int, int]:
    """Count points; the name, description and unit of a metric stand beside each of its points."""
    point_count, repeated_bytes = 0, 0
    for metric in scope_metrics.metrics:
        if kind := metric.WhichOneof("data"):
            count = len(getattr(metric, kind).data_points)
            point_count += count
            repeated_bytes += count * len(f"{metric.name}{metric.description}{metric.unit}".encode())
    return point_count, repeated_bytes


SIGNALS: tuple[SignalSpec, ...] = (
    SignalSpec(
        Signal.LOGS,
        ExportLogsServiceRequest,
        ExportLogsServiceResponse,
        "opentelemetry.proto.collector.logs.v1.LogsService",
        "/v1/logs",
        lambda request: request.resource_logs,
        lambda resource: resource.scope_logs,
        lambda scope: (len(scope.log_records), 0),
    ),
    SignalSpec(
        Signal.TRACES,
        ExportTraceServiceRequest,
        ExportTraceServiceResponse,
        "opentelemetry.proto.collector.trace.v1.TraceService",
        "/v1/traces",
        lambda request: request.resource_spans,
        lambda resource: resource.scope_spans,
        lambda scope: (len(scope.spans), 0),
    ),
    SignalSpec(
        Signal.METRICS,
        ExportMetricsServiceRequest,
        ExportMetricsServiceResponse,
        "opentelemetry.proto.collector.metrics.v1.MetricsService",
        "/v1/metrics",
        lambda request: request.resource_metrics,
        lambda resource: resource.scope_metrics,
        _weigh_metrics,
    ),
)
