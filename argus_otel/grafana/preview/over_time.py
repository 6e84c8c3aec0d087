"""
Figures over time -> a chart: one series per column of figures, or per combination of words beside them.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from argus_otel.grafana.preview import charts
from argus_otel.grafana.preview.drawing import legend
from argus_otel.grafana.preview.values import PALETTE, css_colour, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from argus_otel.grafana.preview.drawing import Drawing
    from argus_otel.grafana.preview.fields import Field, Frame

_LEGEND_PX, _LEGEND_WIDTH_PX = 26, 190


def timeseries(drawing: Drawing) -> Markup:
    is_beside = drawing.options.get("legend", {}).get("placement") == "right"
    series = list(_all_series(drawing))
    width = drawing.width_px - (_LEGEND_WIDTH_PX if is_beside else 0)
    height = drawing.height_px - (0 if is_beside else _LEGEND_PX)
    chart = charts.time_chart(series, drawing.time_range.from_ms, drawing.time_range.to_ms, width, max(height, 60))
    told = legend([(each.title, each.colour) for each in series])
    return Markup('<div class="chart{}">{}{}</div>').format(" beside" if is_beside else "", chart, told)


def _all_series(drawing: Drawing) -> Iterator[charts.Series]:
    used = 0
    for frame in drawing.frames:
        if not frame.of_kind("time"):
            continue
        for label, number, rows in _split(frame):
            name = f"{number} {label}" if label and len(frame.of_kind("number")) > 1 else label or number
            shown = drawing.field(frame, number, name)
            if not shown.is_hidden:
                yield _series(drawing, frame, shown, number, name, rows, PALETTE[used % len(PALETTE)])
                used += not shown.colour


def _split(frame: Frame) -> Iterator[tuple[str, str, list[int]]]:
    """Yield (words, column of figures, rows) of each series, in the order in which they appear."""
    labels, numbers = frame.of_kind("string"), frame.of_kind("number")
    rows_of: dict[str, list[int]] = {}
    for row in range(frame.row_count):
        label = " ".join(str(frame.columns[name][row]) for name in labels)
        rows_of.setdefault(label, []).append(row)
    for label, rows in rows_of.items():
        for number in numbers:
            yield label, number, rows


def _series(
    drawing: Drawing, frame: Frame, shown: Field, number: str, name: str, rows: Sequence[int], otherwise: str
) -> charts.Series:
    times, values = frame.columns[frame.of_kind("time")[0]], frame.columns[number]
    points = [
        charts.Point(_ms(times[row]), _finite(values[row]), drawing.first_href(shown, frame, number, row))
        for row in rows
    ]

    def text(value: float) -> str:
        return text_of(value, shown.unit, shown.settings.get("decimals"))

    is_named_by_label = "${__field.labels" in shown.title
    return charts.Series(
        name if is_named_by_label else shown.title,
        shown.colour or css_colour(otherwise),
        sorted(points, key=lambda point: point.at_ms),
        style=str(shown.custom("drawStyle", "line")),
        is_stacked=shown.custom("stacking", {}).get("mode", "none") == "normal",
        fill_share=float(shown.custom("fillOpacity", 0)) / 100,
        text=text,
        width_px=float(shown.custom("lineWidth", 1)),
    )


def _finite(value: float | None) -> float | None:
    """A share of nothing is a gap."""
    return value if value is not None and math.isfinite(value) else None


def _ms(at: Any) -> float:
    if isinstance(at, datetime):
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000
    return float(at)
