"""What a terminal shows: exact figures, text as text, and no more than was asked for."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console, RenderableType

from argus_otel.query.present import days_table, rows_table, sessions_table, transcript_of, usd


def shown(renderable: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def session(**of: Any) -> dict[str, Any]:
    zeros = {"input_tokens": 0, "output_tokens": 0, "cache_read_tokens": 0, "cache_creation_tokens": 0, "turn_count": 1}
    named = {"session_id": "526e0e6b-70f1", "user_email": "", "user_id": "08e6b3f5019c", "attributes": {}}
    about = {
        "started_at": "2026-11-22 23:29:55.438",
        "surface": "agent-sdk",
        "coverage": "both",
        "cost_source": "events",
        "is_private": False,
    }
    counts = {"tool_call_count": 9, "tool_failure_count": 1, "tool_rejected_count": 0, "cost_usd": 0.090675}
    return {**zeros, **named, **about, **counts, "first_prompt": "hello", **of}


def turn(index: int, **of: Any) -> dict[str, Any]:
    about = {"prompt_id": f"p{index}", "turn_index": index, "started_at": "2026-11-22 23:29:55.438", "is_human": True}
    counts = {"cost_usd": 0.5, "api_request_count": 2, "tool_call_count": 1}
    return {**about, **counts, "tool_failure_count": 0, "tool_rejected_count": 0, **of}


def said(kind: str, text: str, **of: Any) -> dict[str, Any]:
    about = {"kind": kind, "text": text, "prompt_id": "p1", "agent_id": "", "tool_use_id": "", "tool_name": ""}
    return {**about, "cost_usd": 0, "is_truncated": False, **of}


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (0.090675, "$0.090675"),
        (0.1645, "$0.1645"),
        (0.5, "$0.50"),
        (0, "$0.00"),
        (60.454845, "$60.45"),
        (1234.5, "$1,234.50"),
    ],
)
def test_dollars_keep_the_digits_that_count(cost: float, text: str) -> None:
    assert usd(cost) == text


def test_a_session_is_one_line_at_80_columns_with_all_its_numbers() -> None:
    header, line = shown(sessions_table([session(input_tokens=15_600, cache_read_tokens=65_000)])).splitlines()
    assert header.split()[:3] == ["Session", "Started", "Who"]
    assert line.split() == ["526e0e6b", "11-22", "23:29", "08e6b3f5", "$0.090675", "80.6k", "9", "1", "both", "hello"]


def test_who_an_operator_named_is_shown() -> None:
    assert "dave" in shown(sessions_table([session(attributes={"enduser.id": "dave"})]))


def test_text_is_neither_markup_nor_terminal_control() -> None:
    text = "[bold]x[/bold] \x1b[2J\x9b1m\u202e"
    line = shown(sessions_table([session(first_prompt=text)]), 120)
    assert "[bold]x[/bold]" in line
    whole = shown(transcript_of({"session": session(), "turns": [turn(1)], "transcript": [said("user", text)]}))
    assert "[bold]x[/bold]" in whole
    for shown_text in (line, whole, shown(rows_table([{"text": text}]))):
        assert not set("\x1b\x9b\u202e") & set(shown_text)


def test_a_day_far_above_the_median_of_the_others_is_marked() -> None:
    days = [
        {"day": f"2026-11-{10 + index}", "sessions": 5, "cost_usd": cost} for index, cost in enumerate((6, 7, 66, 5))
    ]
    marked = [line for line in shown(days_table(days)).splitlines() if "spike" in line]
    assert len(marked) == 1
    assert marked[0].startswith("2026-11-12")
    assert "11.0 x the median" in marked[0]


@pytest.mark.parametrize("costs", [(), (5.0,), (0.0, 0.0), (5.0, 6.0, 12.0)])
def test_ordinary_days_are_not_marked(costs: tuple[float, ...]) -> None:
    days = [{"day": "2026-11-10", "sessions": 1, "cost_usd": cost} for cost in costs]
    assert "spike" not in shown(days_table(days))


def test_a_transcript_is_grouped_by_turn_with_each_turns_cost() -> None:
    rows = [
        said("system", "session start startup", prompt_id=""),
        said("user", "first"),
        said("user", "second", prompt_id="p2"),
        said("assistant", "late words of the first", cost_usd=0.25),
        said("system", "session end other", prompt_id=""),
    ]
    found = {"session": session(), "turns": [turn(1, cost_usd=0.25), turn(2, is_human=False)], "transcript": rows}
    text = shown(transcript_of(found))
    order = [
        "session start",
        "Turn 1",
        "$0.25",
        "first",
        "late words",
        "Turn 2 (machine-made)",
        "second",
        "session end",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)


def test_a_tool_call_is_one_line_and_says_that_it_is_cut() -> None:
    call = said("tool_call", '{"command":\n"' + "x" * 500 + '"}', tool_name="Bash", tool_use_id="t1")
    lines = shown(transcript_of({"session": session(), "turns": [turn(1)], "transcript": [call]})).splitlines()
    [line] = [line for line in lines if "Bash" in line]
    assert line.rstrip().endswith("…")
    assert not any("xxx" in other for other in lines if other != line)


def test_what_is_left_out_is_said() -> None:
    rows = [said("user", f"row {index}") for index in range(10)]
    found = {"session": session(), "turns": [turn(1), turn(2), turn(3)], "transcript": rows}
    text = shown(transcript_of(found, turns_max=1, rows_max=4))
    assert "6 rows more in this turn" in text
    assert "2 turns more" in text
    assert "row 4" not in text


def test_failed_calls_are_red_where_they_are_known() -> None:
    result = said("tool_result", "connection refused", tool_use_id="t1")
    failed = [{"tool_use_id": "t1", "success": False, "decision": ""}]
    found = {"session": session(), "turns": [turn(1)], "transcript": [result], "tool_calls": failed}
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    console.print(transcript_of(found))
    assert isinstance(console.file, io.StringIO)
    assert "\x1b[31mconnection refused" in console.file.getvalue()


def test_denied_calls_are_named_and_counted() -> None:
    call = said("tool_call", "rm -rf /", tool_use_id="t1", tool_name="Bash")
    denied = [{"tool_use_id": "t1", "success": None, "decision": "reject"}]
    found = {"session": session(tool_rejected_count=1), "turns": [turn(1)], "transcript": [call], "tool_calls": denied}
    text = shown(transcript_of(found), width=120)
    assert "denied Bash rm -rf /" in text
    assert "1 failed, 1 denied" in text


def test_what_is_private_and_what_it_cost_is_said() -> None:
    private = session(is_private=True, first_prompt="")
    assert "(private)" in shown(sessions_table([private]))
    assert "its text is forgotten" in shown(transcript_of({"session": private, "turns": [], "transcript": []}))
    unknown = session(coverage="hook", cost_usd=0, cost_source="estimated")
    assert "cost unknown (hooks only)" in shown(transcript_of({"session": unknown, "turns": [], "transcript": []}))
    assert "$0.00" not in shown(sessions_table([unknown]))


def test_who_may_not_read_text_sees_the_numbers() -> None:
    text = shown(transcript_of({"session": session(), "turns": [turn(1)], "transcript": None}))
    assert "numbers only" in text
    assert "$0.50" in text


def test_missing_text_and_truncation_are_said() -> None:
    rows = [said("assistant", "", cost_usd=0.1), said("assistant", "half a sen", is_truncated=True)]
    text = shown(transcript_of({"session": session(), "turns": [turn(1)], "transcript": rows}))
    assert "(text not captured)" in text
    assert "half a sen [truncated]" in text


def test_rows_of_any_query_are_shown_and_none_is_fine() -> None:
    assert "NULL" in shown(rows_table([{"a": None, "b": 1}]))
    assert shown(rows_table([])).strip() == ""
