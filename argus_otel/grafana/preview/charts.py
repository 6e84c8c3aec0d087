"""
Series, bars and slices -> SVG as text: simple, but with axes, units, stacks, colours and links as the panel has them.

Every word from data is escaped by `Markup.format`. Sizes are in CSS pixels; times in ms since the epoch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_RIGHT, _TOP, _BOTTOM = 12, 10, 22
_LETTER_PX = 6.5
_POINTS_MAX = 400
"""Of one series that are drawn with a title and a link each."""
_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000
_TICKS_MS = (
    *(_MINUTE_MS * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(_HOUR_MS * hours for hours in (1, 2, 3, 6, 12)),
    *(_DAY_MS * days for days in (1, 2, 7, 14, 30, 90)),
)


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a series; None is a gap. `url`: where a click leads."""

    at_ms: float
    value: float | None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one colour of bars."""

    title: str
    colour: str
    points: Sequence[Point]
    style: str = "line"
    is_stacked: bool = False
    fill_share: float = 0.1
    text: Callable[[float], str] = field(default=str)
    width_px: float = 1.5


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart by category, in parts of several colours."""

    label: str
    parts: Sequence[tuple[float, str, str]]
    """(value, colour, what it shows)"""
    url: str = ""
    text: str = ""

    @property
    def total(self) -> float:
        return sum(value for value, _, _ in self.parts)


def time_chart(series: Sequence[Series], from_ms: float, to_ms: float, width: int, height: int) -> Markup:
    """Return lines, bars and points over time; stacked series lie on one another."""
    tops = _stacked(series)
    highest = max((top for column in tops for _, top in column), default=0.0)
    lowest = min((min(bottom, top) for column in tops for bottom, top in column), default=0.0)
    text = series[0].text if series else str
    lowest = min(lowest, 0.0)
    ticks = {value: text(value) for value in _ticks(lowest, highest)}
    left = 12 + _LETTER_PX * max(map(len, ticks.values()))
    scale = _Scale(from_ms, to_ms, lowest, highest, left, width, height)
    drawn = [*_grid(scale, ticks)]
    for each, column in zip(series, tops, strict=True):
        drawn += _drawn(each, column, scale, _bar_width(series, scale))
    return _svg(width, height, drawn)


def bar_chart(bars: Sequence[Bar], width: int, height: int) -> Markup:
    """Return horizontal bars, each with its label and what it adds up to."""
    if not bars:
        return Markup()
    row = max(18.0, min(34.0, height / len(bars)))
    label_width = min(240, max(8 * max(len(bar.label) for bar in bars), 40), width * 0.38)
    room = width - label_width - 86
    longest = max((bar.total for bar in bars), default=0.0) or 1.0
    drawn: list[Markup] = []
    for index, bar in enumerate(bars):
        top, at = index * row, label_width + 6
        drawn.append(_linked(_label(bar.label, label_width, top + row / 2), bar.url))
        for value, colour, title in bar.parts:
            length = max(0.0, value / longest * room)
            drawn.append(_linked(_rectangle(at, top + 3, length, row - 6, colour, title), bar.url))
            at += length
        drawn.append(_words(at + 6, top + row / 2, bar.text, "start", "figure"))
    return _svg(width, int(row * len(bars)), drawn)


def donut(slices: Sequence[tuple[str, float, str, str]], size: int) -> Markup:
    """Return a ring of slices (title, value, colour, URL)."""
    total = sum(value for _, value, _, _ in slices) or 1.0
    radius, circumference, at = size / 2 - 14, 2 * math.pi * (size / 2 - 14), 0.0
    drawn = []
    for title, value, colour, url in slices:
        length = value / total * circumference
        ring = Markup(
            '<circle cx="{c}" cy="{c}" r="{r}" fill="none" stroke="{colour}" stroke-width="22" '
            'stroke-dasharray="{length} {rest}" stroke-dashoffset="{offset}" transform="rotate(-90 {c} {c})">'
            "<title>{title}</title></circle>"
        ).format(
            c=size / 2,
            r=_short(radius),
            colour=colour,
            length=_short(length),
            rest=_short(circumference - length),
            offset=_short(-at),
            title=title,
        )
        drawn.append(_linked(ring, url))
        at += length
    return _svg(size, size, drawn)


@dataclass(frozen=True, slots=True)
class _Scale:
    from_ms: float
    to_ms: float
    lowest: float
    highest: float
    left: float
    width: int
    height: int

    def x(self, at_ms: float) -> float:
        span = (self.to_ms - self.from_ms) or 1.0
        return self.left + (at_ms - self.from_ms) / span * (self.width - self.left - _RIGHT)

    def y(self, value: float) -> float:
        span = (self.highest - self.lowest) or 1.0
        return self.height - _BOTTOM - (value - self.lowest) / span * (self.height - _TOP - _BOTTOM)


