"""
What can be chosen at the top of a dashboard, under the same names everywhere.

Values come from argus.daily_users and argus.cost_hourly, which stay small. Nobody can choose "nothing": to the data source's
`$__conditionalAll` the empty value means all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.queries import NUMBERS, PLUGIN, within, within_days

if TYPE_CHECKING:
    from collections.abc import Sequence

    from builder import Json

_SHOWN, _HIDDEN = 0, 2
_ALL: Json = {"text": ["All"], "value": ["$__all"]}


def _datasource(name: str, label: str, description: str) -> Json:
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "datasource",
        "query": PLUGIN,
        "regex": "",
        "refresh": 1,
        "hide": _SHOWN,
        "includeAll": False,
        "multi": False,
        "options": [],
        "current": {
            "text": "Argus",
            "value": "argus-clickhouse",
        },  # as provisioned; another ClickHouse may be there too
    }


def query(name: str, label: str, sql: str, description: str = "") -> Json:
    """Return a variable with the values that a statement finds in the dashboard's range; many may be chosen, or all."""
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "query",
        "datasource": NUMBERS,
        "query": {"editorType": "sql", "rawSql": sql},
        "definition": sql,
        "refresh": 2,
        "regex": "",
        "sort": 0,
        "hide": _SHOWN,
        "includeAll": True,
        "multi": True,
        "options": [],
        "current": _ALL,
    }


def textbox(name: str, label: str, description: str = "", value: str = "") -> Json:
    """Return a variable that is typed."""
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "textbox",
        "query": value,
        "hide": _SHOWN,
        "options": [{"text": value, "value": value, "selected": True}],
        "current": {"text": value, "value": value},
    }


def custom(name: str, label: str, values: Sequence[str], description: str = "", *, several: bool = False) -> Json:
    """Return a variable with fixed values; the first one is chosen, or all of `several`."""
    first: Json = _ALL if several else {"text": values[0], "value": values[0]}
    options = [{"text": value, "value": value, "selected": not several and value == values[0]} for value in values]
    every = [{"text": "All", "value": "$__all", "selected": True}] if several else []
    return {
        "name": name,
        "label": label,
        "description": description,
        "type": "custom",
        "query": ",".join(values),
        "hide": _SHOWN,
        "includeAll": several,
        "multi": several,
        "options": every + options,
        "current": first,
    }


def hidden(variable: Json) -> Json:
    """Return the variable, set by links only."""
    return variable | {"hide": _HIDDEN}


def _of_users(column: str) -> str:
    return f"SELECT DISTINCT {column} FROM argus.daily_users WHERE {within_days('day')} AND {column} != '' ORDER BY 1"


DATASOURCE = _datasource(
    "datasource", "Data source", "Figures and labels. A login that is granted only the number views will do."
)
CONTENT = _datasource(
    "content", "Content source", "Text: prompts, transcripts, tool input and output. For whoever may read sessions."
)
WORKSPACE = query("workspace", "Workspace", _of_users("workspace"))
SURFACE = query("surface", "Surface", _of_users("surface"))
TEAM = query("team", "Team", _of_users("team"))
USER = query("user", "User", _of_users("user_label"))
MODEL = query(
    "model", "Model", f"SELECT DISTINCT model FROM argus.cost_hourly WHERE {within('hour')} AND model != '' ORDER BY 1"
)

SOURCES = (DATASOURCE, CONTENT)
FILTERS = (WORKSPACE, SURFACE, TEAM, USER, MODEL)
STANDARD = (*SOURCES, *FILTERS)
"""What most dashboards have."""
