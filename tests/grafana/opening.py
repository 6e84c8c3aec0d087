"""A dashboard -> what it asks when somebody opens it: its variables' options read, something chosen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from asking import ask
from known import RANGE, known

from argus_otel.grafana.dashboards import CLICKHOUSE, Dashboard, load, load_all
from argus_otel.grafana.macros import ALL
from argus_otel.grafana.variables import Choice, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services import Service

    from argus_otel.grafana.dashboards import Panel, Target

INTERVAL_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Question:
    """One statement of a dashboard and where it stands."""

    uid: str
    place: str
    source: str
    sql: str
    panel: Panel | None = None
    target: Target | None = None

    def __str__(self) -> str:
        return f"{self.uid}: {self.place}"


def uids() -> list[str]:
    """Return the dashboards that exist, for parametrizing."""
    return [dashboard.uid for dashboard in load_all()]


def questions(dashboard: Dashboard) -> Iterator[Question]:
    """Yield every statement for ClickHouse: of panels, variables and annotations."""
    for panel in dashboard.panels:
        for target in panel.targets:
            if target.sql:
                place = f"{panel.title or panel.id} {target.ref_id}"
                yield Question(dashboard.uid, place, target.source, target.sql, panel, target)
    for variable in dashboard.variables:
        if sql := sql_of(variable):
            yield Question(dashboard.uid, f"variable {variable['name']}", variable["datasource"]["uid"], sql)
    for annotation in dashboard.annotations:
        if sql := annotation["target"].get("rawSql"):
            yield Question(dashboard.uid, f"annotation {annotation['name']}", annotation["datasource"]["uid"], sql)


def sql_of(variable: dict[str, Any]) -> str:
    """Return a query variable's statement; empty for any other variable."""
    query = variable.get("query")
    if variable["type"] != "query" or not query:
        return ""
    return str(query) if isinstance(query, str) else str(query["rawSql"])


def given(dashboard: Dashboard) -> list[Choice]:
    """Return what a link to the dashboard always names: its sources, and the session of argus-session."""
    names = {variable["name"]: variable for variable in dashboard.variables}
    sources = [Choice(name, name) for name, one in names.items() if one["type"] == "datasource"]
    if "session" not in names:
        return sources
    session = known().costliest
    return [*sources, Choice("workspace", "default"), Choice("session", session.session_id)]


@cache
def _opened(service: Service, uid: str) -> Scope:
    dashboard = load(uid)
    scope = dashboard.scope(RANGE, INTERVAL_MS).choose(*given(dashboard))
    for variable in dashboard.variables:
        name = variable["name"]
        choice = scope.choices[name]
        if sql := sql_of(variable):
            options = options_of(service, scope.statement(sql), str(variable.get("regex") or ""))
            value = choice.value or (options[:1] if variable.get("multi") else "".join(options[:1]))
            scope = scope.choose(Choice(name, value, options=options, all_value=choice.all_value))
    return scope


def options_of(service: Service, sql: str, regex: str = "") -> tuple[str, ...]:
    """Return the values of a variable's statement: its first column."""
    answer = ask(service, sql)
    values = (str(value) for value in answer.column(answer.columns[0]))
    return tuple(value for value in values if not regex or re.search(regex.strip("/"), value))


def open_dashboard(service: Service, dashboard: Dashboard) -> Scope:
    """Return the scope of a dashboard that was just opened, with the options of each variable."""
    return _opened(service, dashboard.uid)


def with_all(scope: Scope, dashboard: Dashboard) -> Scope:
    """Choose All wherever there is All."""
    return scope.choose(
        *(
            Choice(one["name"], (ALL,) if one.get("multi") else ALL, options=scope.choices[one["name"]].options)
            for one in dashboard.variables
            if one.get("includeAll")
        )
    )


def is_clickhouse(source: str, dashboard: Dashboard) -> bool:
    """Whether a source is one of the dashboard's variables for ClickHouse."""
    names = {one["name"] for one in dashboard.variables if one["type"] == "datasource" and one["query"] == CLICKHOUSE}
    return source.strip("${}") in names
