"""Hooks run at the same time as what they tell of, and some of them late: what was done when is told by what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from native import content

if TYPE_CHECKING:
    from databases import Databases

CALL = {"prompt.id": "p1", "gen_ai.tool.call.id": "t1", "gen_ai.tool.name": "Bash"}


def test_a_result_that_is_told_late_stands_where_its_tool_was_done(databases: Databases) -> None:
    message = '[{"role":"assistant","parts":[{"type":"text","content":"now the next"}]}]'
    said = {
        "prompt.id": "p1",
        "argus.hook": "MessageDisplay",
        "gen_ai.output.messages": message,
        "argus.content.length": 12,
    }
    done = {"argus.tool.success": True, "argus.tool.duration_ms": 500, "gen_ai.tool.call.result": "done"}
    databases.load([
        content("tool_call", {**CALL, "gen_ai.tool.call.arguments": "{}"}, at_s=0, span_id=1),
        content("assistant_message", said, at_s=1, span_id=2),
        content("tool_result", {**CALL, **done}, at_s=2, span_id=3),
    ])  # fmt: skip
    assert [row["kind"] for row in databases.view("transcript", order="position")] == [
        "tool_call",
        "tool_result",
        "assistant",
    ]


def test_a_call_without_a_result_has_none(databases: Databases) -> None:
    databases.load([content("tool_call", {**CALL, "gen_ai.tool.call.arguments": "{}"})])
    assert [row["kind"] for row in databases.view("transcript")] == ["tool_call"]


def test_a_turn_ends_with_its_last_words(databases: Databases) -> None:
    """Known from hooks alone."""
    message = '[{"role":"assistant","parts":[{"type":"text","content":"done"}]}]'
    prompt = {"prompt.id": "p1", "argus.prompt.is_human": True}
    stop = {"prompt.id": "p1", "argus.hook": "Stop", "gen_ai.output.messages": message, "argus.content.length": 4}
    databases.load([content("user_prompt", prompt, at_s=0), content("assistant_message", stop, at_s=7, span_id=2)])
    [turn] = databases.view("turns")
    [session] = databases.view("sessions")
    assert turn["ended_at"] == session["ended_at"]
    assert turn["started_at"] < turn["ended_at"]


def test_a_subagent_begins_before_what_it_does(databases: Databases) -> None:
    """Its hook runs beside it, and may be told after its first call."""
    call = {**CALL, "agent_id": "a1", "gen_ai.tool.call.arguments": "{}"}
    databases.load([
        content("tool_call", call, at_s=1, span_id=1),
        content("subagent_start", {"prompt.id": "p1", "agent_id": "a1", "agent_type": "general-purpose"}, at_s=2, span_id=2),
    ])  # fmt: skip
    assert [row["kind"] for row in databases.view("transcript", order="position")] == ["subagent", "tool_call"]
