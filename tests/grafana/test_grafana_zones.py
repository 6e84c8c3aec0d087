"""Ranges and days are the same wherever the engine stands, and a range within an hour shows that hour."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from known import known
from opening import Question, is_clickhouse, open_dashboard, questions, uids

from argus_otel.grafana.dashboards import load
from argus_otel.grafana.macros import TimeRange

if TYPE_CHECKING:
    from services import Service

HOUR_MS = 3_600_000
ASKED = [question for uid in uids() for question in questions(load(uid)) if is_clickhouse(question.source, load(uid))]


def answer(service: Service, sql: str, zone: str) -> list[list[Any]]:
    """Return the rows as the engine gives them in that zone: times as seconds, figures to nine digits."""
    settings = {
        "default_format": "JSONCompact",
        "session_timezone": zone,
        "date_time_output_format": "unix_timestamp",
    }
    url = f"http://{service.addresses['clickhouse_http']}/?{urllib.parse.urlencode(settings)}"
    with urllib.request.urlopen(url, sql.encode(), timeout=60) as response:
        rows: list[list[Any]] = json.load(response, parse_float=lambda figure: float(f"{float(figure):.9g}"))["data"]
    return rows


@pytest.mark.parametrize("question", ASKED, ids=str)
def test_the_zone_of_the_engine_changes_nothing(service: Service, question: Question) -> None:
    sql = open_dashboard(service, load(question.uid)).statement(question.sql)
    assert answer(service, sql, "Asia/Tokyo") == answer(service, sql, "UTC")


@pytest.mark.parametrize("title", ["Cost", "Cost by model", "By user"])
def test_a_range_within_an_hour_shows_that_hour(service: Service, title: str) -> None:
    """As the link of an alert on a session that runs away makes it."""
    calls = known().costliest.calls
    middle_ms = calls[len(calls) // 2].ended_at_ns // 10**6
    begin_ms = middle_ms // HOUR_MS * HOUR_MS
    expected = sum(
        call.cost_nanousd
        for session in known().sessions
        for call in session.calls
        if begin_ms <= call.ended_at_ns // 10**6 < begin_ms + HOUR_MS
    )
    dashboard = load("argus-cost")
    scope = replace(open_dashboard(service, dashboard), time_range=TimeRange(middle_ms, begin_ms + HOUR_MS))
    [panel] = [panel for panel in dashboard.panels if panel.title == title]
    columns = service.rows(scope.statement(panel.targets[0].sql))
    assert sum(round(float(row["cost"]) * 1e9) for row in columns) == pytest.approx(expected, abs=len(columns))
