"""What argus-pipeline says of a day whose every figure is known: measured.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import measured
import pytest
from asking import ask
from known import NOW_MS

from argus_otel.grafana.dashboards import load
from argus_otel.grafana.macros import TimeRange
from argus_otel.grafana.variables import Choice

if TYPE_CHECKING:
    from collections.abc import Callable

    from services import Service

    Shown = Callable[..., list[dict[str, Any]]]

MINUTE_MS = 60_000
THE_DAY = TimeRange(NOW_MS - 24 * 60 * MINUTE_MS, NOW_MS + MINUTE_MS)


@pytest.fixture(scope="module")
def shown(service: Service) -> Shown:
    """Return a function: what a panel shows of the measured service."""
    pipeline = load("argus-pipeline")

    def rows(title: str, time_range: TimeRange = THE_DAY, interval_ms: int = 5 * MINUTE_MS) -> list[dict[str, Any]]:
        [panel] = [panel for panel in pipeline.panels if panel.title == title]
        scope = pipeline.scope(time_range, interval_ms).choose(Choice("instance", (measured.INSTANCE,)))
        return ask(service, scope.statement(panel.targets[0].sql)).rows

    return rows


def test_the_answers_at_the_top(shown: Shown) -> None:
    assert shown("Last report") == [{"ago": 60}]
    assert shown("Lag") == [{"now": 0.2, "worst": measured.LAG_S_MAX}]
    assert shown("Missing records") == [{"missing": 0}]
    assert shown("Dead letters") == [{"records": measured.DEAD_RECORDS}]
    assert shown("Refused requests") == [{"for now": measured.REFUSED_FOR_NOW, "for good": measured.REFUSED_FOR_GOOD}]
    [filled] = shown("Spool filled")
    [services] = shown("Services")
    assert filled["now"] == 0
    assert 0 < filled["worst"] < services["received_bytes"] / measured.SPOOL_LIMIT_BYTES


def test_rates_add_up_to_what_was_counted(shown: Shown) -> None:
    hour_ms = 60 * MINUTE_MS
    whole_hours = TimeRange(THE_DAY.from_ms // hour_ms * hour_ms, (THE_DAY.to_ms // hour_ms + 1) * hour_ms)
    [services] = shown("Services", whole_hours)
    for interval_ms in (5 * MINUTE_MS, hour_ms):
        rates = shown("Received", whole_hours, interval_ms)
        assert {row["of"] for row in rates} == {"logs", "traces", "metrics"}
        assert sum(row["rate"] * interval_ms / 1000 for row in rates) == pytest.approx(services["received"])
        loaded = sum(row["rate"] * interval_ms / 1000 for row in shown("Loaded", whole_hours, interval_ms))
        assert loaded == pytest.approx(services["received"] + 40 * measured.STEPS - measured.DEAD_RECORDS)


def test_a_bucket_that_the_range_cuts_is_as_wide_as_is_left(shown: Shown) -> None:
    hour_ms = 60 * MINUTE_MS
    begins_ms = (NOW_MS - 10 * hour_ms) // hour_ms * hour_ms
    [whole] = shown("Loaded", TimeRange(begins_ms, begins_ms + hour_ms), hour_ms)
    [half] = shown("Loaded", TimeRange(begins_ms + hour_ms // 2, begins_ms + hour_ms), hour_ms)
    [counted] = shown("Services", TimeRange(begins_ms + hour_ms // 2, begins_ms + hour_ms))
    assert half["rate"] == pytest.approx(counted["loaded"] / 1800)
    assert half["rate"] == pytest.approx(whole["rate"], rel=0.2)


def test_two_windows_count_each_point_once(shown: Shown) -> None:
    middle = NOW_MS - 700 * MINUTE_MS
    halves = (TimeRange(THE_DAY.from_ms, middle), TimeRange(middle, THE_DAY.to_ms))
    [whole] = shown("Services")
    parts = [shown("Services", half)[0] for half in halves]
    for column in ("received", "received_bytes", "loaded", "loads", "failed_loads"):
        assert sum(part[column] for part in parts) == whole[column], column


def test_durations_are_the_mean_and_a_bound(shown: Shown) -> None:
    # 276 loads, of which 11 take 0.8 s and the others 0.2 s: 99 % stay below 1 s, the bucket's bound.
    rows = shown("Load", interval_ms=7 * 24 * 60 * MINUTE_MS)
    told = {row["figure"]: row["duration"] for row in rows}
    assert told == {"mean": pytest.approx((11 * 0.8 + 265 * 0.2) / 276), "99 % below": 1.0}


def test_who_was_refused_and_what_they_were_told(shown: Shown) -> None:
    assert shown("Refused, by sender's way in") == [
        {
            "reason": "spool_write",
            "told": "retry",
            "transport": "grpc",
            "signal": "logs",
            "requests": measured.REFUSED_FOR_NOW,
        },
        {
            "reason": "unauthenticated",
            "told": "never",
            "transport": "http",
            "signal": "logs",
            "requests": measured.REFUSED_FOR_GOOD,
        },
    ]
