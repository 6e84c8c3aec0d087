"""
What each stage of the path costs, in this process, one after the other.

Two sizes of batch tell an INSERT's fixed cost (mostly the analysis of the views' queries) from the cost of a record:
cost(n) = fixed + n * marginal. CPU is that of the whole process, the engine's threads included.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from argus_otel.envelope import Signal, encode
from argus_otel.privacy.redaction import Redaction
from argus_otel.schema.render import SchemaSettings, render
from argus_otel.spool import Spool, SpoolSettings
from argus_otel.store import LOAD_SETTINGS, EmbeddedStore
from benchmarks.traffic import envelope, sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.traffic import Request, Session

_FLOOR_TABLES = {
    Signal.LOGS: ("otel_logs",),
    Signal.TRACES: ("otel_traces",),
    Signal.METRICS: ("otel_metrics_sum", "otel_metrics_gauge"),
}
_NO_RULES = Redaction(())


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the path for one signal; `marginal_us` per record, `fixed_ms` per INSERT."""

    name: str
    signal: str
    marginal_us: float
    fixed_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class _Batch:
    signal: Signal
    record_count: int
    path: Path


def measure_stages(session_count: int, runs: int) -> list[Stage]:
    """Return the stages in the order of the path; each figure a median."""
    made = list(sessions(0, session_count, "both", time.time_ns()))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        stages = [_validation(made, runs), _spool(made, runs, folder / "spool")]
        store = EmbeddedStore(folder / "engine")
        try:
            small, large = _batches(made[:3], folder, "small"), _batches(made, folder, "large")
            return stages + _loads(store, small, large, runs)
        finally:
            store.close()


def _validation(made: Sequence[Session], runs: int) -> Stage:
    requests = [request for session in made for request in session.requests]
    spent_s = _median_cpu_s(lambda: [envelope(request, 1) for request in requests], runs)
    return Stage("validate", "all", spent_s / _count(requests) * 1e6)


def _spool(made: Sequence[Session], runs: int, folder: Path) -> Stage:
    requests = [request for session in made for request in session.requests]
    envelopes = [envelope(request, 1) for request in requests]
    spool = Spool(SpoolSettings(folder))

    async def append_all() -> None:
        for at in range(0, len(envelopes), _IN_FLIGHT):
            await asyncio.gather(*map(spool.append, envelopes[at : at + _IN_FLIGHT]))

    try:
        spent_s = _median_cpu_s(lambda: asyncio.run(append_all()), runs)
    finally:
        spool.close()
    return Stage("spool", "all", spent_s / _count(requests) * 1e6)


_IN_FLIGHT = 32


def _loads(store: EmbeddedStore, small: Sequence[_Batch], large: Sequence[_Batch], runs: int) -> list[Stage]:
    variants = {
        "decode": _schema(store, "decoded", ("1_",), _NO_RULES),
        "+ explode and store": _schema(store, "exploded", ("1_", "2_"), _NO_RULES),
        "+ redaction": _schema(store, "redacted", ("1_", "2_"), SchemaSettings().redaction),
        "+ facts": _schema(store, "whole", ("1_", "2_", "3_"), SchemaSettings().redaction),
    }
    stages = []
    for few, many in zip(small, large, strict=True):
        signal = few.signal.name.lower()
        for name, database in variants.items():
            table = f"{database}.otlp_{signal}"
            costs = [_median_cpu_s(lambda batch=batch, table=table: store.insert([batch.path], table), runs) for batch in (few, many)]
            stages.append(_fitted(name, signal, (few.record_count, many.record_count), costs))
        costs = [_median_cpu_s(insert, runs) for insert in _floor(store, few.signal)]
        stages.append(Stage("floor: ready-made rows", signal, costs[0] / _landed(store, few.signal) * 1e6))
    return stages


def _fitted(name: str, signal: str, counts: tuple[int, int], costs: Sequence[float]) -> Stage:
    marginal_s = (costs[1] - costs[0]) / (counts[1] - counts[0])
    return Stage(name, signal, marginal_s * 1e6, (costs[0] - counts[0] * marginal_s) * 1e3)


def _schema(store: EmbeddedStore, name: str, layers: tuple[str, ...], redaction: Redaction) -> str:
    settings = SchemaSettings(f"{name}_otel", f"{name}_argus", redaction=redaction)
    store.execute(f"CREATE DATABASE {settings.otel_database}")
    store.execute(f"CREATE DATABASE {settings.argus_database}")
    for statement in render(settings):
        if statement.layer in layers:
            store.execute(statement.sql)
    return settings.otel_database
