"""What argus-otel measured of itself, and what meters say beside events: expected values from arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from argus_otel.demo.otlp import attributes
from argus_otel.envelope import Signal
from argus_otel.telemetry import Metric, Telemetry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databases import Databases

S_NS = 1_000_000_000
BEGAN_NS = int(datetime(2026, 11, 23, 23, 59, 50, tzinfo=UTC).timestamp()) * S_NS


@pytest.fixture(scope="module")
def measured() -> bytes:
    telemetry = Telemetry(instance="here:4318", is_stored=True)
    telemetry.add(Metric.REFUSED_REQUESTS, 3, signal="logs", transport="grpc", reason="overloaded")
    for seconds in (0.2, 0.3, 20.0):
        telemetry.record(Metric.LOAD_SECONDS, seconds)
    telemetry.observe(Metric.SPOOL_BYTES, lambda: 17)
    body = telemetry.otlp()
    telemetry.close()
    return body


def test_a_point_that_was_loaded_twice_counts_once_and_is_no_session(databases: Databases, measured: bytes) -> None:
    databases.load([(Signal.METRICS, measured)])
    databases.load([(Signal.METRICS, measured)])
    rows = {row["metric"]: row for row in databases.view("pipeline_metrics")}
    assert len(databases.view("pipeline_metrics")) == len(rows) == 3
    assert {row["instance"] for row in rows.values()} == {"here:4318"}
    refused = rows["argus_otel.refused.requests"]
    assert (refused["kind"], refused["value"]) == ("counter", 3)
    assert refused["labels"] == {"signal": "logs", "transport": "grpc", "reason": "overloaded"}
    spooled = rows["argus_otel.spool.bytes"]
    assert (spooled["kind"], spooled["value"], spooled["unit"]) == ("gauge", 17, "By")
    loads = rows["argus_otel.load.duration"]
    assert (loads["kind"], loads["unit"], loads["count"], loads["value"]) == ("histogram", "s", 3, 20.5)
    filled = [bound for bound, n in zip(loads["bounds"], loads["bucket_counts"], strict=False) if n]
    assert filled == [0.25, 0.5, 30], "0.2, 0.3 and 20 s, by the bounds above them"
    assert databases.view("sessions") == []


def test_a_window_reads_its_own_days(databases: Databases, measured: bytes) -> None:
    databases.load([(Signal.METRICS, measured)])
    # The engine's own account of what it would read: none of today's parts for a window of last year.
    argus = databases.settings.argus_database
    window = "time >= toDateTime('2025-01-01 00:00:00', 'UTC') AND time < toDateTime('2025-01-02 00:00:00', 'UTC')"
    rows = databases.store.rows(
        "SELECT explain FROM (EXPLAIN indexes = 1 SELECT sum(value)"
        f" FROM {argus}.pipeline_metrics WHERE metric = 'argus_otel.refused.requests' AND {window})"
    )
    read = [row["explain"].split()[-1] for row in rows if row["explain"].strip().startswith("Parts: ")]
    assert read
    assert {parts.partition("/")[0] for parts in read} == {"0"}


def cost_meter(session_id: str, points: Sequence[tuple[int, float]], temporality: AggregationTemporality) -> bytes:
    """Return one series of a session's cost meter: (seconds after BEGAN_NS, USD)."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(attributes({"service.name": "claude-code"}))
    scope = resource.scope_metrics.add()
    scope.scope.name = "com.anthropic.claude_code"
    metric = scope.metrics.add(name="claude_code.cost.usage", unit="USD")
    metric.sum.aggregation_temporality = temporality
    metric.sum.is_monotonic = True
    for seconds, usd in points:
        point = metric.sum.data_points.add(
            start_time_unix_nano=BEGAN_NS, time_unix_nano=BEGAN_NS + seconds * S_NS, as_double=usd
        )
        point.attributes.extend(attributes({"session.id": session_id, "user.email": "dev1@example.com"}))
    return request.SerializeToString()


def api_requests(session_id: str, costs: Mapping[str, str]) -> bytes:
    """Return one event per request id, with its cost in USD as the client writes it."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.extend(attributes({"service.name": "claude-code"}))
    scope = resource.scope_logs.add()
    scope.scope.name = "com.anthropic.claude_code.events"
    for number, (request_id, usd) in enumerate(costs.items()):
        record = scope.log_records.add(time_unix_nano=BEGAN_NS + number * S_NS)
        record.body.string_value = "claude_code.api_request"
        said: dict[str, Any] = {"session.id": session_id, "event.name": "api_request", "request_id": request_id}
        record.attributes.extend(attributes(said | {"cost_usd": usd, "user.email": "dev1@example.com"}))
    return request.SerializeToString()


def test_meters_stand_beside_events(databases: Databases) -> None:
    cumulative, delta = (
        AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE,
        AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA,
    )
    requests = [
        # 0.25 + 0.5 USD twice told; the meter says 0.75 in the end.
        (Signal.LOGS, api_requests("agree", {"r1": "0.25", "r2": "0.5"})),
        (Signal.METRICS, cost_meter("agree", [(60, 0.25), (120, 0.75)], cumulative)),
        # An event was lost: 1 USD of events, 0.75 + 0.5 by the meter.
        (Signal.LOGS, api_requests("lost", {"r3": "1"})),
        (Signal.METRICS, cost_meter("lost", [(60, 0.75), (120, 0.5)], delta)),
        (Signal.LOGS, api_requests("no meter", {"r4": "2"})),
        (Signal.METRICS, cost_meter("no events", [(60, 3.0)], delta)),
    ]
    databases.load(requests)
    databases.load(requests)
    rows = {row["session_id"]: row for row in databases.view("meter_check")}
    told = {
        session: (row["events_usd"], row["meters_usd"], row["difference_usd"], row["difference_share"])
        for session, row in rows.items()
    }
    assert told == {
        "agree": (0.75, 0.75, 0, 0),
        "lost": (1, 1.25, 0.25, 0.2),
        "no meter": (2, None, None, None),
        "no events": (None, 3, None, None),
    }
    lost = rows["lost"]
    assert (lost["day"], lost["user_label"]) == ("2026-11-23", "dev1@example.com")
    assert (lost["started_at"], lost["ended_at"]) == ("2026-11-23 23:59:50.000", "2026-11-24 00:01:50.000")
