"""Each type of panel, drawn from frames of a known content: the figures stand in it, and nothing of the data is markup."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from argus_otel.grafana.dashboards import Panel
from argus_otel.grafana.macros import TimeRange
from argus_otel.grafana.preview.drawing import Drawing
from argus_otel.grafana.preview.fields import Frame
from argus_otel.grafana.preview.panels import draw

if TYPE_CHECKING:
    from collections.abc import Mapping

HOSTILE = "<script>alert('x')</script>&\"quoted\""
ESCAPED = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&#34;quoted&#34;"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LINK = {"title": "Open", "url": "/d/argus-session?var-session=${__data.fields.session_id}"}


def drawn(
    kind: str, rows: list[dict[str, Any]], *, options: Mapping[str, Any] | None = None, words: str = "", **config: Any
) -> str:
    panel = Panel(
        {"type": kind, "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}, "options": options or {}, "fieldConfig": config}
    )

    def href(link: Mapping[str, Any], frame: Frame, column: str, row: int) -> str:
        return f"#{frame.row(row)['session_id']}" if "session_id" in frame.names else ""

    noon_ms = round(NOON.timestamp() * 1000)
    time_range = TimeRange(noon_ms - 3_600_000, noon_ms + 3_600_000)
    inside = str(draw(Drawing(panel, [Frame.of(rows)], time_range, words, href)))
    ElementTree.fromstring(f"<div>{inside}</div>")  # well-formed whatever is in it
    return inside


def test_a_stat_shows_the_last_row_with_its_unit() -> None:
    inside = drawn("stat", [{"cost": 1.0}, {"cost": 0.5}], defaults={"unit": "currencyUSD"})
    assert "$0.50" in inside
    assert "$1.00" not in inside


def test_a_stat_names_its_figures_when_there_are_several() -> None:
    inside = drawn("stat", [{"cost": 1.0, "sessions": 3}], overrides=[override("cost", unit="currencyUSD")])
    assert all(word in inside for word in ("cost", "$1.00", "sessions", ">3<"))


def test_what_was_never_sent_says_so() -> None:
    mappings = [{"type": "special", "options": {"match": "null", "result": {"text": "not sent"}}}]
    assert "not sent" in drawn("stat", [{"commits": None}], defaults={"mappings": mappings})


def test_an_empty_panel_says_what_that_means() -> None:
    assert "no session in this range" in drawn("table", [], defaults={"noValue": "no session in this range"})


def test_a_series_for_each_name_with_its_own_colour() -> None:
    rows = [{"time": NOON, "model": model, "cost": cost} for model, cost in (("opus", 3.0), ("haiku", 1.0))]
    inside = drawn(
        "timeseries",
        rows,
        defaults={"unit": "currencyUSD", "custom": {"drawStyle": "bars", "stacking": {"mode": "normal"}}},
        overrides=[override("opus", color={"mode": "fixed", "fixedColor": "#0A0B0C"})],
    )
    assert 'fill="#0A0B0C"' in inside
    assert "opus: $3.00 at 2026-11-24 12:00" in inside
    assert "haiku: $1.00 at 2026-11-24 12:00" in inside


def test_stacked_bars_stand_on_each_other() -> None:
    rows = [{"time": NOON, "model": model, "cost": 2.0} for model in ("a", "b")]
    inside = drawn("timeseries", rows, defaults={"custom": {"drawStyle": "bars", "stacking": {"mode": "normal"}}})
    first, second = (
        rectangle.attrib
        for rectangle in ElementTree.fromstring(f"<div>{inside}</div>").iter()
        if rectangle.tag == "rect"
    )
    assert float(second["y"]) + float(second["height"]) == pytest.approx(float(first["y"]), abs=0.2)
    assert float(first["height"]) == pytest.approx(float(second["height"]), abs=0.2)


def test_the_longest_bar_is_the_largest_figure() -> None:
    rows = [{"team": "payments", "cost": 4.0}, {"team": "search", "cost": 1.0}]
    inside = drawn("bargauge", rows, options={"reduceOptions": {"values": True}}, defaults={"unit": "currencyUSD"})
    widths = [float(each.attrib["width"]) for each in ElementTree.fromstring(f"<div>{inside}</div>").iter("rect")]
    assert widths[0] == pytest.approx(4 * widths[1], rel=0.01)
    assert "payments" in inside
    assert "$4.00" in inside


def test_a_table_hides_what_only_links_read_and_links_its_rows() -> None:
    rows = [{"session_id": "abc", "cost": 2.0, "from_ms": "1"}]
    inside = drawn(
        "table", rows, defaults={"links": [LINK]}, overrides=[override("from_ms", **{"custom.hidden": True})]
    )
    assert '<a href="#abc">' in inside
    assert "from_ms" not in inside


def test_a_cell_is_coloured_by_its_word() -> None:
    mappings = [{"type": "value", "options": {"failed": {"color": "#010203", "index": 0}}}]
    inside = drawn("table", [{"outcome": "failed"}], overrides=[override("outcome", mappings=mappings)])
    assert "color:#010203" in inside


def test_a_log_reads_from_top_to_bottom_with_its_labels() -> None:
    rows = [
        {"timestamp": NOON, "body": "run it\nagain", "level": "info", "role": "user"},
        {"timestamp": NOON, "body": "it failed", "level": "error", "role": "tool_result"},
    ]
    inside = drawn("logs", rows, options={"sortOrder": "Ascending", "showLabels": True})
    assert inside.index("run it\nagain") < inside.index("it failed")
    assert "tool_result" in inside
    newest_first = drawn("logs", rows, options={"sortOrder": "Descending"})
    assert newest_first.index("it failed") < newest_first.index("run it")


def test_a_waterfall_puts_children_below_their_parent() -> None:
    def span(span_id: str, parent: str, at_ms: int, status: int = 0) -> dict[str, Any]:
        return {
            "spanID": span_id, "parentSpanID": parent, "startTime": at_ms, "duration": 100,
            "operationName": f"operation {span_id}", "serviceName": "session", "statusCode": status,
        }  # fmt: skip

    inside = drawn("traces", [span("child", "root", 50, 2), span("root", "", 0), span("late", "gone", 120)])
    assert inside.index("operation root") < inside.index("operation child") < inside.index("operation late")
    assert "#F2495C" in inside


def test_words_with_markdown_but_without_html() -> None:
    inside = drawn("text", [], words=f"**bold** {HOSTILE}")
    assert "<strong>bold</strong>" in inside
    assert "<script>" not in inside


def test_a_type_that_is_not_drawn_says_so() -> None:
    assert "nodeGraph" in drawn("nodeGraph", [{"id": 1}])


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("table", {"prompt": HOSTILE}),
        ("logs", {"timestamp": NOON, "body": HOSTILE, "level": HOSTILE, "label": HOSTILE}),
        ("stat", {"prompt": HOSTILE}),
        ("bargauge", {"team": HOSTILE, "cost": 1.0}),
        ("barchart", {"team": HOSTILE, "cost": 1.0}),
        ("piechart", {"team": HOSTILE, "cost": 1.0}),
        ("timeseries", {"time": NOON, "team": HOSTILE, "cost": 1.0}),
        (
            "traces",
            {"spanID": HOSTILE, "parentSpanID": "", "startTime": 0, "duration": 1, "operationName": HOSTILE,
             "serviceName": HOSTILE, "statusCode": 0},
        ),
    ],
)  # fmt: skip
def test_nothing_from_the_data_is_markup(kind: str, row: dict[str, Any]) -> None:
    inside = drawn(
        kind, [row], options={"reduceOptions": {"values": kind != "stat", "fields": "/.*/" if kind == "stat" else ""}}
    )
    assert "<script>" not in inside
    assert ESCAPED[:20] in inside


def override(name: str, **properties: Any) -> dict[str, Any]:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }
