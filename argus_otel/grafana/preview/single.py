"""
Single figures -> numbers, bars and rings: a column's last value, or one of each row where the panel says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from argus_otel.grafana.preview import charts
from argus_otel.grafana.preview.drawing import anchor, legend
from argus_otel.grafana.preview.values import PALETTE, css_colour, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from argus_otel.grafana.preview.drawing import Drawing
    from argus_otel.grafana.preview.fields import Field, Frame

_LEGEND_PX = 26
_RING_PX_MIN = 60


@dataclass(frozen=True, slots=True)
class _Figure:
    title: str
    text: str
    colour: str
    url: str
    value: float


def stat(drawing: Drawing) -> Markup:
    figures = list(_figures(drawing))
    is_named = len(figures) > 1 or drawing.options.get("textMode") == "value_and_name"
    boxes = [
        Markup('<div class="reading {}">{}<b style="color:{}">{}</b></div>').format(
            "large" if len(figures) == 1 else "first" if index == 0 else "small",
            Markup("<span>{}</span>").format(figure.title) if is_named else "",
            figure.colour or css_colour("text"),
            anchor(figure.text, figure.url),
        )
        for index, figure in enumerate(figures)
    ]
    is_beside = drawing.options.get("orientation") != "horizontal"
    return Markup('<div class="stats{}">{}</div>').format(" beside" if is_beside else "", Markup().join(boxes))


def bar_gauge(drawing: Drawing) -> Markup:
    bars = [
        charts.Bar(
            figure.title, [(figure.value, figure.colour, f"{figure.title}: {figure.text}")], figure.url, figure.text
        )
        for figure in _coloured(drawing)
    ]
    return Markup('<div class="chart scroll">{}</div>').format(
        charts.bar_chart(bars, drawing.width_px, drawing.height_px)
    )


def pie(drawing: Drawing) -> Markup:
    figures = list(_coloured(drawing))
    slices = [(f"{figure.title}: {figure.text}", figure.value, figure.colour, figure.url) for figure in figures]
    size = max(min(drawing.height_px, drawing.width_px // 2), _RING_PX_MIN)
    told = legend([(f"{figure.title}  {figure.text}", figure.colour) for figure in figures])
    return Markup('<div class="chart beside">{}{}</div>').format(charts.donut(slices, size), told)


def bar_chart(drawing: Drawing) -> Markup:
    frame = drawing.first_frame
    wanted = drawing.options.get("xField")
    label = wanted if wanted in frame.columns else next(iter([*frame.of_kind("string"), *frame.names]))
    fields = {name: drawing.field(frame, name) for name in frame.of_kind("number") if name != label}
    fields = {name: shown for name, shown in fields.items() if not shown.is_hidden}
    colours = {
        name: shown.colour or css_colour(PALETTE[index % len(PALETTE)])
        for index, (name, shown) in enumerate(fields.items())
    }
    first, shown = next(iter(fields.items()))
    is_stacked = drawing.options.get("stacking") == "normal"
    bars: list[charts.Bar] = []
    for row in range(frame.row_count):
        parts = [
            (
                _length(frame.columns[name][row]),
                colours[name],
                f"{each.title}: {each.show(frame.columns[name][row]).text}",
            )
            for name, each in fields.items()
        ]
        if not is_stacked:
            bars += _beside(drawing, frame, label, row, fields, parts)
            continue
        total = text_of(sum(value for value, _, _ in parts), shown.unit, shown.settings.get("decimals"))
        url = drawing.first_href(shown, frame, first, row)
        bars.append(charts.Bar(text_of(frame.columns[label][row]), parts, url, total))
    told = legend([(each.title, colours[name]) for name, each in fields.items()]) if len(fields) > 1 else ""
    chart = charts.bar_chart(bars, drawing.width_px, drawing.height_px - _LEGEND_PX)
    return Markup('<div class="chart scroll">{}{}</div>').format(chart, told)


def _beside(
    drawing: Drawing,
    frame: Frame,
    label: str,
    row: int,
    fields: Mapping[str, Field],
    parts: Sequence[tuple[float, str, str]],
) -> Iterator[charts.Bar]:
    """Yield a row's figures as a bar each, the first with the row's name."""
    for index, (part, (name, shown)) in enumerate(zip(parts, fields.items(), strict=True)):
        text = shown.show(frame.columns[name][row]).text
        named = text_of(frame.columns[label][row]) if index == 0 else ""
        yield charts.Bar(named, [part], drawing.first_href(shown, frame, name, row), text)


def _length(value: float | None) -> float:
    return float(value) if value is not None and math.isfinite(value) else 0.0


def _coloured(drawing: Drawing) -> Iterator[_Figure]:
    """Yield each figure with a colour, from the palette if it has none."""
    for index, figure in enumerate(_figures(drawing)):
        colour = figure.colour or css_colour(PALETTE[index % len(PALETTE)])
        yield _Figure(figure.title, figure.text, colour, figure.url, figure.value)


def _figures(drawing: Drawing) -> Iterator[_Figure]:
    options = drawing.options.get("reduceOptions", {})
    for frame in drawing.frames:
        if not frame.row_count:
            continue
        names = _reduced(frame, str(options.get("fields", "")))
        for row in range(frame.row_count) if options.get("values") else [frame.row_count - 1]:
            label = _name_of(drawing, frame, row) if options.get("values") else ""
            yield from _figures_of(drawing, frame, names, row, label)


def _name_of(drawing: Drawing, frame: Frame, row: int) -> str:
    """Return the words that name a row's figure, as its column shows them: the first that is not hidden."""
    named = ((name, drawing.field(frame, name)) for name in frame.of_kind("string"))
    return next((shown.show(frame.columns[name][row]).text for name, shown in named if not shown.is_hidden), "")


def _reduced(frame: Frame, wanted: str) -> list[str]:
    """Return the columns that a panel reduces: the figures, or all where it says `/.*/` or there are none."""
    figures = [name for name in frame.names if frame.kinds[name] in ("number", "boolean", "other")]
    return [name for name in frame.names if frame.kinds[name] != "time"] if "/.*/" in wanted or not figures else figures


def _figures_of(drawing: Drawing, frame: Frame, names: list[str], row: int, label: str) -> Iterator[_Figure]:
    for name in names:
        shown = drawing.field(frame, name, label or None)
        if shown.is_hidden:
            continue
        value = frame.columns[name][row]
        told = shown.show(value)
        figure = _length(value) if isinstance(value, int | float) else 0.0
        url = drawing.first_href(shown, frame, name, row)
        yield _Figure(shown.title, told.text, told.colour or shown.colour, url, figure)
