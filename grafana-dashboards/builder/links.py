"""
What is clicked -> where it leads: data links down to the sessions and into one session, links between the dashboards.

Every variable travels along. `from_ms` and `to_ms` are columns of text, epoch milliseconds: a number would be formatted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from builder import Json

RANGE = "${__url_time_range}"
"""The dashboard's own range."""
POINT = "time=${__value.time}&time.window=${__interval_ms}"
"""The bucket around a point whose time is queries.BUCKET."""
ROW = "from=${__data.fields.from_ms}&to=${__data.fields.to_ms}"
"""What the row itself says."""

SOURCES = "var-datasource=${datasource}&var-content=${content}"
FILTERS = ("workspace", "surface", "team", "user", "model")

BETWEEN_DASHBOARDS: Json = {
    "type": "dashboards",
    "title": "Argus",
    "tags": ["argus"],
    "asDropdown": True,
    "includeVars": True,
    "keepTime": True,
    "icon": "external link",
    "targetBlank": False,
    "tooltip": "",
    "url": "",
}


def to_sessions(
    title: str = "Sessions, costliest first",
    when: str = RANGE,
    sort: str = "cost",
    kept: Sequence[str] = FILTERS,
    **columns: str,
) -> Json:
    """
    Return a link to the sessions behind a figure.

    Args:
        title: what the menu says.
        when: RANGE, POINT or ROW.
        sort: started, cost, tokens, tools or failures.
        kept: the dashboard's variables that travel along; it must have them.
        columns: variable -> the row's column with its value; every other filter stays as it is chosen. Instead of a column,
            an interpolation may be given: `model="${__field.labels.model:percentencode}"`.
    """
    given = {variable: _value(column) for variable, column in columns.items()}
    chosen = (f"${{{variable}:queryparam}}" for variable in kept if variable not in given)
    filters = (f"var-{variable}={value}" for variable, value in given.items())
    return _link(title, "argus-sessions", when, f"var-sort={sort}", *filters, *chosen, SOURCES)


def to_session(title: str = "Open the session", when: str = ROW, **columns: str) -> Json:
    """Return a link into one session: the row has workspace, session_id, from_ms and to_ms; `columns` as in to_sessions."""
    given = {"workspace": "workspace", "session": "session_id"} | columns
    return _link(
        title, "argus-session", when, *(f"var-{name}={_value(column)}" for name, column in given.items()), SOURCES
    )


def to_dashboard(title: str, uid: str, when: str = RANGE, **columns: str) -> Json:
    """Return a link to another of our dashboards; `columns` as in to_sessions, no other filter travels."""
    return _link(title, uid, when, *(f"var-{name}={_value(column)}" for name, column in columns.items()), SOURCES)


def _value(column: str) -> str:
    return column if column.startswith("${") else f"${{__data.fields.{column}:percentencode}}"


def _link(title: str, uid: str, *parameters: str) -> Json:
    return {"title": title, "url": f"/d/{uid}?" + "&".join(parameters), "targetBlank": False}
