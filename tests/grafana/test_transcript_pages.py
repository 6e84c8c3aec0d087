"""A transcript of more than 5,000 entries, on a service of its own: its pages together are all of it, each entry once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from asking import ask
from native import T0_NS, content
from services import serving

from argus_otel.envelope import Signal
from argus_otel.grafana.dashboards import load
from argus_otel.grafana.macros import TimeRange
from argus_otel.grafana.variables import Choice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services import Service

CALLS, PROMPTS = 6_000, 5_001
"""The first prompt has all the calls: entries 1 to 6,001 are its turn, 6,002 to 11,001 are one prompt each."""
PAGE_ROWS = 5_000
BEGIN_MS = T0_NS // 10**6
RANGE = TimeRange(BEGIN_MS - 1000, BEGIN_MS + 3_600_000)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("long") / "data") as running:
        running.send(Signal.TRACES, b"".join(_spans()))  # messages behind each other are one
        running.wait_until_loaded(240)
        yield running


def _spans() -> Iterator[bytes]:
    for nth in range(CALLS):
        call = {"prompt.id": "p1", "gen_ai.tool.name": "Bash", "gen_ai.tool.call.id": f"t{nth}"}
        yield content("tool_call", call, at_s=1 + nth / 1000, span_id=1 + nth)[1]
    for nth in range(PROMPTS):
        at_s = 0 if nth == 0 else 100 + nth / 1000
        yield content("user_prompt", {"prompt.id": f"p{nth + 1}"}, at_s=at_s, span_id=1 + CALLS + nth)[1]


def entries(service: Service, title: str, page: int = 1, turn: str = "") -> list[dict[str, Any]]:
    """Return what a panel shows once page and turn are chosen."""
    dashboard = load("argus-session")
    [panel] = [panel for panel in dashboard.panels if panel.title == title]
    chosen = {"workspace": "default", "session": "s1", "page": str(page), "turn": turn}
    scope = dashboard.scope(RANGE, 60_000).choose(*(Choice(name, text) for name, text in chosen.items()))
    return ask(service, scope.statement(panel.targets[0].sql)).rows


@pytest.mark.parametrize(
    ("turn", "count"), [pytest.param("", CALLS + PROMPTS, id="the session"), pytest.param("p1", CALLS + 1, id="a turn")]
)
def test_the_pages_together_are_all_of_it(long: Service, turn: str, count: int) -> None:
    page_count = -(-count // PAGE_ROWS)
    pages = [entries(long, "Transcript", page, turn) for page in range(1, page_count + 2)]
    assert [len(page) for page in pages] == [*[PAGE_ROWS] * (page_count - 1), count % PAGE_ROWS, 0]
    assert [int(entry["entry"]) for page in pages for entry in page] == list(range(1, count + 1))
    for number, page in enumerate(pages[:-2], 1):
        goes_on = f"[entry {number * PAGE_ROWS} of {count}: page {number + 1} goes on]"
        assert [goes_on in entry["body"] for entry in page] == [False] * (PAGE_ROWS - 1) + [True]
    assert "goes on]" not in pages[-2][-1]["body"]


def test_the_order_survives_a_log_that_is_sorted_by_time(long: Service) -> None:
    """As the logs panel sorts it."""
    page = entries(long, "Transcript", 2)
    assert page == sorted(page, key=lambda entry: entry["timestamp"])


def test_the_list_of_pages_leads_to_each(long: Service) -> None:
    listed = entries(long, "Pages of the transcript")
    assert [(row["page"], row["entries"]) for row in listed] == [(1, PAGE_ROWS), (2, PAGE_ROWS), (3, 1001)]
    assert [(row["this_turn"], row["page_text"]) for row in listed] == [("", "1"), ("", "2"), ("", "3")]
    of_turn = entries(long, "Pages of the transcript", turn="p1")
    assert [(row["page"], row["entries"]) for row in of_turn] == [(1, PAGE_ROWS), (2, 1001)]
    assert {row["this_turn"] for row in of_turn} == {"p1"}
