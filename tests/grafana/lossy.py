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
_OF_ANY_EVENT = ("session.id", "user.id", "user.email", "organization.id", "prompt.id", "model", "query_source")


def newer_client(requests: Iterable[Request]) -> list[Request]:
    """Return what a newer client sends, whose events lack LOST."""
    return [(signal, _without(body)) for signal, body in requests if signal is Signal.LOGS]


def half_a_meter(requests: Iterable[Request]) -> list[Request]:
    """Return what a client sends whose meters lose half of the cost."""
    return [(signal, _halved(body) if signal is Signal.METRICS else body) for signal, body in requests]


def with_an_error(requests: Iterable[Request]) -> list[Request]:
    """Return what is sent where the API gave up on one more request, after the last that went well."""
    return [(signal, _overloaded(body) if signal is Signal.LOGS else body) for signal, body in requests]


def _overloaded(body: bytes) -> bytes:
    request = ExportLogsServiceRequest.FromString(body)
    [records] = [scope.log_records for resource in request.resource_logs for scope in resource.scope_logs]
    called = next(record for record in reversed(records) if record.body.string_value == "claude_code.api_request")
    failed = records.add()
    failed.CopyFrom(called)
    failed.time_unix_nano += 10**9
    failed.body.string_value = "claude_code.api_error"
    kept = {attribute.key: attribute for attribute in failed.attributes if attribute.key in _OF_ANY_EVENT}
    del failed.attributes[:]
    failed.attributes.extend(kept.values())
    for key, value in {
        "event.name": "api_error",
        "error": "Overloaded",
        "status_code": "529",
        "request_id": "req_gone",
    }.items():
        failed.attributes.add(key=key).value.string_value = value
    return request.SerializeToString()


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
