"""What sessions do that one would not expect. Inputs are those of recordings where one has it, else of the hooks reference."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest

from argus_otel.capture.otlp import encode
from argus_otel.capture.records import content_records
from argus_otel.capture.redact import load_rules
from argus_otel.capture.settings import CaptureSettings

if TYPE_CHECKING:
    from argus_otel.capture.otlp import Span

FULL = CaptureSettings()
SESSION = "dab0f6c5-8a4f-4b7e-a5f2-6ac20d7d8c11"
COMMON = {"session_id": SESSION, "transcript_path": "/home/dev/t.jsonl", "cwd": "/home/dev/proj"}
TURN = {**COMMON, "prompt_id": "ed884254-3909-4c81-aa25-574c5092341b", "permission_mode": "default"}


def spans_of(event: str, at_ns: int = 1, /, **told: Any) -> list[Span]:
    return content_records({"hook_event_name": event, **TURN, **told}, at_ns, {}, FULL)


def span_of(event: str, at_ns: int = 1, /, **told: Any) -> Span:
    (span,) = spans_of(event, at_ns, **told)
    return span


def recorded(name: str) -> list[dict[str, Any]]:
    path = resources.files("argus_otel") / "demo" / "recordings" / name / "hooks.jsonl"
    return [json.loads(line)["input"] for line in path.read_text().splitlines()]


def test_a_machine_made_turn_is_a_turn_that_no_human_began() -> None:
    prompts = [told["prompt"] for told in recorded("default") if told["hook_event_name"] == "UserPromptSubmit"]
    is_human = [span_of("UserPromptSubmit", prompt=prompt).attributes["argus.prompt.is_human"] for prompt in prompts]
    assert is_human == [True, False, True]
    assert [prompt.startswith("<task-notification>") for prompt in prompts] == [False, True, False]


def test_a_subagent_that_stops_after_its_turn_is_in_that_turn() -> None:
    hooks = recorded("default")
    events = [(told["hook_event_name"], told.get("prompt_id")) for told in hooks]
    first = next(prompt_id for event, prompt_id in events if event == "UserPromptSubmit")
    assert events.index(("Stop", first)) < events.index(("SubagentStop", first))
    spans = [span for told in hooks for span in content_records(told, 1, {}, FULL) if told.get("prompt_id") == first]
    assert len({span.trace_id for span in spans}) == 1
    words = [span for span in spans if span.attributes["argus.record"] == "assistant_message"]
    of_stops = [span for span in words if span.attributes["argus.hook"] in ("Stop", "SubagentStop")]
    assert len({span.span_id for span in of_stops}) == 2


def test_the_same_permission_asked_for_twice_is_two_requests_and_sent_twice_is_one() -> None:
    asked = {"tool_name": "Bash", "tool_input": {"command": "ls"}, "permission_suggestions": []}
    one, other, again = (span_of("PermissionRequest", at_ns, **asked) for at_ns in (1, 2, 1))
    assert one.span_id != other.span_id
    assert one == again
    assert "gen_ai.tool.call.id" not in one.attributes


def test_a_prompt_that_another_hook_blocked_is_said_though_nothing_follows() -> None:
    span = span_of("UserPromptSubmit", prompt="blocked by a policy")
    assert (span.name, span.parent_span_id) == ("argus.user_prompt", "")


def test_parallel_calls_of_one_tool_are_told_apart_by_their_ids() -> None:
    hooks = [
        ("PreToolUse", "t1", {}),
        ("PreToolUse", "t2", {}),
        ("PostToolUse", "t2", {"tool_response": "2"}),
        ("PostToolUse", "t1", {"tool_response": "1"}),
    ]
    same = {"tool_name": "Read", "tool_input": {"file_path": "/a"}}
    call_1, call_2, result_2, result_1 = (
        span_of(event, **same, tool_use_id=tool_use_id, **more) for event, tool_use_id, more in hooks
    )
    assert len({span.span_id for span in (call_1, call_2, result_1, result_2)}) == 4
    assert (result_1.parent_span_id, result_2.parent_span_id) == (call_1.span_id, call_2.span_id)
    assert (result_1.attributes["gen_ai.tool.call.result"], result_2.attributes["gen_ai.tool.call.result"]) == (
        "1",
        "2",
    )


@pytest.mark.parametrize("source", ["startup", "resume", "clear", "compact", "fork"])
def test_a_session_may_start_more_than_once(source: str) -> None:
    first = span_of("SessionStart", 1, source="startup")
    later = span_of("SessionStart", 2, source=source)
    assert later.attributes["argus.start.source"] == source
    assert first.span_id != later.span_id


def test_a_fork_is_another_session_though_it_repeats_the_prompt() -> None:
    prompt = span_of("UserPromptSubmit", prompt="go on")
    forked = span_of("UserPromptSubmit", prompt="go on", session_id="fork")
    assert prompt.span_id != forked.span_id
    assert prompt.trace_id != forked.trace_id


def test_two_processes_on_one_session_say_what_each_of_them_was_told() -> None:
    """Both have a prompt of their own at the same time; what both are told of one call is one record."""
    one = span_of("UserPromptSubmit", 1, prompt="hello", prompt_id="p1")
    other = span_of("UserPromptSubmit", 1, prompt="hello", prompt_id="p2")
    assert (one.span_id == other.span_id, one.trace_id == other.trace_id) == (False, False)
    call = {"tool_name": "Read", "tool_input": {}, "tool_use_id": "t"}
    assert span_of("PreToolUse", 1, **call).span_id == span_of("PreToolUse", 2, **call).span_id


def test_an_interrupted_turn_ends_without_a_stop() -> None:
    call = {"tool_name": "Bash", "tool_input": {"command": "sleep 60"}, "tool_use_id": "t"}
    failed = span_of("PostToolUseFailure", **call, error="Interrupted by user", is_interrupt=True, duration_ms=5)
    assert (failed.attributes["argus.tool.is_interrupt"], failed.attributes["argus.tool.success"]) == (True, False)
    following = span_of("UserPromptSubmit", prompt="no, like this", prompt_id="p2")
    assert following.trace_id != failed.trace_id


@pytest.mark.parametrize("is_resolved", [True, False])
def test_a_typed_command_is_one_prompt_whichever_hooks_see_it(is_resolved: bool) -> None:
    """UserPromptSubmit is first; UserPromptExpansion follows only where the command is known."""
    spans = spans_of("UserPromptSubmit", prompt="/demo:greet world")
    if is_resolved:
        spans += spans_of(
            "UserPromptExpansion",
            expansion_type="slash_command",
            command_name="demo:greet",
            command_args="world",
            command_source="plugin",
            prompt="/demo:greet world",
        )
    assert [span.name for span in spans] == ["argus.user_prompt"]


def test_a_batch_repeats_its_calls_and_says_nothing() -> None:
    assert spans_of("PostToolBatch", tool_calls=[{"tool_name": "Read", "tool_use_id": "t", "tool_response": "x"}]) == []


def test_a_message_that_is_streamed_in_pieces_is_told_once_by_the_stop() -> None:
    pieces = [
        {"turn_id": "u", "message_id": "m", "index": 0, "final": False, "delta": "All "},
        {"turn_id": "u", "message_id": "m", "index": 1, "final": True, "delta": "done."},
    ]
    spans = [span for piece in pieces for span in spans_of("MessageDisplay", **piece)]
    spans += spans_of("Stop", last_assistant_message="All done.", background_tasks=[], session_crons=[])
    assert [span.attributes["argus.content.bytes"] for span in spans] == [9]


def test_a_hidden_subagent_only_stops_and_hangs_in_its_turn_all_the_same() -> None:
    prompt = span_of("UserPromptSubmit", prompt="hello")
    stop, words = spans_of("SubagentStop", agent_id="a", agent_type="prompt-suggestion", last_assistant_message="x")
    assert (stop.parent_span_id, words.parent_span_id) == (prompt.span_id, stop.span_id)


@pytest.mark.parametrize(
    "response",
    [
        "plain text",
        {"stdout": "a", "stderr": "", "interrupted": False, "isImage": False},
        [{"type": "text", "text": "5"}],
        {"isAsync": True, "status": "async_launched", "agentId": "a"},
        [],
        {},
        0,
        False,
    ],
)
def test_a_response_may_be_anything(response: Any) -> None:
    span = span_of("PostToolUse", tool_name="X", tool_use_id="t", tool_response=response)
    shown = str(span.attributes["gen_ai.tool.call.result"])
    assert (shown if isinstance(response, str) else json.loads(shown)) == response


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("grüße 你好 👩\u200d👩\u200d👧 \u202e", "grüße 你好 👩\u200d👩\u200d👧 \u202e"),
        ("cut \ud83d", "cut \ufffd"),
        ("\udc00\ud800", "\ufffd\ufffd"),
        ("nul \0 bell \a", "nul \0 bell \a"),
        ("PNG\ufffd\ufffd\x1a", "PNG\ufffd\ufffd\x1a"),
    ],
)
def test_text_may_be_of_any_characters(text: str, shown: str) -> None:
    span = span_of("PostToolUse", tool_name="X", tool_use_id="t", tool_response={"stdout": text})
    encode([span]).decode()
    assert json.loads(str(span.attributes["gen_ai.tool.call.result"])) == {"stdout": shown}
    utf16_units = (
        len(
            json.dumps({"stdout": text}, ensure_ascii=False, separators=(",", ":")).encode("utf-16-le", "surrogatepass")
        )
        // 2
    )
    assert span.attributes["argus.content.length"] == utf16_units


def test_an_output_of_ten_megabytes_is_cut_without_its_secret_and_measured_whole() -> None:
    secret = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
    line = "2026-11-22 INFO token bucket at https://api.example.com/v1 is full é\n"
    text = line * (10_000_000 // len(line.encode())) + secret
    hook = {**TURN, "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_use_id": "t", "tool_response": text}
    (span,) = content_records(hook, 1, {}, FULL, rules=load_rules())
    assert span.attributes["argus.content.bytes"] == len(text.encode())
    assert span.attributes["argus.content.truncated"] is True
    assert span.attributes["argus.redactions"] == '{"github_token":1}'
    redacted = text.replace(secret, "[REDACTED:github_token]")
    assert span.attributes["argus.content.sha256"] == hashlib.sha256(redacted.encode()).hexdigest()
    shown = str(span.attributes["gen_ai.tool.call.result"])
    assert len(shown.encode()) < 66_000
    assert shown.endswith("[REDACTED:github_token]")
    assert "ghp_" not in shown
