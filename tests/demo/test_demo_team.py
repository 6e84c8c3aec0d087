"""The made-up team: deterministic, shaped as real telemetry is, and adding up."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING

import pytest
from exports import events, points, spans

from argus_otel.demo import team
from argus_otel.demo.work import PRICES

if TYPE_CHECKING:
    from argus_otel.demo.otlp import Request
    from argus_otel.demo.work import Session

NOW_NS = 1_795_400_000_000_000_000  # a Monday, 2026-11-23T02:13:20Z
SEED = 7


@pytest.fixture(scope="module")
def sessions() -> list[Session]:
    return team.sessions(SEED, NOW_NS)


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return [request for batch in team.requests(SEED, NOW_NS) for request in batch]


def day_of(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 10**9, UTC).date().isoformat()


def test_the_same_seed_and_instant_give_the_same_bytes(requests: list[Request]) -> None:
    assert [request for batch in team.requests(SEED, NOW_NS) for request in batch] == requests


def test_another_seed_gives_other_sessions(sessions: list[Session]) -> None:
    others = {session.session_id for session in team.sessions(SEED + 1, NOW_NS)}
    assert not others & {session.session_id for session in sessions}


@pytest.mark.parametrize("hour", range(0, 24, 5))
def test_two_weeks_end_now(hour: int) -> None:
    now_ns = NOW_NS + hour * 3600 * 10**9
    sessions = team.sessions(SEED, now_ns)
    assert max(session.ended_at_ns for session in sessions) <= now_ns
    assert min(session.started_at_ns for session in sessions) > now_ns - 14 * 86_400 * 10**9
    assert 200 <= len(sessions) <= 300


def test_the_events_cost_what_their_tokens_cost(sessions: list[Session], requests: list[Request]) -> None:
    calls = [event for event in events(requests) if event["body"] == "claude_code.api_request"]
    nanousd = sum(round(call["cost_usd"] * 1e9) for call in calls)
    expected = 0
    for call in calls:
        price = PRICES[call["model"]]
        expected += call["input_tokens"] * price.input_nanousd + call["output_tokens"] * price.output_nanousd
        expected += call["cache_read_tokens"] * price.cache_read_nanousd
        expected += call["cache_creation_tokens"] * price.cache_creation_nanousd
    assert nanousd == expected == sum(session.cost_nanousd for session in sessions)


def test_metrics_agree_with_events_where_there_are_metrics(sessions: list[Session], requests: list[Request]) -> None:
    metered = sum(round(value * 1e9) for value in points(requests, "claude_code.cost.usage"))
    assert metered == sum(session.cost_nanousd for session in sessions if session.surface != "cowork")
    assert sum(points(requests, "claude_code.session.count")) == sum(s.surface != "cowork" for s in sessions)


def test_one_day_costs_ten_ordinary_ones_because_of_one_session(sessions: list[Session]) -> None:
    costliest = max(sessions, key=lambda session: session.cost_nanousd)
    cost_by_day: dict[str, int] = {}
    for session in sessions:
        if session is not costliest:
            day = day_of(session.started_at_ns)
            cost_by_day[day] = cost_by_day.get(day, 0) + session.cost_nanousd
    weekdays = [cost for day, cost in cost_by_day.items() if datetime.fromisoformat(day).weekday() < 5]
    assert 10 * median(weekdays) <= costliest.cost_nanousd < 11 * median(weekdays)
    failing = [call.tool for call in costliest.calls if call.tool and call.tool.outcome == "failure"]
    assert len(failing) > 100
    assert {(tool.name, json.dumps(dict(tool.input))) for tool in failing} == {
        ("Bash", '{"command": "make integration-test VERBOSE=1"}')
    }


def test_weekends_are_quiet(sessions: list[Session]) -> None:
    at_weekends = [s for s in sessions if datetime.fromisoformat(day_of(s.started_at_ns)).weekday() >= 5]
    assert len(at_weekends) < len(sessions) / 10


def test_cowork_sends_events_only_with_text_and_without_keys(sessions: list[Session]) -> None:
    session = next(session for session in sessions if session.surface == "cowork")
    sent = team.requests_of(session)
    said = list(events(sent))
    assert len(sent) == 1
    assert not {key for event in said for key in event} & {"request_id", "tool_use_id", "query_source"}
    assert said[0]["prompt"] == session.turns[0].prompt


def test_other_surfaces_send_no_text_natively(sessions: list[Session]) -> None:
    session = next(session for session in sessions if session.surface == "claude-code")
    said = list(events(team.requests_of(session)))
    assert {event["prompt"] for event in said if "prompt" in event} == {"<REDACTED>"}
    assert {event["response"] for event in said if "response" in event} == {"<REDACTED>"}


def test_some_sessions_have_both_legs_and_some_one(sessions: list[Session]) -> None:
    legs = {session.has_hooks for session in sessions}
    assert legs == {True, False}
    for session in sessions:
        told = {span["session.id"] for span in spans(team.requests_of(session), "argus_otel.capture")}
        assert told == ({session.session_id} if session.has_hooks else set())


def test_both_legs_name_the_same_prompts_and_tool_calls(sessions: list[Session]) -> None:
    for session in [session for session in sessions if session.has_hooks][:40]:
        sent = team.requests_of(session)
        hooked = list(spans(sent, "argus_otel.capture"))
        native = list(events(sent))
        assert {s["prompt.id"] for s in hooked if "prompt.id" in s} == {e["prompt.id"] for e in native}
        called = {s["gen_ai.tool.call.id"] for s in hooked if s["name"] == "argus.tool_call"}
        assert called == {e["tool_use_id"] for e in native if "tool_use_id" in e}


def test_events_are_in_order_within_a_session(sessions: list[Session]) -> None:
    for session in sessions:
        times = [event["at_ns"] for event in events(team.requests_of(session))]
        assert times == sorted(times)


def test_the_secret_is_one_of_the_looping_sessions(sessions: list[Session]) -> None:
    leaking = [s for s in sessions if any(b"made-up-secret" in body for _, body in team.requests_of(s))]
    assert leaking == [max(sessions, key=lambda session: session.cost_nanousd)]
