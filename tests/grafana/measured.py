"""
A day of a service's own metrics, as it would have stored them, five minutes apart: quiet, busy, an hour without ClickHouse.
All of it deterministic, so what argus-pipeline must show is known without asking the engine.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from argus_otel.envelope import Signal
from argus_otel.telemetry import Metric, Telemetry

if TYPE_CHECKING:
    from argus_otel.demo.otlp import Request

INSTANCE = "collector-1.example.com:4318"
STEP_S = 300
STEPS = 288
AWAY = range(200, 212)
"""Steps without ClickHouse: nothing loads, the spool fills, one sender in a while meets a full disk."""

SPOOL_LIMIT_BYTES = 4 << 30
LAG_S_MAX = 3600
DEAD_RECORDS = 7
REFUSED_FOR_NOW, REFUSED_FOR_GOOD = 24, 9
S_NS = 10**9


@dataclass(slots=True)
class State:
    """What the gauges read."""

    spool_bytes: int = 0
    spool_records: int = 0
    oldest_age_s: float = 0.2
    dead_records: int = 0
    received: int = 0
    loaded: int = 0

    def accounting(self) -> dict[str, float]:
        return {
            "received": self.received,
            "loaded": self.loaded,
            "dead_lettered": self.dead_records,
            "spooled": self.spool_records,
            "missing": self.received - self.loaded - self.dead_records - self.spool_records,
        }


def requests(now_ns: int) -> list[Request]:
    """Return the requests of the day that ends at `now_ns`."""
    chance = random.Random(4)  # to be repeated, not to be secret
    state = State()
    telemetry = Telemetry(instance=INSTANCE, is_stored=True)
    telemetry.observe(Metric.SPOOL_BYTES, lambda: state.spool_bytes)
    telemetry.observe(Metric.SPOOL_LIMIT_BYTES, lambda: SPOOL_LIMIT_BYTES)
    telemetry.observe(Metric.SPOOL_RECORDS, lambda: state.spool_records)
    telemetry.observe(Metric.SPOOL_OLDEST_AGE_SECONDS, lambda: state.oldest_age_s)
    telemetry.observe(Metric.DEAD_LETTER_RECORDS, lambda: state.dead_records)
    telemetry.observe_each(Metric.ACCOUNTING_RECORDS, "state", state.accounting)
    day = ExportMetricsServiceRequest()
    for step in range(STEPS):
        _work(telemetry, state, chance, step)
        day.MergeFrom(_at(telemetry.otlp(), now_ns - (STEPS - 1 - step) * STEP_S * S_NS))
    telemetry.close()
    return [(Signal.METRICS, day.SerializeToString())]


def _work(telemetry: Telemetry, state: State, chance: random.Random, step: int) -> None:
    """Let five minutes pass."""
    arrived = 0
    for signal, share in (("logs", 4), ("traces", 3), ("metrics", 1)):
        records = share * (20 + 60 * (96 <= step < 228) + chance.randrange(10))
        telemetry.add(Metric.RECEIVED_RECORDS, records, signal=signal, transport="grpc")
        telemetry.add(Metric.RECEIVED_BYTES, 900 * records, signal=signal, transport="grpc")
        telemetry.record(Metric.ACKNOWLEDGE_SECONDS, 0.004 + chance.random() * 0.004, signal=signal, transport="grpc")
        arrived += records
    telemetry.add(Metric.RECEIVED_RECORDS, 40, signal="metrics", transport="own")
    telemetry.record(Metric.QUERY_SECONDS, 0.08)
    state.received += arrived + 40
    if step in AWAY:
        state.spool_records += arrived + 40
        state.oldest_age_s = float((step - AWAY.start + 1) * STEP_S)
        telemetry.add(Metric.LOAD_FAILURES, 10, code="210")
        refused = REFUSED_FOR_NOW // len(AWAY)
        telemetry.add(Metric.REFUSED_REQUESTS, refused, signal="logs", transport="grpc", reason="spool_write")
    else:
        dead = DEAD_RECORDS if step == AWAY.stop else 0
        state.loaded += state.spool_records + arrived + 40 - dead
        telemetry.add(Metric.LOADED_RECORDS, state.spool_records + arrived + 40 - dead)
        telemetry.record(Metric.LOAD_SECONDS, 0.2 if step % 25 else 0.8)
        state.dead_records += dead
        state.spool_records, state.oldest_age_s = 0, 0.2
    state.spool_bytes = 900 * state.spool_records
    if step == 40:
        telemetry.add(
            Metric.REFUSED_REQUESTS, REFUSED_FOR_GOOD, signal="logs", transport="http", reason="unauthenticated"
        )


def _at(body: bytes, at_ns: int) -> ExportMetricsServiceRequest:
    """Return a request as if it had been made at another time."""
    request = ExportMetricsServiceRequest.FromString(body)
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in getattr(metric, metric.WhichOneof("data")).data_points:
                    point.start_time_unix_nano, point.time_unix_nano = at_ns - STEP_S * S_NS, at_ns
    return request