def _stacked(series: Sequence[Series]) -> list[list[tuple[float, float]]]:
    """Return (bottom, top) of each point; those that stack begin where the ones before them end."""
    reached: dict[float, float] = {}
    columns = []
    for each in series:
        column = []
        for point in each.points:
            value = point.value or 0.0
            bottom = reached.get(point.at_ms, 0.0) if each.is_stacked else 0.0
            if each.is_stacked:
                reached[point.at_ms] = bottom + value
            column.append((bottom, bottom + value))
        columns.append(column)
    return columns


def _ticks(lowest: float, highest: float) -> list[float]:
    """Return round figures from the lowest to the highest, about five."""
    step = _nice((highest - lowest) / 4 or 1.0)
    first, last = math.ceil(lowest / step), math.floor(highest / step + 0.01)
    return [number * step for number in range(first, max(first, last) + 1)]


def _grid(scale: _Scale, ticks: Mapping[float, str]) -> Iterator[Markup]:
    for value, told in ticks.items():
        y = scale.y(value)
        yield _line(scale.left, y, scale.width - _RIGHT, y, "grid")
        yield _words(scale.left - 6, y, told, "end", "axis")
    span_ms = scale.to_ms - scale.from_ms
    tick_ms = next((tick for tick in _TICKS_MS if span_ms / tick <= max(2, scale.width / 90)), _TICKS_MS[-1])
    at_ms = math.ceil(scale.from_ms / tick_ms) * tick_ms
    while at_ms <= scale.to_ms:
        x = scale.x(at_ms)
        yield _line(x, _TOP, x, scale.height - _BOTTOM, "grid")
        form = "%m-%d" if tick_ms >= _DAY_MS else "%H:%M" if span_ms <= 2 * _DAY_MS else "%m-%d %H:%M"
        yield _words(x, scale.height - 8, datetime.fromtimestamp(at_ms / 1000, UTC).strftime(form), "middle", "axis")
        at_ms += tick_ms


def _drawn(series: Series, column: Sequence[tuple[float, float]], scale: _Scale, bar_width: float) -> Iterator[Markup]:
    placed = [
        (point, scale.x(point.at_ms), scale.y(bottom), scale.y(top))
        for point, (bottom, top) in zip(series.points, column, strict=True)
        if point.value is not None
    ]
    if series.style == "bars":
        for point, x, bottom, top in placed:
            bar = _rectangle(
                x - bar_width / 2, min(top, bottom), bar_width, abs(bottom - top), series.colour, _told(series, point)
            )
            yield _linked(bar, point.url)
        return
    if series.style == "line" and len(placed) > 1:
        if series.fill_share:
            edge = [(x, top) for _, x, _, top in placed] + [(x, bottom) for _, x, bottom, _ in reversed(placed)]
            yield Markup('<polygon points="{}" fill="{}" opacity="{}"/>').format(
                _corners(edge), series.colour, _short(series.fill_share)
            )
        corners = _corners([(x, top) for _, x, _, top in placed])
        yield Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="{}"/>').format(
            corners, series.colour, series.width_px
        )
    radius = 4.0 if series.style == "points" or len(placed) == 1 else 2.0
    for point, x, _, top in placed if len(placed) <= _POINTS_MAX else []:
        dot = Markup('<circle cx="{}" cy="{}" r="{}" fill="{}"><title>{}</title></circle>').format(
            _short(x), _short(top), radius, series.colour, _told(series, point)
        )
        yield _linked(dot, point.url)


def _bar_width(series: Sequence[Series], scale: _Scale) -> float:
    """Bars stand as close as their times."""
    times = sorted({point.at_ms for each in series if each.style == "bars" for point in each.points})
    gaps_ms = [later - earlier for earlier, later in pairwise(times)]
    if not gaps_ms:
        return 12.0
    return max(1.0, scale.x(scale.from_ms + min(gaps_ms)) - scale.left - 1.0)


def _told(series: Series, point: Point) -> str:
    at = datetime.fromtimestamp(point.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    return f"{series.title}: {series.text(point.value or 0.0)} at {at}"


def _nice(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= step)


def _svg(width: int, height: int, drawn: Sequence[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img">{drawn}</svg>').format(
        w=width, h=height, drawn=Markup().join(drawn)
    )


def _rectangle(x: float, y: float, width: float, height: float, colour: str, title: str) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="{}"><title>{}</title></rect>').format(
        _short(x), _short(y), _short(max(width, 0.5)), _short(max(height, 0.5)), colour, title
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(
        _short(x1), _short(y1), _short(x2), _short(y2), kind
    )


def _words(x: float, y: float, text: str, anchor: str, kind: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}" dominant-baseline="middle" class="{}">{}</text>').format(
        _short(x), _short(y), anchor, kind, text
    )


def _label(text: str, width: float, y: float) -> Markup:
    letters_max = int(width / 7)
    cut = text if len(text) <= letters_max else text[: letters_max - 1] + "…"
    return Markup("<g><title>{}</title>{}</g>").format(text, _words(width, y, cut, "end", "label"))


def _linked(drawn: Markup, url: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(url, drawn) if url else drawn


def _corners(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_short(x)},{_short(y)}" for x, y in points)


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
