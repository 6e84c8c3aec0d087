"""
SQL -> what a panel asks: a target of the ClickHouse data source.

Money is added as integers, `sum(cost_nanousd) / 1e9`; a window is half open, so that two of them share no second.
Values of variables reach a statement percent-encoded and are decoded by ClickHouse: Grafana's quoting formats leave the
backslash alone, which ClickHouse would read as an escape.
"""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from builder import Json

PLUGIN = "grafana-clickhouse-datasource"
PLUGIN_VERSION = "4.20.0"
NUMBERS: Json = {"type": PLUGIN, "uid": "${datasource}"}
"""May be a login that is granted the number views only."""
CONTENT: Json = {"type": PLUGIN, "uid": "${content}"}
"""May read text. Whoever opens the dashboard may not."""

BUCKET = "$__timeInterval(hour) + toIntervalSecond(intDiv($__interval_s, 2))"
"""The middle of the bucket that `hour` falls in: bars stand in their middle, and links.POINT spans the whole bucket."""

CHANGE = "vs last period"
"""The column with the change against the window of the same length just before the dashboard's range."""
_SPAN = "($__toTime - $__fromTime)"

_TIMESERIES, _TABLE, _LOGS, _TRACES = range(4)
_COLUMNS = {"workspace": "workspace", "surface": "surface", "team": "team", "user": "user_label", "model": "model"}


def series(sql: str, ref: str = "A") -> Json:
    """Return the target of a time series: a time, words that name the series, one figure; by time."""
    return _target(sql, _TIMESERIES, "timeseries", NUMBERS, ref)


def table(sql: str, ref: str = "A", source: Json = NUMBERS) -> Json:
    """Return the target of rows as they are."""
    return _target(sql, _TABLE, "table", source, ref)


def logs(sql: str, ref: str = "A", source: Json = CONTENT) -> Json:
    """Return the target of a logs panel: timestamp, body, level, then labels."""
    return _target(sql, _LOGS, "logs", source, ref)


def traces(sql: str, ref: str = "A", source: Json = NUMBERS) -> Json:
    """Return the target of a traces panel, under the names that it asks for."""
    return _target(sql, _TRACES, "traces", source, ref)


def against_last(name: str, figure: str, of: str, *, time: str = "hour", where: str = "") -> Json:
    """
    Return the target of a stat: a figure of the dashboard's range, and by which share it changed against the window before.

    Args:
        name: of the figure.
        figure: an aggregate over the rows of one window.
        of: the view.
        time: its column of time.
        where: conditions besides time.
    """
    return table(f"""
        SELECT
            anyOrNullIf(figure, is_now) AS {name},
            {name} / nullIf(anyOrNullIf(figure, NOT is_now), 0) - 1 AS "{CHANGE}"
        FROM
        (
            SELECT {time} >= {_begin(time)} AS is_now, {figure} AS figure
            FROM {of}
            WHERE {within_both(time)} AND {where or "1"}
            GROUP BY is_now
        )""")


def within(column: str) -> str:
    """Return the condition that a time lies in the dashboard's range; of hours the one in which it begins counts whole."""
    return f"{column} >= {_begin(column)} AND {column} < $__toTime"


def _begin(column: str) -> str:
    return "toStartOfHour($__fromTime, 'UTC')" if column == "hour" else "$__fromTime"


def within_days(column: str) -> str:
    """Return the condition that a day has a part in the dashboard's range."""
    return f"{column} >= toDate($__fromTime, 'UTC') AND {column} <= toDate($__toTime, 'UTC')"


def within_both(column: str) -> str:
    """Return the condition that a time lies in either of the two windows."""
    return f"{column} >= {_begin(column)} - {_SPAN} AND {column} < $__toTime"


def chosen(*variables: str, **columns: str) -> str:
    """
    Return the condition that what is chosen in the dashboard's variables holds; All, and nothing, narrow nothing.

    Args:
        variables: those whose column has the usual name.
        columns: variable -> a column, or an expression, of another name.
    """
    named = {variable: _COLUMNS[variable] for variable in variables} | columns
    return " AND ".join(
        f"$__conditionalAll({_is_chosen(variable, column)}, ${variable})" for variable, column in named.items()
    )


def _is_chosen(variable: str, column: str) -> str:
    """A person's or a team's name may have a comma in it: it is looked for in the list as it came."""
    if variable in ("team", "user"):
        return f"position(concat(',', {_listed(variable)}, ','), concat(',', {named(column)}, ',')) > 0"
    return f"has({values(variable)}, {column if variable == 'workspace' else named(column)})"


def named(column: str) -> str:
    """Return the words of a column, (none) for an empty one: to a variable the empty value would be all."""
    return f"if({column} = '', '(none)', {column})"


def any_chosen(variable: str, column: str) -> str:
    """Return the condition that a column of arrays has one of the values chosen."""
    return f"$__conditionalAll(hasAny({values(variable)}, if(empty({column}), ['(none)'], {column})), ${variable})"


def values(variable: str) -> str:
    """Return the array of what is chosen in a variable of several values."""
    return f"splitByChar(',', {_listed(variable)})"


def _listed(variable: str) -> str:
    """Several values arrive as {a,b}, encoded whole; every supported Grafana does so, which `customqueryparam` is too new for."""
    return f"trim(BOTH '{{}}' FROM {value(variable)})"


def value(variable: str) -> str:
    """Return what is typed or chosen in a variable of one value."""
    return f"decodeURLComponent('${{{variable}:percentencode}}')"


def _target(sql: str, number: int, name: str, source: Json, ref: str) -> Json:
    return {
        "refId": ref,
        "datasource": source,
        "editorType": "sql",
        "queryType": name,
        "format": number,
        "rawSql": dedent(sql).strip(),
        "pluginVersion": PLUGIN_VERSION,
    }
