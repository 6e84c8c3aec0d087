"""
(SQL, time range, interval) -> SQL as Grafana's ClickHouse plugin sends it: its macros, written out.

Two passes in two places. `conditional_all` is the frontend's and runs before variables are filled in; `expand` is the
backend's and runs last, in panels and in alerts. Both know parentheses and nothing of quotes or comments, as the originals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from argus_otel.errors import ArgusError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ALL = "$__all"
"""What a variable is set to when "All" is chosen."""


class MacroError(ArgusError):
    """A macro is used in a way the plugin refuses: an argument too few or too many, a parenthesis left open."""


@dataclass(frozen=True, slots=True)
class TimeRange:
    """What the time picker says, in epoch milliseconds; both ends belong to it."""

    from_ms: int
    to_ms: int

    def __post_init__(self) -> None:
        if self.from_ms > self.to_ms:
            raise MacroError(f"a time range ends before it begins: {self.from_ms} to {self.to_ms} ms")


def expand(sql: str, time_range: TimeRange, interval_ms: int = 60_000) -> str:
    """
    Return `sql` with the backend's macros written out; an unknown `$__name` stays, for the server to refuse.

    Args:
        interval_ms: what Grafana gives as `$__interval`: the range over the panel's points.

    Raises:
        MacroError: a macro has the wrong number of arguments or its parenthesis never closes.
    """
    query = _Query(time_range, interval_ms)
    # The longer name first, so that none is taken for the beginning of another.
    for name in sorted(_MACROS, key=len, reverse=True):
        for call in _calls(sql, name):
            sql = sql.replace(call.text, _MACROS[name](query, call.arguments))
    return sql


def conditional_all(sql: str, chosen: Mapping[str, str]) -> str:
    """
    Return `sql` with each `$__conditionalAll(condition, $name)` as its condition, or as 1=1 where nothing is to be narrowed.

    Args:
        chosen: per variable its value as text, before any format; several are joined by commas. `$__all` and the empty
            text narrow nothing; a name that is not there keeps the condition.
    """
    while (start := sql.rfind(_CONDITIONAL)) != -1:
        arguments, length = _arguments(sql[start + len(_CONDITIONAL) :])
        if length < 0 or len(arguments) != 2:
            return sql
        condition, variable = arguments
        if (named := _VARIABLE.search(variable)) and chosen.get(named[0]) in {"", ALL}:
            condition = "1=1"
        sql = sql[:start] + condition + sql[start + len(_CONDITIONAL) + length :]
    return sql


_CONDITIONAL = "$__conditionalAll"
_VARIABLE = re.compile(r"(?<=\$\{)\w+(?=\})|(?<=\$)\w+")


@dataclass(frozen=True, slots=True)
class _Query:
    range: TimeRange
    interval_ms: int

    @property
    def from_s(self) -> str:
        return f"toDateTime({self.range.from_ms // 1000})"

    @property
    def to_s(self) -> str:
        return f"toDateTime({self.range.to_ms // 1000})"

    @property
    def from_ms(self) -> str:
        return f"fromUnixTimestamp64Milli({self.range.from_ms})"

    @property
    def to_ms(self) -> str:
        return f"fromUnixTimestamp64Milli({self.range.to_ms})"

    @property
    def from_day(self) -> str:
        return f"toDate('{_day(self.range.from_ms)}')"

    @property
    def to_day(self) -> str:
        return f"toDate('{_day(self.range.to_ms)}')"


@dataclass(frozen=True, slots=True)
class _Call:
    text: str
    arguments: tuple[str, ...]


def _calls(sql: str, name: str) -> list[_Call]:
    calls = []
    for found in re.finditer(rf"\$__{name}\b", sql, re.ASCII):
        arguments, length = _arguments(sql[found.end() :])
        if length < 0:
            raise MacroError(f"$__{name} opens a parenthesis that never closes")
        calls.append(_Call(sql[found.start() : found.end() + length], arguments))
    return calls


def _arguments(rest: str) -> tuple[tuple[str, ...], int]:
    """Return the arguments at the very beginning of `rest` and their length with parentheses; length -1 if they never end."""
    if not rest.startswith("("):
        return (), 0
    arguments, depth, start = [], 0, 1
    for index, letter in enumerate(rest):
        if letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
        if depth == 0 or (depth == 1 and letter == ","):
            arguments.append(rest[start:index].strip())
            start = index + 1
        if depth == 0:
            return tuple(arguments), index + 1
    return (), -1


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%d")


def _between(column: str, first: str, last: str) -> str:
    return f"{column} >= {first} AND {column} <= {last}"


def _interval_s(query: _Query) -> int:
    return max(query.interval_ms // 1000, 1)


def _of(count: int, write: Callable[..., str]) -> Callable[[_Query, tuple[str, ...]], str]:
    def checked(query: _Query, arguments: tuple[str, ...]) -> str:
        if len(arguments) != count:
            raise MacroError(f"a macro wants {count} arguments and has {len(arguments)}: {arguments}")
        return write(query, *arguments)

    return checked


def _plain(write: Callable[[_Query], str]) -> Callable[[_Query, tuple[str, ...]], str]:
    return lambda query, _: write(query)


def _date_and_time(query: _Query, date: str, time: str) -> str:
    return f"({_between(date, query.from_day, query.to_day)}) AND ({_between(time, query.from_s, query.to_s)})"


def _time_group(query: _Query, column: str, width: str) -> str:
    del query
    return f"toStartOfInterval(toDateTime({column}), INTERVAL {_duration_s(width)} second)"


def _duration_s(text: str) -> int:
    """Read a duration as Go writes it: 90s, 5m, 1h30m. It knows no days."""
    parts = re.findall(r"(\d+)(h|m|s)", text)
    if "".join(number + unit for number, unit in parts) != text or not parts:
        raise MacroError(f"$__timeGroup takes hours, minutes and seconds, as 1h or 5m or 30s, not {text!r}")
    return sum(int(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in parts)


_MACROS: Mapping[str, Callable[[_Query, tuple[str, ...]], str]] = {
    "fromTime": _plain(lambda query: query.from_s),
    "toTime": _plain(lambda query: query.to_s),
    "fromTime_ms": _plain(lambda query: query.from_ms),
    "toTime_ms": _plain(lambda query: query.to_ms),
    "timeFilter": _of(1, lambda query, column: _between(column, query.from_s, query.to_s)),
    "timeFilter_ms": _of(1, lambda query, column: _between(column, query.from_ms, query.to_ms)),
    "timeFrom": _of(1, lambda query, column: f"{column} >= {query.from_s}"),
    "timeTo": _of(1, lambda query, column: f"{column} <= {query.to_s}"),
    "dateFilter": _of(1, lambda query, column: _between(column, query.from_day, query.to_day)),
    "dateTimeFilter": _of(2, _date_and_time),
    "dt": _of(2, _date_and_time),
    "timeInterval": _of(
        1, lambda query, column: f"toStartOfInterval(toDateTime({column}), INTERVAL {_interval_s(query)} second)"
    ),
    "timeInterval_ms": _of(
        1,
        lambda query, column: (
            f"toStartOfInterval(toDateTime64({column}, 3), INTERVAL {max(query.interval_ms, 1)} millisecond)"
        ),
    ),
    "timeGroup": _of(2, _time_group),
    "interval_s": _plain(lambda query: str(_interval_s(query))),
    "interval_ms": _plain(lambda query: str(query.interval_ms)),
    "interval": _plain(lambda query: interval_text(query.interval_ms)),
}


def interval_text(interval_ms: int) -> str:
    """Return an interval as Grafana writes it: 1d, 1h, 5m, 30s, 200ms."""
    for unit, unit_ms in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if interval_ms >= unit_ms and interval_ms % unit_ms == 0:
            return f"{interval_ms // unit_ms}{unit}"
    return f"{interval_ms}ms"


PANEL_MACROS = frozenset(_MACROS) - {"timeGroup", "timeFrom", "timeTo"}
"""Those that every supported release of the plugin writes out the same way."""
