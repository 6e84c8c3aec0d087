"""
A question and how it is shown -> a panel. `layout` gives it its place and its number.

Every panel says what its figure means (`description`), in which unit, and what an empty one means (`no_value`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from builder import look
from builder.queries import CHANGE, NUMBERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from builder import Json

NOTHING = "nothing in this range"
CHANGED = look.override(CHANGE, unit=look.SHARE, decimals=0, noValue="-", mappings=[], color=look.fixed(look.NEUTRAL))
"""The override of a stat's second figure, see queries.against_last."""
LINK_FIELDS = ("from_ms", "to_ms")
"""Columns that only links read; hidden wherever a panel shows columns."""


def stat(
    title: str,
    description: str,
    query: Json | Sequence[Json],
    unit: str,
    *,
    colour: str = look.NEUTRAL,
    thresholds: Json | None = None,
    links: Sequence[Json] = (),
    overrides: Sequence[Json] = (),
    mappings: Sequence[Json] = (),
    no_value: str = NOTHING,
    decimals: int | None = None,
    of_row: bool = False,
    is_named: bool = False,
) -> Json:
    """
    Return one big figure per field of one row; several fields stand below each other with their names.

    Args:
        is_named: say what it is even if it is the only one; of a row, its words.
        of_row: the links read the row's other columns; Grafana knows them only where it reduces nothing.
    """
    defaults = _defaults(unit, no_value, links, mappings, decimals)
    defaults |= {"color": {"mode": "thresholds"}, "thresholds": thresholds or look.steps(colour)}
    options: Json = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": of_row, "limit": 1},
        "orientation": "horizontal",
        "textMode": "value_and_name" if is_named else "auto",
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    return _panel("stat", title, description, query, defaults, overrides, options)


def timeseries(
    title: str,
    description: str,
    query: Json | Sequence[Json],
    unit: str,
    *,
    label: str = "",
    style: Literal["line", "bars", "points"] = "line",
    stacked: bool = False,
    colour: str | None = None,
    links: Sequence[Json] = (),
    overrides: Sequence[Json] = (),
    no_value: str = NOTHING,
    interval: str = "1h",
    thresholds: Json | None = None,
) -> Json:
    """
    Return figures over time.

    Args:
        label: the column whose words name the series; without one a series has its field's name.
        stacked: the series add up to something.
        colour: of a single series; several have Grafana's palette, save what `overrides` say.
        interval: the shortest bucket.
        thresholds: lines to be drawn.
    """
    defaults = _defaults(unit, no_value, links)
    defaults |= {"color": look.fixed(colour) if colour else {"mode": "palette-classic-by-name"}, "min": 0}
    if label:
        defaults["displayName"] = f"${{__field.labels.{label}}}"
    if thresholds:
        defaults["thresholds"] = thresholds
    defaults["custom"] = {
        "drawStyle": style,
        "lineWidth": 1 if style == "bars" else 2,
        "fillOpacity": 80 if style == "bars" else 10 if colour else 0,
        "gradientMode": "none",
        "showPoints": "always" if style == "points" else "never",
        "pointSize": 6,
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "line" if thresholds else "off"},
        "axisPlacement": "auto",
        "axisSoftMin": 0,
    }
    options: Json = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    panel = _panel("timeseries", title, description, query, defaults, [*overrides, *_hidden(query)], options)
    return panel | {"interval": interval, "maxDataPoints": 200}


def bar_gauge(
    title: str,
    description: str,
    query: Json | Sequence[Json],
    unit: str,
    *,
    colour: str,
    links: Sequence[Json] = (),
    overrides: Sequence[Json] = (),
    thresholds: Json | None = None,
    no_value: str = NOTHING,
) -> Json:
    """Return one bar per row, named by its only column of words, as long as its only figure. An empty name is shown as (none)."""
    defaults = _defaults(unit, no_value, links, [look.words({"": "(none)"})])
    defaults |= {"color": {"mode": "thresholds"}, "thresholds": thresholds or look.steps(colour), "min": 0}
    options: Json = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": True, "limit": 25},
        "orientation": "horizontal",
        "displayMode": "basic",
        "valueMode": "text",
        "namePlacement": "left",
        "showUnfilled": False,
        "sizing": "auto",
        "minVizHeight": 16,
        "minVizWidth": 8,
        "maxVizHeight": 28,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
    }
    return _panel("bargauge", title, description, query, defaults, overrides, options)


