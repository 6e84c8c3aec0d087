"""Requests of a session -> the same with a loss that the dashboards are to see; its cost by its events stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from argus_otel.demo.otlp import Request

NEWER = "2.1.341"
LOST = ("request_id", "ttft_ms")
METERED_SHARE = 0.5


def newer_client(requests: Iterable[Request]) -> list[Request]:
    """Return what a newer client sends, whose events lack LOST."""
    return [(signal, _without(body)) for signal, body in requests if signal is Signal.LOGS]


def half_a_meter(requests: Iterable[Request]) -> list[Request]:
    """Return what a client sends whose meters lose half of the cost."""
    return [(signal, _halved(body) if signal is Signal.METRICS else body) for signal, body in requests]


def _without(body: bytes) -> bytes:
    request = ExportLogsServiceRequest.FromString(body)
    for resource in request.resource_logs:
        for attribute in resource.resource.attributes:
            if attribute.key == "service.version":
                attribute.value.string_value = NEWER
        for scope in resource.scope_logs:
            for record in scope.log_records:
                kept = [attribute for attribute in record.attributes if attribute.key not in LOST]
                del record.attributes[:]
                record.attributes.extend(kept)
    return request.SerializeToString()


def _halved(body: bytes) -> bytes:
    request = ExportMetricsServiceRequest.FromString(body)
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.name == "claude_code.cost.usage":
                    for point in metric.sum.data_points:
                        point.as_double *= METERED_SHARE
    return request.SerializeToString()
