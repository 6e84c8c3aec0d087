"""
A whole session of the real SDK, with native telemetry and with the plugin: the views against what the script knows.

Both ways of telling must lead to the same: native over gRPC with its content gates open, and over http/json with them shut.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from scenarios import SKILL
from sdk_needed import needs_sdk
from seen import cost_nanousd, row, rows
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scenario import Call
    from services import Service
    from sessions import Ran

pytestmark = needs_sdk


def said(tool: str, output: str) -> object:
    """Return what a tool says, from where it puts it."""
    try:
        response = json.loads(output)
    except ValueError as error:  # the native leg alone has it otherwise
        raise AssertionError(output) from error
    return {
        "Bash": lambda: response["stdout"],
        "Write": lambda: response["content"],
        "Read": lambda: response["file"]["content"],
        "Skill": lambda: response["commandName"],
        "Agent": lambda: response["status"],
        "mcp__calc__add": lambda: response[0]["text"],
    }[tool]()


def calls(service: Service, view: str, session: Ran) -> list[tuple[Call, dict[str, Any]]]:
    """Return every call of the script with its row; there are no others."""
    found = rows(service, view, session)
    asked = session.api.tool_uses()
    assert sorted(each["tool_use_id"] for each in found) == sorted(asked)
    return [(asked[each["tool_use_id"]], each) for each in found]


def agent_id(service: Service, session: Ran) -> str:
    """Return the subagent's id, as the call that started it was told."""
    [launched] = [text for call, text in calls(service, "tool_text", session) if call.agent]
    assert launched["output"]
    return str(json.loads(launched["output"])["agentId"])


def texts(found: Iterable[dict[str, Any]], kind: str) -> list[str]:
    return [each["text"] for each in found if each["kind"] == kind]


def test_the_session_went_by_its_script(session: Ran) -> None:
    scripts, agents = session.scenario.scripts, session.scenario.agents
    assert [result["is_error"] for result in session.results()] == [False] * (len(scripts) + len(agents))
    asked_count = sum(len(script.batches) + 1 for script in [*scripts, *agents]) + len(agents)
    assert (len(session.answers), session.api.errors_count) == (asked_count, 1)


def test_every_tool_call_with_its_input_and_its_output(service: Service, session: Ran) -> None:
    def check() -> None:
        for call, text in calls(service, "tool_text", session):
            assert json.loads(text["input"]).items() >= call.input.items()
            if call.success:
                assert text["output"], text
                assert said(call.tool, text["output"]) == call.says
            else:
                assert text["output"] == ""
            assert (str(call.says) in text["error"]) if call.success is False else text["error"] == "", text
            assert not text["is_truncated"]

    eventually(check)


def test_what_became_of_every_tool_call(service: Service, session: Ran) -> None:
    by_request = {tool_use_id: answer.request_id for answer in session.answers for tool_use_id, _ in answer.calls}

    def check() -> None:
        for call, told in calls(service, "tool_calls", session):
            assert (told["tool_name"], told["success"]) == (call.tool, call.success)
            assert told["decision"] == ("accept" if call.success is not None else "reject")
            assert told["error_type"] == ("ShellError" if call.success is False else "")
            assert (told["duration_ms"] is None) == (call.success is None)
            assert told["request_id"] == by_request[told["tool_use_id"]]
            assert told["mcp_server"] == ("calc" if call.tool == "mcp__calc__add" else "")
            assert told["coverage"] == "both"
            assert int(told["input_bytes"]) > 0

    eventually(check)


def test_the_skill_and_the_version_that_ran(service: Service, session: Ran) -> None:
    def check() -> None:
        [invoked] = [told for call, told in calls(service, "tool_calls", session) if call.tool == "Skill"]
        assert invoked["skill"] == "greet"
        assert invoked["skill_hash"] == hashlib.sha256(SKILL.encode()).hexdigest()

    eventually(check)


def test_the_subagent_is_under_its_parent(service: Service, session: Ran) -> None:
    [agent] = session.scenario.agents

    def check() -> None:
        known = agent_id(service, session)
        by_agent = [(call, told) for call, told in calls(service, "tool_calls", session) if told["agent_id"]]
        assert [(call, told["agent_id"]) for call, told in by_agent] == [(call, known) for call in agent.calls()]
        [parent] = [told for call, told in calls(service, "tool_calls", session) if call.agent]
        assert {told["prompt_id"] for _, told in by_agent} == {parent["prompt_id"]}
        transcript = rows(service, "transcript", session)
        answered = [each for each in transcript if each["text"] == agent.answer and each["kind"] == "assistant"]
        assert [each["agent_id"] for each in answered] == [known]
        assert {each["agent_id"] for each in transcript if each["kind"] == "subagent"} == {known}
        assert int(row(service, "sessions", session)["subagent_count"]) == 1

    eventually(check)


