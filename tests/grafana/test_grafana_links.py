"""Every data link, clicked on real rows; and from every figure of cost or sessions the way to a session in two clicks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from asking import ask
from known import RANGE, known
from opening import open_dashboard, uids

from argus_otel.grafana.dashboards import LOGS, TIME_SERIES, TRACES, load, load_all
from argus_otel.grafana.links import parse, resolve
from argus_otel.grafana.variables import Choice, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asking import Answer
    from services import Service

    from argus_otel.grafana.dashboards import Dashboard, Panel
    from argus_otel.grafana.links import Address

LIST, SESSION = "argus-sessions", "argus-session"

NO_WAY_DOWN: dict[tuple[str, str], str] = {}
"""Panels that show cost or sessions and lead to none, and why."""


def each_panel() -> pytest.MarkDecorator:
    panels = [(dashboard, panel) for dashboard in load_all() for panel in dashboard.panels]
    return pytest.mark.parametrize(
        ("dashboard", "panel"), panels, ids=[f"{one.uid}: {panel.title or panel.id}" for one, panel in panels]
    )


@each_panel()
def test_every_link_leads_somewhere(service: Service, dashboard: Dashboard, panel: Panel) -> None:
    scope = open_dashboard(service, dashboard)
    for address in addresses(service, scope, panel):
        assert "${" not in address.url, f"{address.url} has something unknown"
        assert "$__" not in re.sub(r"=\$__all\b", "", address.url), f"{address.url} has something unknown"
        if address.uid:
            assert address.uid in uids(), f"there is no dashboard {address.uid}"
            defined = {one["name"] for one in load(address.uid).variables}
            assert set(address.variables) <= defined, f"{address.uid} has no {set(address.variables) - defined}"
            assert address.time_range or {"from", "to"} <= set(address.parameters), f"{address.url} says not when"
        if address.uid == SESSION:
            check_session(service, address)


@each_panel()
def test_what_shows_cost_or_sessions_leads_to_a_session_in_two_clicks(
    service: Service, dashboard: Dashboard, panel: Panel
) -> None:
    if dashboard.uid == SESSION or not shows_cost_or_sessions(panel) or (dashboard.uid, panel.title) in NO_WAY_DOWN:
        return
    first = list(addresses(service, open_dashboard(service, dashboard), panel))
    assert first, "nothing leads down from here"
    assert any(leads_to_a_session(service, address) for address in first), [address.url for address in first][:3]


@pytest.mark.parametrize("uid", uids())
def test_figures_in_links_are_not_formatted(service: Service, uid: str) -> None:
    """`${__data.fields.x}` is what the panel shows, "1.8 Tri"; only of a text that is the value itself."""
    dashboard = load(uid)
    scope = open_dashboard(service, dashboard)
    for panel in dashboard.panels:
        named = set(re.findall(r"\$\{__data\.fields\.(\w+)[:}]", str(panel.json)))
        for target in panel.targets if named else ():
            answer = ask(service, scope.statement(target.sql))
            shown = {name for name in named & set(answer.columns) if answer.kind(name) != "string"}
            assert not shown, f"{panel.title}: {shown} would be formatted"


def shows_cost_or_sessions(panel: Panel) -> bool:
    if panel.kind in {"text", "logs", "traces"} or not panel.targets:
        return False
    units = re.findall(r"'unit': 'currencyUSD'", str(panel.json))
    return bool(units) or any(
        re.search(r"\bargus\.session_list\b|\bsession_id\b", target.sql) for target in panel.targets
    )


def addresses(service: Service, scope: Scope, panel: Panel) -> Iterator[Address]:
    """Yield where each of a panel's links leads from its first row and its last."""
    for link in panel.json.get("links", ()):
        yield parse(scope.interpolate(link["url"], "uriencode"))
    for target in panel.targets:
        if not target.sql:
            continue
        answer = ask(service, scope.statement(target.sql))
        for row in answer.rows[:1] + answer.rows[-1:]:
            for column, link, labels in links_of(panel, target.format, answer, row):
                yield parse(resolve(link["url"], scope, row, column, labels))


def links_of(
    panel: Panel, form: int, answer: Answer, row: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:
    """Yield (column, link, the series' labels); a column that is NULL here shows none."""
    labels = (
        {name: row[name] for name in answer.columns if answer.kind(name) == "string"} if form == TIME_SERIES else {}
    )
    if form in (LOGS, TRACES):
        return
    for column in answer.columns:
        if (form == TIME_SERIES and answer.kind(column) != "number") or row[column] is None:
            continue
        for link in panel.links(answer.kind(column), column, *labels.values()):
            yield column, link, labels


def leads_to_a_session(service: Service, address: Address) -> bool:
    """One click more at most."""
    if address.uid == SESSION:
        return True
    if address.uid != LIST:
        return False
    dashboard = load(LIST)
    scope = at(open_dashboard(service, dashboard), dashboard, address)
    return any(further.uid == SESSION for panel in dashboard.panels for further in addresses(service, scope, panel))


def at(scope: Scope, dashboard: Dashboard, address: Address) -> Scope:
    """Return the scope after the address was opened, its options as before."""
    chosen = dashboard.chosen(scope, address.variables)
    choices = {
        name: Choice(name, choice.value, options=scope.choices[name].options) for name, choice in chosen.choices.items()
    }
    return Scope(choices, address.time_range or RANGE, scope.interval_ms)


def check_session(service: Service, address: Address) -> None:
    """The session exists, and the range has all of it; or something of it, where the link is to a turn."""
    [session_id] = address.variables["session"]
    [workspace] = address.variables["workspace"]
    rows = ask(
        service,
        "SELECT started_at, ended_at FROM argus.session_list"
        f" WHERE workspace = '{workspace}' AND session_id = '{session_id}'",
    ).rows
    assert len(rows) == 1, f"no session {session_id!r} in {workspace!r}: {address.url}"
    began_ms, ended_ms = _ms(rows[0]["started_at"]), _ms(rows[0]["ended_at"])
    window = address.time_range
    if window and any(address.variables.get("turn", ())):
        assert began_ms <= window.to_ms, address.url
        assert window.from_ms <= ended_ms, address.url
    elif window:
        assert window.from_ms <= began_ms, address.url
        assert ended_ms <= window.to_ms, address.url


def _ms(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=at.tzinfo)) // timedelta(milliseconds=1)


def test_the_costliest_session_is_on_top_of_the_list(service: Service) -> None:
    """As from an alert: sorted by cost, the first row is the one that caused it."""
    dashboard = load(LIST)
    scope = open_dashboard(service, dashboard).choose(Choice("sort", "cost"))
    linked = [address for panel in dashboard.panels for address in addresses(service, scope, panel)]
    first = next(address for address in linked if address.uid == SESSION)
    assert first.variables["session"] == (known().costliest.session_id,)