def bar_chart(
    title: str,
    description: str,
    query: Json | Sequence[Json],
    unit: str,
    *,
    stacked: bool = False,
    horizontal: bool = False,
    colour: str | None = None,
    links: Sequence[Json] = (),
    overrides: Sequence[Json] = (),
    no_value: str = NOTHING,
) -> Json:
    """Return bars per row, one for each column of figures: the first column of words stands below them."""
    defaults = _defaults(unit, no_value, links)
    defaults |= {"color": look.fixed(colour) if colour else {"mode": "palette-classic-by-name"}, "min": 0}
    defaults["custom"] = {
        "lineWidth": 1,
        "fillOpacity": 80,
        "gradientMode": "none",
        "axisPlacement": "auto",
        "axisSoftMin": 0,
    }
    options: Json = {
        "orientation": "horizontal" if horizontal else "auto",
        "stacking": "normal" if stacked else "none",
        "showValue": "auto",
        "groupWidth": 0.7,
        "barWidth": 0.9,
        "barRadius": 0,
        "fullHighlight": False,
        "xTickLabelRotation": 0,
        "xTickLabelSpacing": 0,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    return _panel("barchart", title, description, query, defaults, [*overrides, *_hidden(query)], options)


def table(
    title: str,
    description: str,
    query: Json | Sequence[Json],
    columns: Sequence[Json] = (),
    *,
    unit: str = look.COUNT,
    links: Sequence[Json] = (),
    hide: Sequence[str] = (),
    sort: str = "",
    descending: bool = True,
    no_value: str = "",
    wrap: bool = False,
) -> Json:
    """
    Return rows.

    Args:
        columns: look.column(…) for those that are not plain numbers.
        unit: of every column of numbers that has none of its own.
        links: what a click on any cell opens.
        hide: columns that only links read, besides from_ms and to_ms.
        sort: the heading shown sorted; the statement sorts anyway.
        no_value: what an empty cell says.
        wrap: long text in several lines.
    """
    defaults = _defaults(unit, no_value, links) | {
        "color": {"mode": "thresholds"},
        "thresholds": look.steps(look.NEUTRAL),
    }
    defaults["custom"] = {
        "align": "auto",
        "cellOptions": {"type": "auto", "wrapText": wrap},
        "inspect": wrap,
        "filterable": False,
    }
    options: Json = {
        "showHeader": True,
        "cellHeight": "sm",
        "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": []},
        "sortBy": [{"displayName": sort, "desc": descending}] if sort else [],
    }
    return _panel("table", title, description, query, defaults, [*columns, *_hidden(query, *hide)], options)


def logs(
    title: str,
    description: str,
    query: Json | Sequence[Json],
    *,
    links: Sequence[Json] = (),
    overrides: Sequence[Json] = (),
    no_value: str = NOTHING,
) -> Json:
    """Return a log that is read from top to bottom; `level` colours its lines."""
    options: Json = {
        "showTime": True,
        "showLabels": False,
        "showCommonLabels": False,
        "wrapLogMessage": True,
        "prettifyLogMessage": False,
        "enableLogDetails": True,
        "dedupStrategy": "none",
        "sortOrder": "Ascending",
    }
    return _panel("logs", title, description, query, _defaults(look.TEXT, no_value, links), overrides, options)


def traces(title: str, description: str, query: Json | Sequence[Json], *, no_value: str = NOTHING) -> Json:
    """Return a waterfall."""
    return _panel("traces", title, description, query, _defaults(look.TEXT, no_value), [], {})


def _defaults(
    unit: str, no_value: str, links: Sequence[Json] = (), mappings: Sequence[Json] = (), decimals: int | None = None
) -> Json:
    defaults: Json = {"unit": unit, "noValue": no_value, "links": list(links), "mappings": list(mappings)}
    return defaults if decimals is None else defaults | {"decimals": decimals}


def _hidden(query: Json | Sequence[Json], *fields: str) -> list[Json]:
    asked = str(query)
    return look.hidden(*(field for field in LINK_FIELDS if field in asked), *fields)


def _panel(
    kind: str,
    title: str,
    description: str,
    query: Json | Sequence[Json],
    defaults: Json,
    overrides: Sequence[Json],
    options: Json,
) -> Json:
    targets = [query] if isinstance(query, dict) else list(query)
    return {
        "type": kind,
        "title": title,
        "description": " ".join(description.split()),
        "datasource": targets[0]["datasource"] if targets else NUMBERS,
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options,
    }
