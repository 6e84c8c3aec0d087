"""The recordings say what was recorded: counted by plain protobuf against the figures noted when they were made."""

from __future__ import annotations

import pytest
from exports import events, spans

from argus_otel.demo.recordings import NAMES, content, requests, truth

FIGURES = {
    "default": (13, 0.090675, 15600, 650, 65000, 3900),
    "content-on": (13, 0.090675, 15600, 650, 65000, 3900),
    "resume": (7, 0.1645, 14000, 350, 84000, 7000),
}
"""API requests, cost in USD, input, output, cache read and cache creation tokens."""

TOOL_CALLS = {"default": (9, 1, 0), "content-on": (9, 1, 0), "resume": (4, 1, 1)}
"""All, failed, rejected."""


@pytest.mark.parametrize("name", NAMES)
def test_the_api_requests_add_up(name: str) -> None:
    calls = [event for event in events(requests(name)) if event["body"] == "claude_code.api_request"]
    tokens = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
    cost_usd = round(sum(call["cost_usd"] for call in calls), 9)
    assert (len(calls), cost_usd, *(sum(call[name] for call in calls) for name in tokens)) == FIGURES[name]
    assert {call["request_id"] for call in calls} == set(truth(name)["request_ids"])


@pytest.mark.parametrize("name", NAMES)
def test_every_tool_call_is_there_with_its_outcome(name: str) -> None:
    said = list(events(requests(name)))
    called = {event["tool_use_id"] for event in said if "tool_use_id" in event}
    failed = {event["tool_use_id"] for event in said if event.get("success") == "false"}
    rejected = {event["tool_use_id"] for event in said if event.get("decision") == "reject"}
    assert (len(called), len(failed), len(rejected)) == TOOL_CALLS[name]
    assert called == set(truth(name)["tool_use_ids"])


@pytest.mark.parametrize("name", NAMES)
def test_there_are_three_prompts(name: str) -> None:
    assert sum(event["body"] == "claude_code.user_prompt" for event in events(requests(name))) == 3


def test_ids_of_json_requests_are_whole_after_the_conversion() -> None:
    native = list(spans(requests("resume"), "com.anthropic.claude_code.tracing"))
    assert native
    assert {len(span["trace_id"]) for span in native} == {32}


@pytest.mark.parametrize("name", NAMES)
def test_the_hooks_tell_of_the_same_tool_calls(name: str) -> None:
    said = list(spans(content(name), "argus_otel.capture"))
    assert {span["session.id"] for span in said} == {truth(name)["session_id"]}
    calls = {span["gen_ai.tool.call.id"] for span in said if span["name"] == "argus.tool_call"}
    assert calls == set(truth(name)["tool_use_ids"])
    prompts = sum(span["name"] == "argus.user_prompt" for span in said)
    assert prompts == 3


def test_with_the_gates_closed_the_native_leg_has_no_text_and_the_hooks_have() -> None:
    prompts = {event["prompt"] for event in events(requests("default")) if event["body"] == "claude_code.user_prompt"}
    assert prompts == {"<REDACTED>"}
    texts = "".join(span.get("gen_ai.input.messages", "") for span in spans(content("default"), "argus_otel.capture"))
    assert truth("default")["turns"][0]["prompt"] in texts
