"""Every recorded hook becomes the records that it tells of; what is expected is read from the hooks themselves."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest

from argus_otel.capture.records import content_records
from argus_otel.capture.replay import replay
from argus_otel.capture.settings import CaptureSettings

if TYPE_CHECKING:
    from argus_otel.capture.otlp import Span

RECORDINGS = resources.files("argus_otel") / "demo" / "recordings"
RUNS = [
    pytest.param(json.loads(line), id=f"{name}-{number}")
    for name in ("default", "content-on", "resume")
    for number, line in enumerate((RECORDINGS / name / "hooks.jsonl").read_text().splitlines())
]
Run = dict[str, Any]

KINDS = {
    "SessionStart": ["session_start"],
    "UserPromptSubmit": ["user_prompt"],
    "PreToolUse": ["tool_call"],
    "PostToolUse": ["tool_result"],
    "PostToolUseFailure": ["tool_result"],
    "PermissionRequest": ["permission"],
    "MessageDisplay": ["assistant_message"],
    "Stop": ["assistant_message"],
    "SubagentStart": ["subagent_start"],
    "SubagentStop": ["subagent_stop", "assistant_message"],
    "InstructionsLoaded": [],
    "SessionEnd": ["session_end"],
}


def spans_of(run: Run) -> list[Span]:
    return content_records(run["input"], run["at_ns"], run["env"], CaptureSettings())


def runs(*events: str) -> list[Any]:
    return [run for run in RUNS if run.values[0]["input"]["hook_event_name"] in events]


@pytest.mark.parametrize("run", RUNS)
def test_each_hook_says_the_records_of_its_kind(run: Run) -> None:
    spans = spans_of(run)
    assert [span.attributes["argus.record"] for span in spans] == KINDS[run["input"]["hook_event_name"]]
    for span in spans:
        told = run["input"]
        assert span.name == f"argus.{span.attributes['argus.record']}"
        assert span.end_ns == run["at_ns"]
        assert span.attributes["session.id"] == told["session_id"]
        assert span.attributes.get("prompt.id") == told.get("prompt_id")
        assert span.attributes.get("agent_id") == told.get("agent_id")
        assert span.attributes.get("agent_type") == told.get("agent_type")
        assert span.attributes.get("permission_mode") == told.get("permission_mode")
        assert span.attributes["argus.hook"] == told["hook_event_name"]
        assert span.attributes["argus.entrypoint"] == "sdk-py"
        assert span.attributes["argus.sdk.version"] == "0.2.187"


@pytest.mark.parametrize("run", runs("PreToolUse", "PostToolUse", "PostToolUseFailure"))
def test_a_tool_call_and_its_result_carry_the_same_id_and_name(run: Run) -> None:
    (span,) = spans_of(run)
    assert span.attributes["gen_ai.operation.name"] == "execute_tool"
    assert span.attributes["gen_ai.tool.call.id"] == run["input"]["tool_use_id"]
    assert span.attributes["gen_ai.tool.name"] == run["input"]["tool_name"]
    assert span.attributes.get("argus.mcp.server") == run["input"].get("mcp_server", {}).get("name")


@pytest.mark.parametrize("run", runs("PreToolUse"))
def test_arguments_parse_back_to_the_input_in_its_order(run: Run) -> None:
    (span,) = spans_of(run)
    arguments = json.loads(str(span.attributes["gen_ai.tool.call.arguments"]))
    assert list(arguments.items()) == list(run["input"]["tool_input"].items())


@pytest.mark.parametrize("run", runs("PostToolUse"))
def test_a_result_parses_back_to_the_response_and_lasts_as_long_as_the_tool(run: Run) -> None:
    (span,) = spans_of(run)
    result, response = str(span.attributes["gen_ai.tool.call.result"]), run["input"]["tool_response"]
    assert (result if isinstance(response, str) else json.loads(result)) == response
    assert span.attributes["argus.tool.success"] is True
    assert span.attributes["argus.tool.duration_ms"] == run["input"]["duration_ms"]
    assert span.end_ns - span.start_ns == run["input"]["duration_ms"] * 1_000_000


@pytest.mark.parametrize("run", runs("PostToolUseFailure"))
def test_a_failure_carries_its_error_and_no_result(run: Run) -> None:
    (span,) = spans_of(run)
    assert span.attributes["argus.tool.error"] == run["input"]["error"]
    assert span.attributes["argus.tool.success"] is False
    assert span.attributes["argus.tool.is_interrupt"] is False
    assert "gen_ai.tool.call.result" not in span.attributes


@pytest.mark.parametrize("run", runs("UserPromptSubmit"))
def test_a_prompt_is_one_user_message_and_human_unless_a_task_notifies(run: Run) -> None:
    (span,) = spans_of(run)
    prompt = run["input"]["prompt"]
    assert json.loads(str(span.attributes["gen_ai.input.messages"])) == [
        {"role": "user", "parts": [{"type": "text", "content": prompt}]}
    ]
    assert span.attributes["argus.prompt.is_human"] is ("<task-notification>" not in prompt)


@pytest.mark.parametrize("run", runs("MessageDisplay", "Stop", "SubagentStop"))
def test_an_answer_is_one_assistant_message(run: Run) -> None:
    span = spans_of(run)[-1]
    text = run["input"].get("delta") or run["input"]["last_assistant_message"]
    assert json.loads(str(span.attributes["gen_ai.output.messages"])) == [
        {"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": "stop"}
    ]
    assert span.attributes.get("argus.message.id") == run["input"].get("message_id")
    assert span.attributes["argus.content.bytes"] == len(text.encode())


@pytest.mark.parametrize("run", runs("PermissionRequest"))
def test_a_permission_request_carries_what_was_asked_for(run: Run) -> None:
    (span,) = spans_of(run)
    assert json.loads(str(span.attributes["argus.permission.input"])) == run["input"]["tool_input"]
    assert "gen_ai.tool.call.id" not in span.attributes


@pytest.mark.parametrize("name", ["default", "content-on"])
def test_input_bytes_are_counted_as_the_native_leg_counts_them(name: str) -> None:
    """`tool_input_size_bytes` of the same calls; the file tools' paths are made absolute for hooks, so not those."""
    native = {"Bash": {118, 46, 37}, "Skill": {32}, "mcp__calc__add": {13}, "Agent": {99}}
    counted: dict[str, set[Any]] = {tool: set() for tool in native}
    for span in replay((RECORDINGS / name / "hooks.jsonl").read_bytes().splitlines()):
        tool = str(span.attributes.get("gen_ai.tool.name"))
        if span.attributes["argus.record"] == "tool_call" and tool in native:
            counted[tool].add(span.attributes["argus.content.bytes"])
    assert {tool: native[tool] & counted[tool] for tool in native} == native


