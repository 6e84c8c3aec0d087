"""Our own metrics: a closed set, at Prometheus' endpoint and over OTLP. Our own logs: lines that a machine can read."""

from __future__ import annotations

import json
import logging

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from receiving import receiving

from argus_otel.logs import configure
from argus_otel.telemetry import Metric, Telemetry


def test_every_metric_has_a_unit_a_meaning_and_advice() -> None:
    for metric in Metric:
        definition = metric.value
        assert definition.name.startswith("argus_otel.")
        assert definition.unit
        assert definition.meaning.endswith(".")
        assert definition.advice.endswith((".", "again."))
        assert definition.kind in {"counter", "histogram", "gauge"}
    names = [metric.value.name for metric in Metric]
    assert len(set(names)) == len(names)


def test_prometheus_reads_what_was_recorded() -> None:
    telemetry = Telemetry()
    telemetry.add(Metric.RECEIVED_RECORDS, 3, signal="logs", transport="grpc")
    telemetry.add(Metric.RECEIVED_RECORDS, 4, signal="logs", transport="grpc")
    telemetry.record(Metric.LOAD_SECONDS, 0.2)
    telemetry.observe(Metric.SPOOL_BYTES, lambda: 17)
    text = telemetry.prometheus().decode()
    telemetry.close()
    telemetry.close()
    [received] = [line for line in text.splitlines() if line.startswith("argus_otel_received_records_total{")]
    assert received.endswith(" 7.0")
    assert 'signal="logs"' in received
    assert any(line.startswith("argus_otel_spool_bytes") and line.endswith(" 17.0") for line in text.splitlines())
    assert "argus_otel_load_duration_seconds_bucket" in text


def test_a_name_that_is_not_in_the_set_cannot_be_recorded() -> None:
    telemetry = Telemetry()
    with pytest.raises(KeyError):
        telemetry.add(Metric.LOAD_SECONDS)  # a histogram is no counter
    telemetry.close()


def test_the_metrics_are_exported_over_otlp_too() -> None:
    with receiving() as collector:
        assert collector.endpoints is not None
        telemetry = Telemetry(otlp_endpoint=f"http://{collector.endpoints.grpc}")
        telemetry.add(Metric.LOADED_RECORDS, 5)
        telemetry.close()
        exported = [ExportMetricsServiceRequest.FromString(envelope.request) for envelope in collector.accepted]
    names = {
        metric.name
        for request in exported
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert "argus_otel.loaded.records" in names


def test_logs_are_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    try:
        logging.getLogger("argus_otel.test").warning("spool at %d bytes", 7)
        entry = json.loads(capsys.readouterr().err)
    finally:
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    assert (entry["severity"], entry["message"], entry["logger"]) == ("warning", "spool at 7 bytes", "argus_otel.test")
    assert entry["time"].endswith("+00:00")
