"""
A visit -> the dashboard as it opens, and what ClickHouse answers to each of its panels.

A statement that fails fails its panel alone; so does one that the reader has no right to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from argus_otel.errors import StoreError, StoreUnavailableError
from argus_otel.grafana.dashboards import Panel, load
from argus_otel.grafana.preview.fields import Frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argus_otel.grafana.preview.visits import Visit
    from argus_otel.grafana.variables import Scope

_ACCESS_DENIED = 497
_POINTS = 200
"""Of a time series where the panel does not say."""
_INTERVALS_MS = (
    *(1_000 * seconds for seconds in (1, 5, 10, 15, 30)),
    *(60_000 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3_600_000 * hours for hours in (1, 2, 3, 6, 12)),
    *(86_400_000 * days for days in (1, 7, 30)),
)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Reader(Protocol):
    """Whoever answers a query; times as datetime."""

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A panel and what its statements gave, or why there is nothing. Headings of rows have neither."""

    panel: Panel
    scope: Scope
    frames: Sequence[Frame] = ()
    error: str = ""
    is_denied: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A dashboard as somebody sees it. `chosen`: label and value of what narrows it."""

    visit: Visit
    title: str
    description: str
    scope: Scope
    chosen: Sequence[tuple[str, str]]
    answers: Sequence[Answer]


def opened(reader: Reader, visit: Visit) -> Opened:
    """
    Ask everything that the dashboard asks.

    Raises:
        ConfigError: there is no such dashboard.
        StoreUnavailableError: ClickHouse cannot be reached.
    """
    dashboard = load(visit.uid)
    scope = dashboard.chosen(dashboard.scope(visit.time_range), dict(visit.variables))
    narrowing = [
        (str(variable.get("label") or variable["name"]), scope.interpolate(f"${{{variable['name']}:text}}"))
        for variable in dashboard.variables
        if variable["type"] not in ("datasource", "constant") and not scope.choices[variable["name"]].is_all
    ]
    chosen = [(label, value) for label, value in narrowing if value]
    answers = [_answer(reader, scope, Panel(panel)) for panel in dashboard.json["panels"]]
    return Opened(visit, dashboard.title, str(dashboard.json.get("description", "")), scope, chosen, answers)


def _answer(reader: Reader, scope: Scope, panel: Panel) -> Answer:
    scope = replace(scope, interval_ms=interval_ms(panel, scope))
    frames = []
    for target in panel.targets:
        try:
            frames.append(Frame.of(reader.rows(scope.statement(target.sql))))
        except StoreError as error:
            if error.code == _ACCESS_DENIED:
                return Answer(
                    panel, scope, error="This panel reads text, which this login is not granted.", is_denied=True
                )
            if isinstance(error, StoreUnavailableError) and not error.code:
                raise
            return Answer(panel, scope, error=str(error))
    return Answer(panel, scope, frames)


def interval_ms(panel: Panel, scope: Scope) -> int:
    """Return `$__interval` as Grafana rounds it: the range over the panel's points, no shorter than the panel says."""
    shortest = str(panel.json.get("interval") or "1s").lstrip(">")
    shortest_ms = int(shortest[:-1]) * _SECONDS[shortest[-1]] * 1_000
    span_ms = scope.time_range.to_ms - scope.time_range.from_ms
    wanted_ms = span_ms / int(panel.json.get("maxDataPoints") or _POINTS)
    return max(shortest_ms, next((each for each in _INTERVALS_MS if each >= wanted_ms), _INTERVALS_MS[-1]))
