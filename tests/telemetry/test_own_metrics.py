"""argus-otel's own metrics in its own tables: each count once, over failures, repetition and restarts, and no session of it."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from services import serving

from argus_otel.demo import recordings
from argus_otel.envelope import Signal
from argus_otel.errors import SpoolFullError
from argus_otel.own_metrics import OwnMetrics
from argus_otel.telemetry import Metric, Telemetry

if TYPE_CHECKING:
    from pathlib import Path

NEVER_BY_ITSELF_S = 3600


def counted(body: bytes, name: str) -> int:
    """Return what a request says that a counter counted."""
    metrics = [
        metric
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
    ]
    return sum(point.as_int for metric in metrics for point in metric.sum.data_points)


def test_each_call_tells_what_changed_since_the_last_one() -> None:
    telemetry = Telemetry(is_stored=True)
    telemetry.add(Metric.LOADED_RECORDS, 5)
    first = telemetry.otlp()
    telemetry.add(Metric.LOADED_RECORDS, 2)
    telemetry.prometheus()  # another reader, which takes nothing away
    second, third = telemetry.otlp(), telemetry.otlp()
    telemetry.close()
    assert [counted(body, "argus_otel.loaded.records") for body in (first, second, third)] == [5, 2, 0]


def test_what_is_refused_is_handed_over_later_in_order() -> None:
    bodies, taken, refused = itertools.count(), list[bytes](), list[bytes]()

    async def scenario() -> None:
        is_stopping = asyncio.Event()

        async def accept(body: bytes) -> None:
            if len(refused) < 2:
                refused.append(body)
                raise SpoolFullError(1, 1)
            is_stopping.set()
            taken.append(body)

        own = OwnMetrics(lambda: str(next(bodies)).encode(), accept, 0.001)
        own.start()
        await is_stopping.wait()
        await own.stop()

    asyncio.run(scenario())
    assert refused == [b"0", b"0"], "the oldest first, again and again"
    assert taken == [str(number).encode() for number in range(len(taken))]
    assert len(taken) >= 4, "the three until then, and one at the end"


def test_a_stop_never_fails() -> None:
    async def refuse(_: bytes) -> None:
        raise SpoolFullError(1, 1)

    def break_down() -> bytes:
        raise ValueError("a bug of ours")

    async def scenario() -> None:
        for collect in (lambda: b"1", break_down):
            own = OwnMetrics(collect, refuse, NEVER_BY_ITSELF_S)
            own.start()
            await own.stop()
        await OwnMetrics(break_down, refuse, NEVER_BY_ITSELF_S).stop()  # never started

    asyncio.run(scenario())


def test_counts_add_up_over_restarts_and_are_no_session(tmp_path: Path) -> None:
    [logs, *_] = [body for signal, body in recordings.requests("default") if signal is Signal.LOGS]
    received = 0
    for _ in range(2):
        with serving(tmp_path / "data", own_metrics_interval_s=NEVER_BY_ITSELF_S) as service:
            service.send(Signal.LOGS, logs)
            received = service.wait_until_loaded()["received"]
    with serving(tmp_path / "data") as service:
        sums = service.accounting()
        [row] = service.rows("""
            SELECT
                sumIf(value, labels['signal'] = 'logs') AS sent,
                sumIf(value, labels['transport'] = 'own') AS own,
                uniqExact(instance) AS instances
            FROM argus.pipeline_metrics
            WHERE metric = 'argus_otel.received.records'""")
        sessions = service.rows("SELECT session_id FROM argus.sessions")
        of_logs = int(service.rows("SELECT count() AS n FROM otel.otel_logs")[0]["n"])
    assert row["sent"] == of_logs
    # What the second life received of the first's last words; its own last words are not yet told of.
    assert row["own"] == 0
    assert (sums["missing"], sums["spooled"], sums["dead_lettered"]) == (0, 0, 0)
    assert sums["received"] > received > of_logs, "both lives' own metrics are records like any other"
    assert len(sessions) == 1


def test_none_are_stored_where_nobody_wants_them(tmp_path: Path) -> None:
    with serving(tmp_path / "data", own_metrics_interval_s=0):
        pass
    with serving(tmp_path / "data") as service:
        assert service.rows("SELECT * FROM argus.pipeline_metrics") == []
        assert service.accounting()["received"] == 0
