"""
`python -m benchmarks.dashboards [--sessions N] [--runs N] [--data DIR] [--json FILE]`: every statement of every dashboard.

A company's month is made and summed up on the embedded engine, then each statement runs as Grafana sends it: macros and
variables filled in, the dashboard's variables at their defaults, 30 days, a session's dashboard at a session of the middle.
Exits 1 if the median of the panels' medians is a second or more, or one takes more than three.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus_otel.grafana.dashboards import load_all
from argus_otel.grafana.macros import TimeRange
from argus_otel.grafana.variables import Choice
from argus_otel.roll import Roller, RollSettings
from argus_otel.schema.migrate import migrate
from argus_otel.schema.render import SchemaSettings
from argus_otel.store import READ_SETTINGS, EmbeddedStore
from argus_otel.telemetry import Telemetry
from benchmarks.population import LOG_RECORDS_PER_SESSION, populate
from benchmarks.report import machine, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_otel.grafana.dashboards import Dashboard

MEDIAN_MS_MAX = 1_000
MS_MAX = 3_000
_DAY_MS = 86_400_000
_POINTS = 500
"""Of a graph: Grafana gives its width in pixels."""


@dataclass(frozen=True, slots=True)
class PanelFigure:
    """How long one statement took, and what it answered."""

    dashboard: str
    panel: str
    median_ms: float
    row_count: int


def measure_dashboards(folder: Path, session_count: int, runs: int) -> list[PanelFigure]:
    """Return the figures, warm; a folder that holds sessions already is asked as it is."""
    store = EmbeddedStore(folder)
    try:
        migrate(store, SchemaSettings())
        if not _count(store, "argus.session_facts"):
            _fill(store, session_count)
        _sum_up(store)
        return [
            _asked(store, dashboard.uid, name, sql, runs)
            for dashboard in load_all()
            for name, sql in _statements(dashboard, *_middle(store))
        ]
    finally:
        store.close()


def _fill(store: EmbeddedStore, session_count: int) -> None:
    began_s = time.perf_counter()
    populate(store, session_count)
    print(f"{session_count:,} sessions made in {time.perf_counter() - began_s:,.0f} s")
    time.sleep(2)  # the clock of the changes ticks in seconds


def _sum_up(store: EmbeddedStore) -> None:
    """Roll up what is not; of a folder that is used again that is nothing."""
    began_s = time.perf_counter()
    telemetry = Telemetry()
    Roller(store, SchemaSettings, telemetry, RollSettings(margin_s=1, pause_s=0)).roll_settled()
    telemetry.close()
    print(f"summed up in {time.perf_counter() - began_s:,.0f} s", flush=True)


def _middle(store: EmbeddedStore) -> tuple[str, str]:
    """Return workspace and id of a session that lies among the others."""
    [row] = store.rows(
        "SELECT workspace, session_id FROM argus.session_facts ORDER BY first_at"
        " LIMIT 1 OFFSET (SELECT intDiv(count(), 2) FROM argus.session_facts)"
    )
    return row["workspace"], row["session_id"]


def _statements(dashboard: Dashboard, workspace: str, session_id: str) -> Iterator[tuple[str, str]]:
    now_ms = time.time_ns() // 1_000_000
    whole = TimeRange(now_ms - 30 * _DAY_MS, now_ms)
    scope = dashboard.scope(whole, (whole.to_ms - whole.from_ms) // _POINTS)
    if "session" in scope.choices:
        scope = scope.choose(Choice("workspace", workspace), Choice("session", session_id))
    for variable in dashboard.variables:
        if variable["type"] == "query":
            query = variable["query"]
            sql = query["rawSql"] if isinstance(query, dict) else query
            yield f"variable {variable['name']}", scope.statement(sql)
    for panel in dashboard.panels:
        for target in panel.targets:
            if target.sql:
                yield f"{panel.id} {panel.title}", scope.statement(target.sql)


def _asked(store: EmbeddedStore, dashboard: str, name: str, sql: str, runs: int) -> PanelFigure:
    handle = store.connect()
    try:
        for setting, value in READ_SETTINGS.items():
            handle.query(f"SET {setting} = {value}")
        answer: dict[str, Any] = json.loads(handle.query(sql, "JSON").bytes())
        spent_ms = []
        for _ in range(runs):
            began_s = time.perf_counter()
            handle.query(sql, "JSON").bytes()
            spent_ms.append((time.perf_counter() - began_s) * 1e3)
    finally:
        handle.close()
    return PanelFigure(dashboard, name, statistics.median(spent_ms), len(answer["data"]))


def _count(store: EmbeddedStore, name: str) -> int:
    return int(store.rows(f"SELECT count() AS rows FROM {name}")[0]["rows"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboards", description="See docs/benchmarks.md.")
    parser.add_argument("--sessions", type=int, default=100_000, help="how many; each has 100 log records")
    parser.add_argument("--runs", type=int, default=3, help="of each statement, after one that is not counted")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the engine's folder there, and use it again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE too")
    arguments = parser.parse_args()
    print(machine())
    with contextlib.ExitStack() as stack:
        folder = arguments.data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        rows = measure_dashboards(folder, arguments.sessions, arguments.runs)
    slowest_first = sorted(rows, key=lambda row: -row.median_ms)
    record_count = arguments.sessions * LOG_RECORDS_PER_SESSION
    print(table(f"Dashboards over {arguments.sessions:,} sessions, {record_count:,} log records", slowest_first))
    median_ms = statistics.median(row.median_ms for row in rows)
    too_slow = [row for row in rows if row.median_ms > MS_MAX]
    print(f"\n{len(rows)} statements, median {median_ms:,.0f} ms, {len(too_slow)} above {MS_MAX:,} ms")
    if arguments.json:
        document = {"machine": machine(), "dashboards": [dataclasses.asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    sys.exit(1 if too_slow or median_ms >= MEDIAN_MS_MAX else 0)


if __name__ == "__main__":
    main()
