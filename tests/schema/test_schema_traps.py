"""What the recordings do not hold: DESIGN's definitions and traps, each as a few hand-made records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from databases import RECEIVED_AT_NS
from native import S_NS, T0_NS, api_request, content, log, meter, prompt, span

if TYPE_CHECKING:
    from databases import Databases


def one_session(databases: Databases) -> dict[str, object]:
    [row] = databases.view("sessions")
    return row


def test_money_is_added_as_integers(databases: Databases) -> None:
    """Thirteen times 0.006975 is 0.090675; as floats it would be 0.09067499999999998."""
    databases.load([api_request(f"r{n}", 0.006975, at_s=n) for n in range(13)])
    assert one_session(databases)["cost_usd"] == 0.090675


def test_cowork_without_keys_makes_one_row_per_thing(databases: Databases) -> None:
    """Cowork documents neither request_id nor tool_use_id; a record sent twice is the same row all the same."""
    cowork = {"service.name": "cowork"}
    requests = [
        log("user_prompt", {"prompt.id": "p1", "prompt": "hello", "prompt_length": "5"}, resource=cowork, prefix=""),
        log(
            "api_request",
            {"prompt.id": "p1", "cost_usd": 0.01, "input_tokens": 1, "event.sequence": 1},
            resource=cowork,
            prefix="",
            at_s=1,
        ),
        log(
            "api_request",
            {"prompt.id": "p1", "cost_usd": 0.02, "input_tokens": 1, "event.sequence": 2},
            resource=cowork,
            prefix="",
            at_s=1,
        ),
        log(
            "tool_decision",
            {"prompt.id": "p1", "tool_name": "Bash", "decision": "accept", "source": "config"},
            resource=cowork,
            prefix="",
            at_s=2,
        ),
        log(
            "tool_result",
            {
                "prompt.id": "p1",
                "tool_name": "Bash",
                "success": "true",
                "decision_type": "accept",
                "decision_source": "config",
            },
            resource=cowork,
            prefix="",
            at_s=3,
        ),
        log(
            "tool_decision",
            {"prompt.id": "p1", "tool_name": "Write", "decision": "reject", "source": "user_reject"},
            resource=cowork,
            prefix="",
            at_s=4,
        ),
    ]
    databases.load([*requests, *requests])
    row = one_session(databases)
    assert (row["surface"], row["coverage"]) == ("cowork", "native")
    assert (row["api_request_count"], row["cost_usd"]) == (2, 0.03)
    assert (row["tool_call_count"], row["tool_rejected_count"]) == (2, 1)
    calls = databases.view("tool_calls", order="started_at")
    assert [call["decision"] for call in calls] == ["accept", "reject"]
    assert all(call["tool_use_id"] for call in calls)
    assert databases.view("session_text")[0]["first_prompt"] == "hello"


def test_what_cannot_be_matched_across_the_legs_stays_two_and_is_counted(databases: Databases) -> None:
    databases.load(
        [
            log(
                "tool_result",
                {"prompt.id": "p1", "tool_name": "Bash", "success": "true"},
                resource={"service.name": "cowork"},
            ),
            content("tool_call", {"prompt.id": "p1", "gen_ai.tool.name": "Bash", "gen_ai.tool.call.id": "t1"}),
        ]
    )
    assert (one_session(databases)["tool_call_count"], one_session(databases)["unmatched_count"]) == (2, 1)


def test_an_api_error_that_was_given_up_on_is_counted_once(databases: Databases) -> None:
    databases.load(
        [
            log("api_error", {"prompt.id": "p1", "request_id": "r1", "status_code": 529, "error": "overloaded"}),
            span("claude_code.llm_request", {"request_id": "r1", "success": False, "model": "m"}),
        ]
    )
    row = one_session(databases)
    assert (row["api_error_count"], row["api_request_count"], row["cost_usd"]) == (1, 0, 0)
    assert [line["text"] for line in databases.view("transcript", "kind = 'system'")] == ["overloaded"]


def test_cumulative_meters_count_their_last_point_per_start(databases: Databases) -> None:
    of = {"model": "m", "type": "input"}
    databases.load(
        [
            meter(
                "claude_code.cost.usage",
                [(0, 60, 0.1, {}), (0, 120, 0.25, {}), (200, 260, 0.05, {})],
                is_cumulative=True,
            ),
            meter("claude_code.token.usage", [(0, 60, 100, of), (0, 120, 250, of)], is_cumulative=True),
            meter("claude_code.cost.usage", [(0, 60, 0.1, {})], is_cumulative=True),
        ]
    )
    row = one_session(databases)
    assert (row["cost_usd"], row["cost_source"], row["input_tokens"]) == (0.3, "metrics", 250)


def test_delta_meters_add_up_and_never_on_top_of_events(databases: Databases) -> None:
    points = [(0, 60, 0.1, {}), (60, 120, 0.2, {})]
    databases.load([meter("claude_code.cost.usage", points)])
    assert (one_session(databases)["cost_usd"], one_session(databases)["cost_source"]) == (0.3, "metrics")
    databases.load([api_request("r1", 0.31)])
    assert (one_session(databases)["cost_usd"], one_session(databases)["cost_source"]) == (0.31, "events")


def test_a_call_that_only_a_span_knows_is_estimated_at_list_price(databases: Databases) -> None:
    """claude-sonnet-4-5: 3 USD per million in, 15 out, 0.30 read from cache, 3.75 written to it."""
    tokens = {"input_tokens": 1200, "output_tokens": 50, "cache_read_tokens": 5000, "cache_creation_tokens": 300}
    databases.load(
        [
            span(
                "claude_code.llm_request",
                {"request_id": "r1", "success": True, "model": "claude-sonnet-4-5-20250929", **tokens},
            )
        ]
    )
    assert (one_session(databases)["cost_usd"], one_session(databases)["cost_source"]) == (0.006975, "estimated")


def test_spans_and_logs_of_one_call_are_one_call(databases: Databases) -> None:
    databases.load(
        [
            api_request("r1", 0.5),
            span("claude_code.llm_request", {"request_id": "r1", "success": True, "input_tokens": 10, "ttft_ms": 7}),
            log(
                "tool_result",
                {
                    "prompt.id": "p1",
                    "tool_use_id": "t1",
                    "tool_name": "mcp_tool",
                    "success": "false",
                    "duration_ms": "9",
                    "error_type": "ShellError",
                },
            ),
            span(
                "claude_code.tool",
                {
                    "tool_use_id": "t1",
                    "tool_name": "mcp__calc__add",
                    "anthropic.mcp.server.name": "calc",
                    "duration_ms": 40,
                },
            ),
            span("claude_code.tool.execution", {"tool_use_id": "t1", "success": False, "duration_ms": 10}),
        ]
    )
    [request] = databases.view("api_requests")
    assert (request["cost_usd"], request["ttft_ms"]) == (0.5, 7)
    [call] = databases.view("tool_calls")
    assert (call["tool_name"], call["mcp_server"], call["success"], call["duration_ms"]) == (
        "mcp__calc__add",
        "calc",
        False,
        9,
    )


@pytest.mark.parametrize("order", [1, -1])
def test_a_real_name_beats_a_sentinel_in_any_order(databases: Databases, order: int) -> None:
    told = [
        log(
            "tool_result",
            {
                "prompt.id": "p1",
                "tool_use_id": "t1",
                "tool_name": "mcp_tool",
                "success": "true",
                "tool_parameters": '{"mcp_server_name":"calc","mcp_tool_name":"add"}',
            },
        ),
        log(
            "tool_decision",
            {"prompt.id": "p1", "tool_use_id": "t1", "tool_name": "mcp_tool", "decision": "accept", "source": "config"},
        ),
        api_request("r1", 0.1, **{"skill.name": "custom_skill"}),
    ]
    for request in told[::order]:
        databases.load([request])
    [call] = databases.view("tool_calls")
    assert (call["tool_name"], call["mcp_server"]) == ("mcp__calc__add", "calc")
    assert one_session(databases)["skills"] == []


def test_the_skill_of_a_call_is_the_one_active_in_its_request(databases: Databases) -> None:
    databases.load(
        [
            api_request("r1", 0.1, **{"skill.name": "greet"}),
            log(
                "tool_result",
                {"prompt.id": "p1", "tool_use_id": "t1", "tool_name": "Bash", "request_id": "r1", "success": "true"},
            ),
            log(
                "tool_result",
                {"prompt.id": "p1", "tool_use_id": "t2", "tool_name": "Bash", "request_id": "r0", "success": "true"},
            ),
            content(
                "tool_call",
                {
                    "prompt.id": "p1",
                    "gen_ai.tool.name": "Skill",
                    "gen_ai.tool.call.id": "t3",
                    "argus.skill.name": "review",
                    "argus.skill.hash": "abc",
                },
            ),
        ]
    )
    skills = {call["tool_use_id"]: (call["skill"], call["skill_hash"]) for call in databases.view("tool_calls")}
    assert skills == {"t1": ("greet", ""), "t2": ("", ""), "t3": ("review", "abc")}
    assert one_session(databases)["versions"] == {"skill:review": "abc"}


def test_the_longer_whole_text_wins_and_the_hook_on_a_tie(databases: Databases) -> None:
    said = '[{"role":"user","parts":[{"type":"text","content":"%s"}]}]'
    databases.load(
        [
            prompt("cut", "long native text that was [TRUNCATED 9 chars]"),
            content(
                "user_prompt",
                {"prompt.id": "cut", "gen_ai.input.messages": said % "short whole", "argus.prompt.is_human": True},
                span_id=1,
            ),
            prompt("longer", "the native one is longer"),
            content(
                "user_prompt",
                {"prompt.id": "longer", "gen_ai.input.messages": said % "hook", "argus.content.truncated": True},
                span_id=2,
            ),
            prompt("tie", "same"),
            content("user_prompt", {"prompt.id": "tie", "gen_ai.input.messages": said % "same"}, span_id=3),
        ]
    )
    texts = {row["prompt_id"]: (row["text"], row["source"]) for row in databases.view("transcript", "kind = 'user'")}
    assert texts == {
        "cut": ("short whole", "hook"),
        "longer": ("the native one is longer", "native"),
        "tie": ("same", "hook"),
    }


def test_messages_of_both_legs_meet_by_length_from_the_end(databases: Databases) -> None:
    """The hook leg began late: it has the last two of three messages, and two of equal length."""
    answered = '[{"role":"assistant","parts":[{"type":"text","content":"%s"}]}]'
    native = [
        item
        for n, text in enumerate(["one", "two", "final"])
        for item in (
            api_request(f"r{n}", 0.1, at_s=n),
            log(
                "assistant_response",
                {"prompt.id": "p1", "request_id": f"r{n}", "response": "<REDACTED>", "response_length": len(text)},
                at_s=n,
            ),
        )
    ]
    hooks = [
        content(
            "assistant_message",
            {
                "prompt.id": "p1",
                "argus.hook": "MessageDisplay",
                "gen_ai.output.messages": answered % "two",
                "argus.content.length": 3,
            },
            at_s=1.1,
            span_id=1,
        ),
        content(
            "assistant_message",
            {
                "prompt.id": "p1",
                "argus.hook": "MessageDisplay",
                "gen_ai.output.messages": answered % "final",
                "argus.content.length": 5,
            },
            at_s=2.1,
            span_id=2,
        ),
        content(
            "assistant_message",
            {
                "prompt.id": "p1",
                "argus.hook": "Stop",
                "gen_ai.output.messages": answered % "final",
                "argus.content.length": 5,
            },
            at_s=2.2,
            span_id=3,
        ),
    ]
    databases.load([*native, *hooks])
    lines = databases.view("transcript", "kind = 'assistant'", "position")
    assert [(line["request_id"], line["text"]) for line in lines] == [("r0", ""), ("r1", "two"), ("r2", "final")]
    assert databases.view("turn_text")[0]["response"] == "final"


def test_identity_may_come_from_any_record_and_late(databases: Databases) -> None:
    databases.load([api_request("r1", 0.1)])
    assert one_session(databases)["user_email"] == ""
    databases.load(
        [
            prompt("p1"),
            log(
                "at_mention",
                {"user.email": "dev@example.com", "organization.id": "o1", "vcs.repository.name": "shop"},
                at_s=9,
            ),
        ]
    )
    row = one_session(databases)
    assert (row["user_email"], row["organization_id"], row["attributes"]) == (
        "dev@example.com",
        "o1",
        {"repository": "shop"},
    )
    assert row["ended_at"] == "2026-11-23 02:13:29.000", "T0 and nine seconds"


def test_the_latest_client_version_wins_in_any_order(databases: Databases) -> None:
    databases.load([log("user_prompt", {"prompt.id": "p2", "app.version": "2.0.9"}, at_s=5)])
    databases.load([log("user_prompt", {"prompt.id": "p1", "app.version": "2.0.10"}, at_s=1)])
    assert one_session(databases)["client_version"] == "2.0.9"


@pytest.mark.parametrize(
    ("resource", "of", "surface"),
    [
        ({"service.name": "cowork"}, {}, "cowork"),
        ({"service.name": "claude-code-desktop"}, {}, "desktop"),
        ({}, {"app.entrypoint": "sdk-py"}, "agent-sdk"),
        ({}, {"query_source": "sdk"}, "agent-sdk"),
        ({}, {"app.entrypoint": "cli"}, "claude-code"),
        ({"service.name": "renamed"}, {}, "other"),
    ],
)
def test_the_surface_is_told_from_what_the_records_carry(
    databases: Databases, resource: dict[str, str], of: dict[str, str], surface: str
) -> None:
    databases.load([log("user_prompt", {"prompt.id": "p1", **of}, resource=resource)])
    assert one_session(databases)["surface"] == surface


def test_a_private_record_marks_its_session(databases: Databases) -> None:
    databases.load(
        [
            content("private", {"prompt.id": "p1"}),
            content("session_end", {"argus.end.reason": "other"}, at_s=3, span_id=2),
        ]
    )
    row = one_session(databases)
    assert (row["is_private"], row["is_ended"], row["coverage"]) == (True, True, "hook")


def test_a_denied_permission_is_a_rejected_call(databases: Databases) -> None:
    databases.load(
        [
            content(
                "tool_call", {"prompt.id": "p1", "gen_ai.tool.name": "Bash", "gen_ai.tool.call.id": "t1"}, span_id=1
            ),
            content(
                "permission",
                {
                    "prompt.id": "p1",
                    "argus.hook": "PermissionDenied",
                    "gen_ai.tool.name": "Bash",
                    "gen_ai.tool.call.id": "t1",
                },
                span_id=2,
            ),
        ]
    )
    assert one_session(databases)["tool_rejected_count"] == 1


def test_gen_ai_conversation_id_is_not_the_session(databases: Databases) -> None:
    databases.load(
        [
            span(
                "claude_code.tool",
                {"tool_use_id": "t1", "tool_name": "Bash", "gen_ai.conversation.id": "agent", "agent_id": "agent"},
            )
        ]
    )
    assert one_session(databases)["session_id"] == "s1"


def test_other_services_in_the_same_tables_make_no_session(databases: Databases) -> None:
    for event in ("order_placed", "tool_result"):
        signal, body = log(event, {"tool_use_id": "t1"}, resource={"service.name": "shop"}, prefix="")
        databases.load(
            [(signal, body.replace(b"com.anthropic.claude_code.events", b"com.example.shop.logging.handler"))]
        )
    assert databases.view("sessions") == []
    assert len(databases.landed("otel_logs")) == 2


def test_workspaces_are_apart(databases: Databases) -> None:
    databases.load([api_request("r1", 0.1)], workspace="a")
    databases.load([api_request("r1", 0.2)], workspace="b")
    assert {row["workspace"]: row["cost_usd"] for row in databases.view("sessions")} == {"a": 0.1, "b": 0.2}


def test_old_data_months_at_once_and_absurd_times_load(databases: Databases) -> None:
    days = [api_request(f"r{day}", 0.001, at_s=-86_400 * day) for day in range(300)]
    absurd = [api_request("zero", 0.001, at_s=-T0_NS / S_NS), api_request("far", 0.001, at_s=10**9)]
    databases.load([*days, *absurd])
    assert (one_session(databases)["api_request_count"], one_session(databases)["cost_usd"]) == (302, 0.302)
    times = databases.landed("otel_logs", "TimeUnixNano, toUnixTimestamp64Nano(Timestamp) AS stored", "TimeUnixNano")
    assert times[0]["TimeUnixNano"] == 0
    assert times[0]["stored"] > T0_NS, "stored under the time of receipt"
    assert times[-1]["TimeUnixNano"] == T0_NS + 10**9 * S_NS, "its own time is kept"


def test_dropped_events_never_land(fresh: object) -> None:
    databases = fresh(drop_events=("hook_execution_start",))  # type: ignore[operator] # the fixture's function
    databases.load([log("hook_execution_start", {}), log("user_prompt", {"prompt.id": "p1"})])
    assert [row["Body"] for row in databases.landed("otel_logs")] == ["claude_code.user_prompt"]
    assert databases.view("dropped_records") == [
        {"workspace": "default", "event": "hook_execution_start", "record_count": 1}
    ]
    databases.drop()


STAMP = {"event.timestamp": "2026-11-24T10:00:00.000Z", "event.sequence": 1}


def test_a_keyless_record_of_an_absurd_time_is_one_however_often_it_comes(databases: Databases) -> None:
    far = 90 * 86_400  # seconds after the receipt: stored under the time of receipt, which differs each time
    request = log("api_request", {"prompt.id": "p1", "cost_usd": 0.01, **STAMP}, at_s=far)
    databases.load([request])
    databases.load([request], received_at_ns=RECEIVED_AT_NS + 5 * S_NS)
    row = one_session(databases)
    assert (row["api_request_count"], row["cost_usd"]) == (1, 0.01)


def test_an_agent_that_stops_twice_has_two_records_whatever_is_merged(databases: Databases) -> None:
    stops = [
        content("subagent_stop", {"prompt.id": prompt_id, "agent_id": "a1", "argus.identity": prompt_id}, at_s=at_s)
        for prompt_id, at_s in (("p1", 10), ("p2", 50))
    ]
    for request in stops:
        databases.load([request])
    before = databases.snapshot()
    databases.optimize()
    assert databases.snapshot() == before
    databases.load(stops[::-1])
    databases.optimize()
    assert databases.snapshot() == before


def test_a_prompt_without_its_id_is_a_turn(databases: Databases) -> None:
    databases.load([log("user_prompt", {"prompt": "hello", "prompt_length": "5", **STAMP})])
    row = one_session(databases)
    assert (row["turn_count"], row["human_turn_count"]) == (1, 1)
    [turn] = databases.view("turns")
    assert turn["is_human"] is True


def test_a_prompt_known_from_an_error_only_is_no_turn_anywhere(databases: Databases) -> None:
    databases.load([log("api_error", {"prompt.id": "p1", "request_id": "r1", "error": "overloaded"})])
    assert one_session(databases)["turn_count"] == len(databases.view("turns")) == 0


def test_a_later_record_without_a_version_takes_none_away(databases: Databases) -> None:
    databases.load(
        [
            log("user_prompt", {"prompt.id": "p1", "app.version": "2.1.330"}),
            log(
                "user_prompt", {"prompt.id": "p2", "app.version": ""}, at_s=60, resource={"service.name": "claude-code"}
            ),
        ]
    )
    assert one_session(databases)["client_version"] == "2.1.330"


def test_of_several_values_of_one_attribute_a_session_has_the_greatest(databases: Databases) -> None:
    for team in ("payments", "billing"):
        resource = {"service.name": "claude-code", "team": team}
        databases.load([log("user_prompt", {"prompt.id": team}, resource=resource)])
    assert one_session(databases)["attributes"] == {"team": "payments"}


def test_an_answer_that_no_key_joins_is_counted(databases: Databases) -> None:
    databases.load(
        [
            log("assistant_response", {"prompt.id": "p1", "response": "done", "response_length": "4", **STAMP}),
            content("assistant_message", {"prompt.id": "p1", "argus.hook": "Stop", "argus.content.length": 9}, at_s=1),
        ]
    )
    assert one_session(databases)["unmatched_count"] == 1


def test_a_call_whose_event_lacks_the_id_of_its_span_is_counted_once(databases: Databases) -> None:
    """Cowork's events may lack the request id that spans have: one call, not two."""
    call = {"model": "claude-sonnet-4-5", "input_tokens": 1200, "output_tokens": 225}
    reported = log("api_request", {"prompt.id": "p1", "cost_usd": 0.006975, **call, **STAMP})
    spoken_of = span("claude_code.llm_request", {"request_id": "r1", "success": True, **call}, at_s=1)
    databases.load([spoken_of])
    row = one_session(databases)
    assert (row["api_request_count"], row["cost_usd"], row["cost_source"]) == (1, 0.006975, "estimated")
    databases.load([reported])
    row = one_session(databases)
    assert (row["api_request_count"], row["cost_usd"], row["cost_source"]) == (1, 0.006975, "events")
    assert row["input_tokens"] == 1200
    assert [call["cost_source"] for call in databases.view("api_requests")] == ["events"]
    assert sum(line["cost_usd"] for line in databases.view("transcript")) == 0.006975


def test_a_call_whose_event_was_lost_is_estimated_and_the_session_says_so(databases: Databases) -> None:
    call = {"model": "claude-sonnet-4-5", "input_tokens": 1200, "output_tokens": 225}
    databases.load(
        [
            log("api_request", {"prompt.id": "p1", "request_id": "r1", "cost_usd": 0.5, **call}),
            span("claude_code.llm_request", {"request_id": "r2", "success": True, **call}, at_s=1),
        ]
    )
    row = one_session(databases)
    assert (row["api_request_count"], row["cost_usd"], row["cost_source"]) == (2, 0.506975, "estimated")
    assert sum(line["cost_usd"] for line in databases.view("transcript")) == 0.506975
