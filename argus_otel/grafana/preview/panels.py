"""
A panel and the frames of its queries -> HTML, per type of panel, in the manner of Grafana's.

What a type is drawn with stands in `_DRAW`; a type that is not there says so in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markupsafe import Markup

from argus_otel.grafana.preview import over_time, rows, single
from argus_otel.grafana.preview.drawing import note

if TYPE_CHECKING:
    from collections.abc import Callable

    from argus_otel.grafana.preview.drawing import Drawing

_MARKDOWN = MarkdownIt("commonmark", {"html": False})


def draw(drawing: Drawing) -> Markup:
    """Return the inside of the panel's box."""
    kind = drawing.panel.kind
    if kind not in _DRAW:
        return note(f"A panel of the type “{kind}” is not drawn here.")
    if kind != "text" and drawing.is_empty:
        defaults = drawing.panel.json.get("fieldConfig", {}).get("defaults", {})
        return note(str(defaults.get("noValue") or "No data"))
    return _DRAW[kind](drawing)


def _text(drawing: Drawing) -> Markup:
    # HTML in it stays text, so what the renderer gives is safe.
    return Markup('<div class="prose">{}</div>').format(Markup(_MARKDOWN.render(drawing.words)))  # noqa: S704 - see above


_DRAW: dict[str, Callable[[Drawing], Markup]] = {
    "text": _text,
    "stat": single.stat,
    "gauge": single.stat,
    "bargauge": single.bar_gauge,
    "barchart": single.bar_chart,
    "piechart": single.pie,
    "timeseries": over_time.timeseries,
    "table": rows.table,
    "logs": rows.logs,
    "traces": rows.traces,
}
