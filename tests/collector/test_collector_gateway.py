"""gateway.yaml: one destination more, tenants apart, and nothing lost when either side is killed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from collector_needed import needs_collector
from collectors import Collector, collecting, free_port
from marks import MARKS, marked
from native import api_request, attributes, meter, span
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from otlp_read import records, told
from receiving import receiving
from services import Service, serving
from tenants import variables_to
from waiting import eventually

from argus_otel.demo import recordings
from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from native import Request
    from receiving import Receiving

pytestmark = needs_collector


def order_placed() -> Request:
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.extend(attributes({"service.name": "checkout"}))
    resource_logs.scope_logs.add().log_records.add().body.string_value = "order placed"
    return Signal.LOGS, request.SerializeToString()


OTHERS: list[Request] = [
    order_placed(),
    span("GET /orders", {"session.id": "not-an-agents"}, scope="checkout"),
    meter("http.server.request.duration", [(0, 1, 3, {})]),
]
"""What services that are no agents send to the same collector."""
WAIT_S = 90


@pytest.fixture(scope="module")
def yours() -> Iterator[Receiving]:
    """The destination that was there before."""
    with receiving() as state:
        yield state


@pytest.fixture
def collector(yours: Receiving, to_service: dict[str, str], tmp_path: Path) -> Iterator[Collector]:
    yours.reset()
    with collecting("gateway.yaml", tmp_path / "collector", **to_service, YOUR_BACKEND=yours.endpoints.grpc) as running:
        yield running


def session(name: str) -> list[Request]:
    return [*recordings.requests(name), *recordings.content(name)]


def figures(service: Service, session_id: str) -> list[tuple[object, ...]]:
    """Return workspace, coverage, API requests, cost, tool calls of a session, a row for each workspace that has it."""
    rows = service.rows(
        "SELECT workspace, coverage, api_request_count, cost_usd, tool_call_count FROM argus.sessions"
        f" WHERE session_id = '{session_id}' ORDER BY workspace"
    )
    return [
        (*list(row.values())[:2], int(row["api_request_count"]), row["cost_usd"], int(row["tool_call_count"]))
        for row in rows
    ]


def test_tenants_arrive_in_their_workspaces_and_yours_gets_everything_as_it_was(
    collector: Collector, service: Service, yours: Receiving
) -> None:
    of_payments, of_nobody = session("default"), session("content-on")
    for kind, body in of_payments:
        collector.send(kind, body, {"x-tenant": "payments"})
    for kind, body in [*of_nobody, *OTHERS]:
        assert collector.post(kind, body) == 200

    def check() -> None:
        expected = ("both", 13, 0.090675, 9)
        assert figures(service, recordings.truth("default")["session_id"]) == [("payments", *expected)]
        assert figures(service, recordings.truth("content-on")["session_id"]) == [("default", *expected)]
        sent = records([*of_payments, *of_nobody, *OTHERS])
        assert records(told(yours.accepted)) == sent

    eventually(check, WAIT_S)
    foreign = "SELECT count() AS n FROM otel.{} WHERE {}"
    for table, condition in (
        ("otel_logs", "ServiceName = 'checkout'"),
        ("otel_traces", "SpanName = 'GET /orders'"),
        ("otel_metrics_sum", "MetricName LIKE 'http.%'"),
    ):
        assert service.rows(foreign.format(table, condition)) == [{"n": 0}], "what is no agent's does not come here"


def test_each_mark_of_an_agent_is_enough(collector: Collector, service: Service) -> None:
    for session_id in MARKS:
        collector.send(*marked(session_id))

    def check() -> None:
        rows = service.rows("SELECT request_id FROM argus.api_requests WHERE startsWith(session_id, 'by ')")
        assert sorted(row["request_id"] for row in rows) == sorted(MARKS)

    eventually(check, WAIT_S)


def test_tenants_that_send_at_the_same_time_are_not_mixed(collector: Collector, service: Service) -> None:
    """The same session id in both, so that nothing but the workspace tells them apart."""
    tenants = ("payments", "nobody-listed")

    def send(number: int) -> None:
        tenant = tenants[number % 2]
        kind, body = api_request(f"{tenant}-{number}", 0.001, at_s=number, session="shared")
        if number % 3:
            collector.send(kind, body, {"x-tenant": tenant})
        else:
            assert collector.post(kind, body, {"X-Tenant": tenant}) == 200

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(send, range(100)))

    def check() -> None:
        rows = service.rows("SELECT workspace, request_id FROM argus.api_requests WHERE session_id = 'shared'")
        assert sorted((row["workspace"], row["request_id"]) for row in rows) == sorted(
            ("payments" if number % 2 == 0 else "default", f"{tenants[number % 2]}-{number}") for number in range(100)
        )

    eventually(check, WAIT_S)


def test_nothing_is_lost_when_argus_otel_and_then_the_collector_are_killed(
    service_options: list[str], yours: Receiving, tmp_path: Path
) -> None:
    """What the collector acknowledged while argus-otel was dead is on its disk, and arrives once both are back."""
    known = recordings.truth("default")["session_id"]
    first, rest = session("default")[:3], session("default")[3:]
    address = f"127.0.0.1:{free_port()}"
    options = [*service_options, "--otlp-http", address]
    variables = {**variables_to(address), "YOUR_BACKEND": yours.endpoints.grpc}
    collector = Collector("gateway.yaml", tmp_path / "collector", variables)
    service = Service(tmp_path / "data", *options)
    try:
        collector.start()
        for kind, body in first:
            collector.send(kind, body)
        eventually(lambda: _assert_some(figures(service, known)), WAIT_S)
        service.kill()
        for kind, body in rest:
            collector.send(kind, body)
        collector.kill()
        collector.start()
        with serving(tmp_path / "data", *options) as back:
            eventually(lambda: _assert_whole(figures(back, known)), WAIT_S)
            assert collector.stop() == 0
    finally:
        for process in (collector.process, service.process):
            if process and process.poll() is None:
                process.kill()


def _assert_some(rows: list[tuple[object, ...]]) -> None:
    assert len(rows) == 1


def _assert_whole(rows: list[tuple[object, ...]]) -> None:
    assert rows == [("default", "both", 13, 0.090675, 9)]
