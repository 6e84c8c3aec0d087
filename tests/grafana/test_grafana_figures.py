"""What dashboards say against what was sent: arithmetic on the made-up sessions and the recordings' README."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from asking import ask
from known import ODD_NAME, RENAMED, RENAMED_EMAIL, known
from opening import open_dashboard, uids

from argus_otel.grafana.dashboards import load
from argus_otel.grafana.variables import Choice

if TYPE_CHECKING:
    from services import Service

    from argus_otel.grafana.variables import Scope

NANO = 10**9


def answer(service: Service, uid: str, title: str, scope: Scope | None = None) -> list[dict[str, Any]]:
    """Return the rows of a panel's first statement."""
    dashboard = load(uid)
    [panel] = [panel for panel in dashboard.panels if panel.title == title]
    return ask(service, (scope or open_dashboard(service, dashboard)).statement(panel.targets[0].sql)).rows


def nanousd(value: float) -> int:
    return round(value * NANO)


def test_all_that_was_spent_is_spent_in_the_views(service: Service) -> None:
    for view in ("session_list", "cost_hourly", "daily_users", "sessions", "api_requests"):
        [row] = ask(service, f"SELECT sum(cost_nanousd) AS cost_nanousd FROM argus.{view}").rows
        assert row["cost_nanousd"] == known().cost_nanousd, view
    [row] = ask(service, "SELECT count() AS sessions FROM argus.session_list").rows
    assert row["sessions"] == known().session_count


@pytest.mark.parametrize("uid", sorted({"argus-overview", "argus-cost"} & set(uids())))
def test_the_cost_on_top_is_all_that_was_spent(service: Service, uid: str) -> None:
    [row] = answer(service, uid, "Cost")
    assert (
        nanousd(next(value for name, value in row.items() if name.lower().startswith("cost"))) == known().cost_nanousd
    )


@pytest.mark.parametrize("title", ["By model", "By user", "By team", "By repository", "By query source"])
def test_each_breakdown_adds_up(service: Service, title: str) -> None:
    rows = answer(service, "argus-cost", title)
    figures = [next(value for value in row.values() if isinstance(value, float)) for row in rows]
    assert sum(map(nanousd, figures)) == pytest.approx(known().cost_nanousd, abs=len(rows))


@pytest.mark.parametrize("email", ["dev1@example.com", "dev3@example.com", RENAMED_EMAIL, f"{ODD_NAME}@example.com"])
def test_one_user_is_one_user(service: Service, email: str) -> None:
    """Also one whose name has a comma, or everything that quoting can get wrong."""
    sent = [session for session in known().sessions if session.member.email == email]
    label = RENAMED if email == RENAMED_EMAIL else email
    dashboard = load("argus-cost")
    scope = open_dashboard(service, dashboard)
    assert label in scope.choices["user"].options
    for chosen in ((label,), (label, "nobody")):
        [row] = answer(service, "argus-cost", "Cost", scope.choose(Choice("user", chosen)))
        cost = next(value for name, value in row.items() if name.lower().startswith("cost"))
        assert nanousd(cost) == sum(session.cost_nanousd for session in sent)


def test_the_list_has_every_session_once(service: Service) -> None:
    dashboard = load("argus-sessions")
    [sql] = [target.sql for panel in dashboard.panels if panel.kind == "table" for target in panel.targets][:1]
    unlimited = re.sub(r"(?i)\bLIMIT\s+\d+(\s+OFFSET\s+\d+)?\s*$", "LIMIT 100000", sql.strip())
    rows = ask(service, open_dashboard(service, dashboard).statement(unlimited)).rows
    ids = [row["session_id"] for row in rows]
    assert len(ids) == len(set(ids)) == known().session_count


def test_a_sessions_turns_add_up_to_it(service: Service) -> None:
    session = known().costliest
    rows = answer(service, "argus-session", "Turns")
    assert len(rows) == len(session.turns)
    figure = next(name for name in rows[0] if name.lower().startswith("cost"))
    assert sum(nanousd(row[figure]) for row in rows) == session.cost_nanousd
