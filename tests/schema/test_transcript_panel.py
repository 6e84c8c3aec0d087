"""The transcript of argus-session, by the dashboard's own statement: in order, paged, with what went wrong marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from native import T0_NS, api_request, content, log, prompt

from argus_otel.grafana.dashboards import load
from argus_otel.grafana.macros import TimeRange
from argus_otel.grafana.variables import Choice

if TYPE_CHECKING:
    from databases import Databases

PAGE_ROWS = 5_000
"""As issue 4 has it."""


def read(databases: Databases, **chosen: str) -> list[dict[str, Any]]:
    """Return the lines of session s1 that the panel shows."""
    dashboard = load("argus-session")
    scope = dashboard.scope(TimeRange(T0_NS // 1_000_000, T0_NS // 1_000_000 + 1)).choose(
        *(Choice(name, value) for name, value in {"session": "s1", **chosen}.items())
    )
    [target] = next(panel for panel in dashboard.panels if panel.title == "Transcript").targets
    return databases.store.rows(scope.statement(target.sql).replace("argus.", f"{databases.settings.argus_database}."))


@pytest.fixture
def tool_calls(databases: Databases) -> Databases:
    """One call of each end, and one whose input was cut."""
    call = {"gen_ai.tool.name": "Bash"}
    ended = {"tool_name": "Bash", "prompt.id": "p1", "duration_ms": 10}
    databases.load(
        [
            prompt("p1", "please"),
            api_request("r1", 0.25, at_s=1),
            content(
                "tool_call",
                {**call, "gen_ai.tool.call.id": "t1", "gen_ai.tool.call.arguments": '{"command":"ls\\n-la"}'},
                at_s=2,
            ),
            log("tool_result", {**ended, "tool_use_id": "t1", "success": "true"}, at_s=3),
            content(
                "tool_result",
                {**call, "gen_ai.tool.call.id": "t1", "gen_ai.tool.call.result": '{"stdout":"a\\nb","stderr":""}'},
                at_s=3,
            ),
            content("tool_call", {**call, "gen_ai.tool.call.id": "t2", "gen_ai.tool.call.arguments": "{}"}, at_s=4),
            log("tool_result", {**ended, "tool_use_id": "t2", "success": "false", "error": "Exit code 1"}, at_s=5),
            log(
                "tool_decision",
                {
                    "tool_name": "Edit",
                    "tool_use_id": "t3",
                    "decision": "reject",
                    "source": "user_reject",
                    "prompt.id": "p1",
                },
                at_s=6,
            ),
        ]
    )
    return databases


def test_lines_say_who_and_what_and_how_it_ended(tool_calls: Databases) -> None:
    lines = read(tool_calls)
    assert [(line["body"], line["level"]) for line in lines] == [
        ("USER ▸ please", "info"),
        ("API CALL $0.25", "debug"),
        ("CALL Bash ▸ ls\n-la", "trace"),
        ("RESULT Bash ▸ a\nb", "trace"),
        ("CALL Bash ▸ {}", "trace"),
        ("FAILED Bash ▸ Exit code 1", "error"),
        ("REJECTED Edit ▸ (no words)", "warning"),
    ]
    assert list(lines[0])[:3] == ["timestamp", "body", "level"], "the logs panel knows them by their place"


def test_pages_hold_everything_once_and_say_where_it_goes_on(databases: Databases) -> None:
    databases.load([prompt(f"p{number}", f"entry {number}", at_s=number // 100) for number in range(PAGE_ROWS + 3)])
    pages = [read(databases, page=page) for page in ("1", "2", "3")]
    assert [len(lines) for lines in pages] == [PAGE_ROWS, 3, 0]
    lines = [line for page in pages for line in page]
    assert [int(line["entry"]) for line in lines] == list(range(1, PAGE_ROWS + 4))
    times = [line["timestamp"] for line in lines]
    assert times == sorted(set(times)), "a hundred in one instant stand in their order for a panel that sorts by time"
    assert pages[0][-1]["body"].endswith("[entry 5000 of 5003: page 2 goes on]")
    assert sum("goes on]" in line["body"] for line in lines) == 1
    for nonsense in ("", "0", "-1", "one", "1; DROP"):
        assert read(databases, page=nonsense) == pages[0]


def test_a_long_text_is_whole_when_its_turn_is_chosen(databases: Databases) -> None:
    databases.load([prompt("p1", "x" * 10_000), prompt("p2", "short", at_s=1)])
    [long, short] = read(databases)
    assert long["body"].startswith("USER ▸ " + "x" * 4_000 + "\n[… 6000 more characters")
    assert short["body"] == "USER ▸ short"
    assert [line["body"] for line in read(databases, turn="p1")] == ["USER ▸ " + "x" * 10_000]


@pytest.mark.parametrize("session", ["", "unknown", "s1' OR 1=1 --", "\\"])
def test_a_session_that_is_not_there_has_no_lines(databases: Databases, session: str) -> None:
    databases.load([prompt("p1", "please")])
    assert read(databases, session=session) == []
