"""
What a thing looks like, wherever it is shown: its colour, its unit, its words.

Colours are names of Grafana's palette, so that they fit the light theme and the dark one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from builder import Json

# Units, as Grafana names them.
USD, COUNT, SHARE, TEXT = "currencyUSD", "short", "percentunit", "string"
MILLISECONDS, SECONDS, BYTES, TIME = "ms", "s", "bytes", "dateTimeAsIso"
TIMES = "suffix:x"
RECORDS_PER_SECOND = "suffix: records/s"

# One colour for one kind of figure.
COST, SESSIONS, USERS, CALLS = "blue", "purple", "dark-purple", "light-blue"
GOOD, NEUTRAL, WARNING, BAD, QUIET = "green", "text", "orange", "red", "gray"

TOKENS = {
    "input": "blue",
    "output": "orange",
    "cache read": "green",
    "cache creation": "yellow",
}
MODELS = {"opus": "purple", "sonnet": "blue", "haiku": "green"}
"""By what the model's name contains."""

OUTCOMES = {
    "failed": "red",
    "struggling": "orange",
    "rejected": "yellow",
    "delivered": "green",
    "edited": "light-green",
    "answered": "blue",
    "empty": "gray",
}
COVERAGE = {"both": "green", "native": "blue", "hook": "purple"}
SEVERITIES = {"page": "red", "ticket": "orange", "high": "red", "medium": "orange", "low": "yellow"}
SURFACES = {
    "claude-code": "blue",
    "agent-sdk": "orange",
    "cowork": "purple",
    "desktop": "green",
    "other": "gray",
}
DECISIONS = {"accept": "green", "reject": "red"}
ROLES = {
    "user": "blue",
    "assistant": "green",
    "tool_call": "yellow",
    "tool_result": "light-yellow",
    "subagent": "purple",
}

NOT_SENT: Json = {
    "type": "special",
    "options": {"match": "null", "result": {"text": "not sent", "color": QUIET, "index": 99}},
}
"""A figure that the surface never sends is NULL, and must not look like none."""


def fixed(colour: str) -> Json:
    """Return the colour setting of a field that has one colour."""
    return {"mode": "fixed", "fixedColor": colour}


def steps(first: str, *limits: tuple[float, str]) -> Json:
    """Return thresholds: the first colour from the bottom, each other one from its limit on."""
    return {
        "mode": "absolute",
        "steps": [{"color": first, "value": None}, *({"color": colour, "value": limit} for limit, colour in limits)],
    }


def mapping(colours: Mapping[str, str]) -> Json:
    """Return the value mapping that colours a cell by its word."""
    return {
        "type": "value",
        "options": {word: {"color": colour, "index": index} for index, (word, colour) in enumerate(colours.items())},
    }


def words(texts: Mapping[str, str]) -> Json:
    """Return the value mapping that shows other words: `{"": "(none)"}`."""
    return {
        "type": "value",
        "options": {word: {"text": text, "index": index} for index, (word, text) in enumerate(texts.items())},
    }


def named(colours: Mapping[str, str]) -> list[Json]:
    """Return the overrides that give each series its colour, by its exact name."""
    return [override(name, color=fixed(colour)) for name, colour in colours.items()]


def matching(colours: Mapping[str, str]) -> list[Json]:
    """Return the overrides that give each series its colour, by what its name contains."""
    return [_override("byRegexp", f"/{part}/", {"color": fixed(colour)}) for part, colour in colours.items()]


def override(field: str, **properties: Any) -> Json:
    """Return the override of one field by its name; `custom__width=80` sets `custom.width`."""
    return _override("byName", field, {name.replace("__", "."): value for name, value in properties.items()})


def hidden(*fields: str) -> list[Json]:
    """Return the overrides of fields that only links read."""
    everywhere = {"viz": True, "legend": True, "tooltip": True}
    return [override(field, custom__hidden=True, custom__hideFrom=everywhere) for field in fields]


def column(
    field: str,
    unit: str = TEXT,
    *,
    name: str = "",
    width: int | None = None,
    colours: Mapping[str, str] | None = None,
    links: Sequence[Json] = (),
    gauge: bool = False,
    not_sent: bool = False,
    no_value: str = "",
    thresholds: Json | None = None,
) -> Json:
    """
    Return the override of a table's column.

    Args:
        field: as the statement names it.
        unit: one of this module's.
        name: the heading; by default the field with spaces.
        width: pixels; by default what is left.
        colours: word -> colour of the cell's text.
        links: what a click on the cell opens.
        gauge: draw the number as a bar too.
        not_sent: NULL means that it was never sent.
        no_value: what an empty cell says.
        thresholds: colour of the number, see `steps`.
    """
    properties: Json = {"displayName": name or field.replace("_", " "), "unit": unit}
    if width is not None:
        properties["custom.width"] = width
    if colours is not None:
        properties |= {"mappings": [mapping(colours)], "custom.cellOptions": {"type": "color-text"}}
    if not_sent:
        properties |= {"mappings": [NOT_SENT], "noValue": "not sent"}
    if no_value:
        properties |= {"mappings": [words({"": no_value})], "noValue": no_value}
    if thresholds is not None:
        properties |= {"thresholds": thresholds, "custom.cellOptions": {"type": "color-text"}}
    if gauge:
        properties |= {"custom.cellOptions": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}, "min": 0}
    if links:
        properties["links"] = list(links)
    return _override("byName", field, properties)


def _override(matcher: str, options: str, properties: Mapping[str, Any]) -> Json:
    return {
        "matcher": {"id": matcher, "options": options},
        "properties": [{"id": name, "value": value} for name, value in properties.items()],
    }