def test_every_prompt_and_every_answer_once(service: Service, session: Ran) -> None:
    scripts, [agent] = session.scenario.scripts, session.scenario.agents
    # A subagent's words between its calls no hook tells; with the gates shut nobody does.
    untold = {answer.text for answer in session.answers if answer.script is agent and answer.calls}

    def check() -> None:
        transcript = rows(service, "transcript", session)
        prompts = texts(transcript, "user")
        report = next((prompt for prompt in prompts if prompt.startswith("<task-notification>")), "")
        assert agent.answer in report
        assert Counter(prompts) == Counter([*(script.prompt for script in scripts), report])
        answers = Counter(texts(transcript, "assistant"))
        told = Counter(answer.text for answer in session.answers)
        assert told - answers in (Counter(), Counter(untold))
        assert answers - told in (Counter(), Counter({"": len(untold)}))
        turns = sorted((turn["prompt"], turn["response"]) for turn in rows(service, "turn_text", session))
        answered = [(report, session.scenario.report_answer), *((script.prompt, script.answer) for script in scripts)]
        assert turns == sorted(answered)
        text = row(service, "session_text", session)
        assert (text["first_prompt"], text["last_response"]) == (scripts[0].prompt, scripts[-1].answer)

    eventually(check)


def test_every_cost_to_the_nano_dollar(service: Service, session: Ran) -> None:
    expected = {answer.request_id: cost_nanousd(answer) for answer in session.answers}
    total = sum(expected.values())

    def check() -> None:
        requests = rows(service, "api_requests", session)
        assert {each["request_id"]: int(each["cost_nanousd"]) for each in requests} == expected
        assert len(requests) == len(expected)
        told = row(service, "sessions", session)
        assert (told["cost_usd"], told["cost_source"]) == (total / 1e9, "events")
        for column in ("input", "output", "cache_read", "cache_creation"):
            assert int(told[f"{column}_tokens"]) == sum(getattr(answer.usage, column) for answer in session.answers)
        for view in ("turns", "transcript"):
            assert round(sum(each["cost_usd"] for each in rows(service, view, session)) * 1e9) == total

    eventually(check)
    assert round(session.results()[-1]["total_cost_usd"] * 1e9) == total, "the SDK says the same"


def test_the_session_is_known_from_both_legs_and_complete(service: Service, session: Ran) -> None:
    scenario, asked = session.scenario, list(session.scenario.calls())

    def check() -> None:
        told = row(service, "sessions", session)
        assert (told["coverage"], told["is_ended"], told["is_private"]) == ("both", True, False)
        assert (told["surface"], int(told["unmatched_count"])) == ("agent-sdk", 0)
        assert (int(told["human_turn_count"]), int(told["turn_count"])) == (
            len(scenario.scripts),
            len(scenario.scripts) + 1,
        )
        assert int(told["api_request_count"]) == len(session.answers)
        assert int(told["tool_call_count"]) == len(asked)
        assert int(told["tool_failure_count"]) == sum(call.success is False for call in asked)
        assert int(told["tool_rejected_count"]) == sum(call.success is None for call in asked)
        assert (told["models"], told["skills"], told["mcp_servers"]) == ([scenario.model], ["greet"], ["calc"])
        assert told["tools"] == sorted({call.tool for call in asked})

    eventually(check)


def test_each_run_of_the_session_has_a_start_and_an_end(service: Service, session: Ran) -> None:
    def check() -> None:
        notes = Counter(texts(rows(service, "transcript", session), "system"))
        assert notes["session end other"] == len(session.scenario.processes)
        assert (notes["session start startup"], notes["session start resume"]) == (1, 1)

    eventually(check)


def test_content_joins_the_native_trace_where_hooks_are_told_of_it(service: Service, session: Ran) -> None:
    prompts_count = len(session.scenario.scripts) + 1

    def traces(condition: str) -> set[str]:
        found = service.rows(
            f"SELECT DISTINCT TraceId FROM otel.otel_traces WHERE {condition}"
            f" AND SpanAttributes['session.id'] = '{session.session_id}'"
        )
        return {each["TraceId"] for each in found}

    def check() -> None:
        native = traces("SpanName = 'claude_code.interaction'")
        content = traces("ScopeName = 'argus_otel.capture' AND SpanAttributes['argus.record'] = 'tool_call'")
        prompts = traces("ScopeName = 'argus_otel.capture' AND SpanAttributes['argus.record'] = 'user_prompt'")
        assert (len(native), len(prompts)) == (prompts_count, prompts_count)
        assert content <= prompts
        assert (prompts == native) if session.is_propagating else not prompts & native

    eventually(check)
