"""
Rows -> a table, a log, a waterfall.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from argus_otel.grafana.preview.drawing import ROWS_MAX, anchor, more_rows
from argus_otel.grafana.preview.values import PALETTE, css_colour, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from argus_otel.grafana.preview.drawing import Drawing
    from argus_otel.grafana.preview.fields import Field, Frame

_SPANS_MAX = 300
_LEVEL_COLOURS = {
    "critical": "#B877D9", "fatal": "#B877D9", "error": "#F2495C", "warning": "#FF9830", "warn": "#FF9830",
    "info": "#73BF69", "debug": "#5794F2", "trace": "#6ED0E0",
}  # fmt: skip
_FAILED = 2
"""The status of a span that failed, in the traces panel's own numbers."""
_UNSHOWN_LABELS = ("id", "traceid")


def table(drawing: Drawing) -> Markup:
    frame = drawing.first_frame
    fields = {name: drawing.field(frame, name) for name in frame.names}
    shown = {name: each for name, each in fields.items() if not each.is_hidden}
    head = Markup().join(
        Markup('<th class="{}">{}</th>').format(frame.kinds[name], each.title) for name, each in shown.items()
    )
    body = [
        Markup("<tr>{}</tr>").format(
            Markup().join(_cell(drawing, frame, each, name, row) for name, each in shown.items())
        )
        for row in range(min(frame.row_count, ROWS_MAX))
    ]
    return Markup('<div class="scroll"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>{}</div>').format(
        head, Markup().join(body), more_rows(frame.row_count)
    )


def logs(drawing: Drawing) -> Markup:
    frame = drawing.first_frame
    order = list(range(frame.row_count))
    if drawing.options.get("sortOrder") != "Ascending":
        order.reverse()
    with_labels = bool(drawing.options.get("showLabels"))
    lines = Markup().join(_log_line(frame, row, with_labels=with_labels) for row in order[:ROWS_MAX])
    return Markup('<div class="scroll"><ol class="logs">{}</ol>{}</div>').format(lines, more_rows(frame.row_count))


def traces(drawing: Drawing) -> Markup:
    frame = drawing.first_frame
    rows = (frame.row(index) for index in range(frame.row_count))
    spans = sorted(rows, key=lambda span: float(span["startTime"]))[:_SPANS_MAX]
    began_ms = float(spans[0]["startTime"])
    total_ms = max(float(span["startTime"]) + float(span["duration"]) for span in spans) - began_ms or 1.0
    lines = Markup().join(_span_line(depth, span, began_ms, total_ms) for depth, span in _nested(spans))
    return Markup('<div class="scroll"><ol class="spans">{}</ol></div>').format(lines)


def _cell(drawing: Drawing, frame: Frame, shown: Field, name: str, row: int) -> Markup:
    told = shown.show(frame.columns[name][row])
    is_filled = shown.custom("cellOptions", {}).get("type") == "color-background"
    styles = [f"background:{told.colour};color:#111" if is_filled else f"color:{told.colour}"] if told.colour else []
    if width_px := shown.custom("width", None):
        styles.append(f"max-width:{width_px}px")
    return Markup('<td class="{}"{}>{}</td>').format(
        frame.kinds[name],
        Markup(' style="{}"').format(";".join(styles)) if styles else "",
        anchor(told.text, drawing.first_href(shown, frame, name, row)),
    )


def _log_line(frame: Frame, row: int, *, with_labels: bool) -> Markup:
    """The columns' order is the panel's own: time, body, level, then labels."""
    time, body, level, *labels = (frame.columns[name][row] for name in frame.names)
    names = frame.names[3:]
    said = [
        Markup("<em>{}</em>").format(text_of(value))
        for name, value in zip(names, labels, strict=True)
        if with_labels and value not in (None, "", 0) and name.lower() not in _UNSHOWN_LABELS
    ]
    return Markup('<li style="border-color:{}"><time>{}</time><span class="labels">{}</span><pre>{}</pre></li>').format(
        _LEVEL_COLOURS.get(str(level).lower(), "#8E8E93"), _clock(time), Markup().join(said), text_of(body)
    )


def _span_line(depth: int, span: Mapping[str, Any], began_ms: float, total_ms: float) -> Markup:
    left = (float(span["startTime"]) - began_ms) / total_ms * 100
    share = min(max(float(span["duration"]) / total_ms * 100, 0.2), 100 - left)
    colour = "red" if span.get("statusCode") == _FAILED else PALETTE[depth % len(PALETTE)]
    return Markup(
        '<li><span style="padding-left:{}px">{} <small>{}</small></span>'
        '<div><i style="left:{:.2f}%;width:{:.2f}%;background:{}" title="{}"></i></div></li>'
    ).format(
        depth * 14,
        span["operationName"],
        span["serviceName"],
        left,
        share,
        css_colour(colour),
        text_of(span["duration"], "ms"),
    )


def _nested(spans: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield (depth, span), each below its parent; a span whose parent is not there stands at the top."""
    known = {span["spanID"] for span in spans}
    children: dict[str, list[Mapping[str, Any]]] = {}
    for span in spans:
        parent = span["parentSpanID"] if span["parentSpanID"] in known else ""
        children.setdefault(parent, []).append(span)
    waiting = [(0, span) for span in reversed(children.get("", ()))]
    while waiting:
        depth, span = waiting.pop()
        yield depth, span
        waiting += [(depth + 1, child) for child in reversed(children.get(span["spanID"], ()))]


def _clock(at: Any) -> str:
    return at.strftime("%m-%d %H:%M:%S") if isinstance(at, datetime) else str(at)
