"""
(data link, row) -> address, as Grafana resolves it when the value is clicked; and an address -> what it opens.

A link may name the value (`${__value.raw}`, `${__value.time}`), any column of its row (`${__data.fields.session_id}`,
`${__data.fields["session id"]}`), a series' labels (`${__field.labels.model}`), variables and the time range. A figure in
`${__data.fields.x}` comes out as the panel formats it, "1.8 Tri"; `${__data.fields.x.numeric}` does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from argus_otel.grafana.macros import TimeRange, interval_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argus_otel.grafana.variables import Scope

_DASHBOARD = "/d/"


@dataclass(frozen=True, slots=True)
class Address:
    """
    What a link opens.

    Attributes:
        uid: the dashboard's; empty if it leads elsewhere.
        variables: by name, without `var-`.
        time_range: None if the address names none, or one in words, as now-14d.
        parameters: everything after the question mark.
    """

    url: str
    uid: str
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    time_range: TimeRange | None = None
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def resolve(
    url: str, scope: Scope, row: Mapping[str, Any], column: str, labels: Mapping[str, str] | None = None
) -> str:
    """
    Return the address behind a value.

    Args:
        url: the link's, with variables.
        row: the whole row; times are datetime, UTC.
        column: the clicked value's.
        labels: of the series, for a link on a series.
    """
    named = {**_value(row, column), **_columns(row), **_field(column, labels or {})}
    known = {"__interval": interval_text(scope.interval_ms), "__interval_ms": str(scope.interval_ms)}
    return replace(scope, extra={**scope.extra, **known, **named}).interpolate(url.replace("\n", ""), "uriencode")


def parse(url: str) -> Address:
    """Read an address, absolute or below Grafana's root."""
    parts = urlsplit(url)
    parameters = {name: tuple(values) for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    _, found, rest = parts.path.partition(_DASHBOARD)
    return Address(
        url,
        rest.split("/")[0] if found else "",
        {name[4:]: values for name, values in parameters.items() if name.startswith("var-")},
        _time_range(parameters),
        parameters,
    )


def _time_range(parameters: Mapping[str, tuple[str, ...]]) -> TimeRange | None:
    """`from` and `to`, or `time` in the middle of `time.window`, all in milliseconds."""
    last = {name: values[-1] for name, values in parameters.items()}
    if last.get("from", "").isdigit() and last.get("to", "").isdigit():
        return TimeRange(int(last["from"]), int(last["to"]))
    if last.get("time", "").isdigit() and last.get("time.window", "").isdigit():
        middle_ms, window_ms = int(last["time"]), int(last["time.window"])
        return TimeRange(middle_ms - window_ms // 2, middle_ms + window_ms // 2)
    return None


def _value(row: Mapping[str, Any], column: str) -> dict[str, str]:
    value = row[column]
    times = [one for one in row.values() if isinstance(one, datetime)]
    return {
        "__value.raw": _text(value),
        "__value.text": _text(value),
        "__value.numeric": _text(value),
        "__value.time": _text(times[0]) if times else "",
        "__value": _text(value),
    }


def _columns(row: Mapping[str, Any]) -> dict[str, str]:
    named = {}
    for index, (name, value) in enumerate(row.items()):
        for path in (f".{name}", f'["{name}"]', f"['{name}']", f"[{index}]"):
            for kind in ("", ".text", ".numeric"):
                named[f"__data.fields{path}{kind}"] = _text(value)
    return named


def _field(column: str, labels: Mapping[str, str]) -> dict[str, str]:
    named = {f"__field.labels.{name}": value for name, value in labels.items()}
    quoted = {f'__field.labels["{name}"]': value for name, value in labels.items()}
    return {"__field.name": column, **named, **quoted}


def _text(value: Any) -> str:
    """NULL is nothing, a time its epoch milliseconds."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return str(round(moment.timestamp() * 1000))
    return str(value)