@pytest.mark.parametrize("name", ["default", "content-on", "resume"])
def test_a_replay_is_the_spans_of_all_hooks_and_no_two_are_the_same(name: str) -> None:
    lines = (RECORDINGS / name / "hooks.jsonl").read_bytes().splitlines()
    spans = replay(lines)
    assert len(spans) == sum(len(KINDS[json.loads(line)["input"]["hook_event_name"]]) for line in lines)
    assert len({span.span_id for span in spans}) == len(spans)
    assert replay(lines) == spans


def test_the_skill_that_ran_is_named() -> None:
    named = {run.values[0]["input"]["tool_use_id"]: spans_of(run.values[0]) for run in runs("PreToolUse")}
    skills = {
        span.attributes["argus.skill.name"] for (span,) in named.values() if "argus.skill.name" in span.attributes
    }
    assert skills == {"greet"}


@pytest.mark.parametrize("run", runs(*KINDS))
def test_spans_hang_below_the_native_interaction_where_hooks_are_told_of_it(run: Run) -> None:
    for span in spans_of(run):
        traceparent = run["env"].get("TRACEPARENT")
        if traceparent:
            assert [span.trace_id, span.parent_span_id] == traceparent.split("-")[1:3]


@pytest.mark.parametrize("name", ["default", "content-on", "resume"])
def test_every_trace_of_a_recording_is_one_tree(name: str) -> None:
    lines = [json.loads(line) for line in (RECORDINGS / name / "hooks.jsonl").read_bytes().splitlines()]
    for run in lines:
        run["env"].pop("TRACEPARENT", None)
    traces: dict[str, list[Span]] = {}
    for span in (span for run in lines for span in spans_of(run)):
        traces.setdefault(span.trace_id, []).append(span)
    for spans in traces.values():
        ids = {span.span_id for span in spans}
        assert [span.parent_span_id for span in spans].count("") == 1
        assert all(span.parent_span_id in {"", *ids} for span in spans)
    turns = [spans for spans in traces.values() if len(spans) > 1]
    assert len(turns) == len({run["input"]["prompt_id"] for run in lines if "prompt_id" in run["input"]})
    assert {span.name for spans in turns for span in spans if not span.parent_span_id} == {"argus.user_prompt"}


def test_with_native_traces_no_span_misses_a_parent_of_ours() -> None:
    """Hooks that are told no TRACEPARENT though others of their turn are, stand alone."""
    spans = replay((RECORDINGS / "resume" / "hooks.jsonl").read_bytes().splitlines())
    alone = [span for span in spans if not span.parent_span_id]
    assert {span.name for span in alone} == {"argus.session_start", "argus.session_end"}
    native = {run.values[0]["env"].get("TRACEPARENT", "").partition("-")[2][:32] for run in RUNS}
    assert all(span.trace_id in native for span in spans if span.parent_span_id)
