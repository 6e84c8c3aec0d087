"""The same record is the same span, however often and from wherever it is sent; two records never are."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_otel.capture.identity import identity, place
from argus_otel.capture.records import content_records
from argus_otel.capture.settings import CaptureSettings

if TYPE_CHECKING:
    from argus_otel.capture.otlp import Span

TRACEPARENT = "00-58bf09533fd7a775c0cb083a464e84bb-460757e5b0fc14f1-01"
NAMES = st.text(min_size=1, max_size=40)
KEYS = {
    "UserPromptSubmit": ("prompt_id", {"prompt": "hello"}),
    "PreToolUse": ("tool_use_id", {"tool_name": "Read", "tool_input": {}}),
    "PostToolUse": ("tool_use_id", {"tool_name": "Read", "tool_input": {}, "tool_response": "x"}),
    "PostToolUseFailure": ("tool_use_id", {"tool_name": "Read", "tool_input": {}, "error": "x"}),
    "PermissionDenied": ("tool_use_id", {"tool_name": "Read", "tool_input": {}, "reason": "x"}),
    "MessageDisplay": ("message_id", {"index": 0, "final": True, "delta": "x"}),
    "SubagentStart": ("agent_id", {}),
    "SubagentStop": ("agent_id", {}),
    "Stop": ("prompt_id", {"last_assistant_message": "x"}),
}
KEYLESS = {
    "SessionStart": {"source": "startup"},
    "PermissionRequest": {"tool_name": "Read", "tool_input": {}},
    "PreCompact": {"trigger": "auto"},
    "PostCompact": {"trigger": "auto", "compact_summary": "x"},
    "Notification": {"message": "x"},
    "SessionEnd": {"reason": "other"},
}


def span_of(event: str, at_ns: int = 1, env: dict[str, str] | None = None, **told: Any) -> Span:
    hook = {"session_id": "session", "hook_event_name": event, **told}
    return content_records(hook, at_ns, env or {}, CaptureSettings())[0]


@pytest.mark.parametrize("event", KEYS)
@given(one=NAMES, other=NAMES, at_ns=st.integers(1, 2**62))
def test_a_key_of_its_own_makes_the_record_whenever_it_is_sent(event: str, one: str, other: str, at_ns: int) -> None:
    key, told = KEYS[event]
    span = span_of(event, **told, **{key: one})
    assert span_of(event, at_ns, {"TRACEPARENT": TRACEPARENT}, **told, **{key: one}).span_id == span.span_id
    assert (span_of(event, **told, **{key: other}).span_id == span.span_id) is (one == other)


@pytest.mark.parametrize("event", KEYLESS)
@given(one=st.integers(1, 2**62), other=st.integers(1, 2**62))
def test_without_a_key_the_moment_makes_the_record(event: str, one: int, other: int) -> None:
    span = span_of(event, one, **KEYLESS[event])
    assert span_of(event, one, {"TRACEPARENT": TRACEPARENT}, **KEYLESS[event]).span_id == span.span_id
    assert (span_of(event, other, **KEYLESS[event]).span_id == span.span_id) is (one == other)


@pytest.mark.parametrize("event", KEYS)
def test_a_hook_that_lacks_its_key_is_told_by_the_moment(event: str) -> None:
    _, told = KEYS[event]
    assert span_of(event, 1, **told).span_id == span_of(event, 1, **told).span_id
    assert span_of(event, 1, **told).span_id != span_of(event, 2, **told).span_id


def test_no_two_kinds_and_no_two_sessions_share_an_identity() -> None:
    spans = [
        content_records({"session_id": session, "hook_event_name": event, key: "k", **told}, 1, {}, CaptureSettings())
        for session in ("a", "b")
        for event, (key, told) in KEYS.items()
        if event != "PostToolUseFailure"  # the other result of the same call: one record
    ]
    ids = [span.span_id for of_hook in spans for span in of_hook]
    assert len(set(ids)) == len(ids)


def test_parallel_requests_at_one_instant_are_told_apart_by_what_they_ask_for() -> None:
    asked = [{"tool_name": "Bash", "tool_input": {"command": command}} for command in ("ls", "pwd")]
    one, other = (span_of("PermissionRequest", **told) for told in asked)
    assert one.span_id != other.span_id


def test_the_same_last_words_in_two_turns_are_two_messages() -> None:
    one, other = (span_of("Stop", prompt_id=prompt, last_assistant_message="done") for prompt in ("p1", "p2"))
    assert one.span_id != other.span_id


def test_an_identity_is_the_documented_hash() -> None:
    expected = hashlib.sha256(b'["session","tool_call","toolu_1"]').hexdigest()[:32]
    span = span_of("PreToolUse", tool_name="Read", tool_input={}, tool_use_id="toolu_1")
    assert span.attributes["argus.identity"] == expected
    assert span.span_id == expected[:16]


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_parts_never_run_into_each_other(one: list[str], other: list[str]) -> None:
    assert (identity(*one) == identity(*other)) is (one == other)


def test_with_traceparent_a_span_hangs_below_the_native_one() -> None:
    assert place("s", "p", TRACEPARENT) == ("58bf09533fd7a775c0cb083a464e84bb", "460757e5b0fc14f1")


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "nonsense",
        TRACEPARENT.upper(),
        "ff-58bf09533fd7a775c0cb083a464e84bb-460757e5b0fc14f1-01",
        f"00-{'0' * 32}-460757e5b0fc14f1-01",
        f"00-58bf09533fd7a775c0cb083a464e84bb-{'0' * 16}-01",
    ],
)
def test_what_is_no_traceparent_is_ignored(traceparent: str) -> None:
    assert place("s", "p", traceparent) == place("s", "p", "")


def test_without_traceparent_a_turn_is_one_trace_with_the_prompt_as_its_root() -> None:
    prompt = span_of("UserPromptSubmit", prompt_id="p", prompt="hello")
    call = span_of("PreToolUse", prompt_id="p", tool_use_id="t", tool_name="Read", tool_input={})
    start = span_of("SessionStart", source="startup")
    assert (prompt.trace_id, prompt.parent_span_id) == (call.trace_id, "")
    assert call.parent_span_id == prompt.span_id
    assert (start.trace_id == call.trace_id, start.parent_span_id) == (False, "")


def test_a_result_hangs_below_its_call() -> None:
    told = {"prompt_id": "p", "tool_use_id": "t", "tool_name": "Read", "tool_input": {}}
    call = span_of("PreToolUse", **told)
    result = span_of("PostToolUse", **told, tool_response="x")
    denied = span_of("PermissionDenied", **told, reason="x")
    assert {result.parent_span_id, denied.parent_span_id} == {call.span_id}
    assert len({call.trace_id, result.trace_id, denied.trace_id}) == 1


@pytest.mark.parametrize("prompt", [{"prompt_id": "p"}, {}])
def test_what_happens_in_a_subagent_hangs_below_its_start(prompt: dict[str, str]) -> None:
    within = {"agent_id": "a", "agent_type": "x", **prompt}
    start = span_of("SubagentStart", **within)
    call = span_of("PreToolUse", **within, tool_use_id="t", tool_name="Read", tool_input={})
    result = span_of("PostToolUse", **within, tool_use_id="t", tool_name="Read", tool_input={}, tool_response="x")
    assert call.parent_span_id == start.span_id
    assert result.parent_span_id == call.span_id
    assert len({start.trace_id, call.trace_id, result.trace_id}) == 1


@pytest.mark.parametrize("prompt", [{"prompt_id": "p"}, {}])
def test_a_subagents_last_words_hang_below_its_end(prompt: dict[str, str]) -> None:
    hook = {"session_id": "session", "hook_event_name": "SubagentStop", "agent_id": "a", "last_assistant_message": "x"}
    stop, words = content_records({**hook, **prompt}, 1, {}, CaptureSettings())
    assert (words.parent_span_id, words.trace_id) == (stop.span_id, stop.trace_id)


@pytest.mark.parametrize("event", ["SessionStart", "SessionEnd"])
def test_a_sessions_first_and_last_hook_are_traces_of_their_own(event: str) -> None:
    """SessionEnd knows the last prompt, but not the trace that its turn may hang in."""
    span = span_of(event, prompt_id="p")
    assert (span.trace_id, span.parent_span_id) == (span.attributes["argus.identity"], "")


def test_a_wish_for_privacy_hangs_below_no_prompt_as_there_is_none() -> None:
    span = span_of("UserPromptSubmit", prompt_id="p", prompt="/private")
    assert (span.trace_id, span.parent_span_id) == (span.attributes["argus.identity"], "")
