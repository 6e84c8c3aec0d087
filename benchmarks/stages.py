"""
What each stage of the path costs, in this process, one after the other.

Two sizes of batch tell an INSERT's fixed cost (mostly the analysis of the views' queries) from the cost of a record:
cost(n) = fixed + n * marginal. CPU is that of the whole process, the engine's threads included.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from argus_otel.envelope import Signal, encode
from argus_otel.privacy.redaction import Redaction
from argus_otel.schema.render import SchemaSettings, render
from argus_otel.store import LOAD_SETTINGS, EmbeddedStore
from benchmarks.receiving import measure_grpc_alone, measure_receiving
from benchmarks.traffic import envelope, sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.traffic import Mix, Request, Session

_FLOOR_TABLES = {Signal.LOGS: "otel_logs", Signal.TRACES: "otel_traces", Signal.METRICS: "otel_metrics_sum"}
_NO_RULES = Redaction(())
_MIXES: tuple[Mix, ...] = ("gateway", "native", "both")


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
        stages = [_validation(made, runs), *_doors(session_count, folder)]
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


def _doors(session_count: int, folder: Path) -> list[Stage]:
    """gRPC and validation, then with the spool's append and fdatasync; by record, which depends on the requests' size."""
    alone = [Stage(f"gRPC alone, {mix}", "all", measure_grpc_alone(mix, session_count)[0]) for mix in _MIXES]
    return alone + [
        Stage(f"{name}, {mix}", "all", measure_receiving(mix, session_count, spool_folder)[0])
        for mix in _MIXES
        for name, spool_folder in (("receive", None), ("receive + spool", folder / f"spool-{mix}"))
    ]


def _loads(store: EmbeddedStore, small: Sequence[_Batch], large: Sequence[_Batch], runs: int) -> list[Stage]:
    variants = {
        "decode": _schema(store, "decoded", "1", _NO_RULES),
        "+ explode and store": _schema(store, "exploded", "012", _NO_RULES),
        "+ redaction": _schema(store, "redacted", "012", SchemaSettings().redaction),
        "+ facts": _schema(store, "whole", "0123", SchemaSettings().redaction),
    }
    stages = []
    for few, many in zip(small, large, strict=True):
        signal = few.signal.name.lower()
        for name, database in variants.items():
            table = f"{database}.otlp_{signal}"
            costs = [_median_cpu_s(partial(store.insert, [batch.path], table), runs) for batch in (few, many)]
            stages.append(_fitted(name, signal, (few.record_count, many.record_count), costs))
        stages.append(_floor(store, many, runs))
    return stages


def _fitted(name: str, signal: str, counts: tuple[int, int], costs: Sequence[float]) -> Stage:
    marginal_s = (costs[1] - costs[0]) / (counts[1] - counts[0])
    return Stage(name, signal, marginal_s * 1e6, (costs[0] - counts[0] * marginal_s) * 1e3)


def _schema(store: EmbeddedStore, name: str, layers: str, redaction: Redaction) -> str:
    settings = SchemaSettings(f"{name}_otel", f"{name}_argus", redaction=redaction)
    store.execute(f"CREATE DATABASE {settings.otel_database}")
    store.execute(f"CREATE DATABASE {settings.argus_database}")
    for statement in render(settings):
        if statement.name[0] in layers:
            store.execute(statement.sql)
    return settings.otel_database


def _floor(store: EmbeddedStore, batch: _Batch, runs: int) -> Stage:
    """The rows as they landed, handed back ready-made in Native format: what storing them costs at the least."""
    table = _FLOOR_TABLES[batch.signal]
    store.execute("CREATE DATABASE IF NOT EXISTS floor")
    store.execute(f"CREATE TABLE floor.{table} AS redacted_otel.{table}")
    handle = store.connect()
    rows = handle.query(f"SELECT * FROM redacted_otel.{table} LIMIT {batch.record_count}", "Native").bytes()
    settings = ", ".join(f"{name} = '{value}'" for name, value in LOAD_SETTINGS.items())

    def insert() -> None:
        with handle.send_insert(f"INSERT INTO floor.{table} SETTINGS {settings}", "Native") as inserter:
            inserter.append(rows)
            inserter.finish()

    try:
        spent_s = _median_cpu_s(insert, runs)
        inserted_count = store.rows(f"SELECT count() AS rows FROM floor.{table}")[0]["rows"] / runs
    finally:
        handle.close()
    return Stage("floor: rows ready-made", batch.signal.name.lower(), spent_s / inserted_count * 1e6)


def _batches(made: Sequence[Session], folder: Path, name: str) -> list[_Batch]:
    batches = []
    for signal in _FLOOR_TABLES:  # control has no records
        requests = [request for session in made for request in session.requests if request.signal is signal]
        path = folder / f"{name}-{signal.name.lower()}.seg"
        path.write_bytes(b"".join(encode(envelope(request, time.time_ns())) for request in requests))
        batches.append(_Batch(signal, _count(requests), path))
    return batches


def _count(requests: Sequence[Request]) -> int:
    return sum(request.record_count for request in requests)


def _median_cpu_s(action: Callable[[], object], runs: int) -> float:
    spent = []
    for _ in range(runs):
        began_s = time.process_time()
        action()
        spent.append(time.process_time() - began_s)
    return statistics.median(spent)
