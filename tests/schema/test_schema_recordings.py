"""The recorded sessions, through the schema, against the figures that their README and truth.json state."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from argus_otel.demo.recordings import NAMES, content, requests, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from databases import Databases

FIGURES = {
    "default": (13, 0.090675, 15600, 650, 65000, 3900, 9, 1, 0, 3),
    "content-on": (13, 0.090675, 15600, 650, 65000, 3900, 9, 1, 0, 3),
    "resume": (7, 0.1645, 14000, 350, 84000, 7000, 4, 1, 1, 3),
}
"""API requests, cost, the four token counts, tool calls, failed, rejected, prompts: the recordings' README."""
SECRET = "wJalrXUtnFEMI"


@pytest.fixture(scope="module")
def native(fresh: Callable[..., Databases]) -> Iterator[Databases]:
    made = fresh()
    for name in NAMES:
        made.load(requests(name))
    yield made
    made.drop()


@pytest.fixture(scope="module")
def both(fresh: Callable[..., Databases]) -> Iterator[Databases]:
    made = fresh()
    for name in NAMES:
        made.load([*requests(name), *content(name)])
    yield made
    made.drop()


def session(databases: Databases, name: str) -> dict[str, object]:
    [row] = databases.view("sessions", f"session_id = '{truth(name)['session_id']}'")
    return row


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("legs", ["native", "both"])
def test_figures_are_exact_to_the_last_digit(request: pytest.FixtureRequest, legs: str, name: str) -> None:
    row = session(request.getfixturevalue(legs), name)
    keys = (
        "api_request_count",
        "cost_usd",
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_creation_tokens",
    )
    keys += ("tool_call_count", "tool_failure_count", "tool_rejected_count", "turn_count")
    assert tuple(row[key] for key in keys) == FIGURES[name]
    assert row["cost_source"] == "events"
    assert row["coverage"] == legs
    assert row["surface"] == "agent-sdk"
    assert row["api_error_count"] == 0, "retries that succeeded are no errors"


@pytest.mark.parametrize("name", NAMES)
def test_every_served_request_and_call_is_a_row_of_its_own(both: Databases, name: str) -> None:
    known = truth(name)
    where = f"session_id = '{known['session_id']}'"
    assert {row["request_id"] for row in both.view("api_requests", where)} == set(known["request_ids"])
    assert sorted(row["tool_use_id"] for row in both.view("tool_calls", where)) == sorted(known["tool_use_ids"])


@pytest.mark.parametrize("name", NAMES)
def test_turns_and_transcript_add_up_to_the_session(both: Databases, name: str) -> None:
    where = f"session_id = '{truth(name)['session_id']}'"
    cost = FIGURES[name][1]
    assert round(sum(row["cost_usd"] for row in both.view("turns", where)), 9) == cost
    assert round(sum(row["cost_usd"] for row in both.view("transcript", where)), 9) == cost
    assert sum(row["api_request_count"] for row in both.view("turns", where)) == FIGURES[name][0]


def test_without_content_gates_the_native_leg_has_no_text(native: Databases) -> None:
    where = f"session_id = '{truth('default')['session_id']}'"
    turns = native.view("turns", where)
    assert [row["is_human"] for row in turns] == [None, None, None]
    assert session(native, "default")["human_turn_count"] == 0
    assert {row["text"] for row in native.view("transcript", f"{where} AND kind NOT IN ('subagent', 'system')")} == {""}
    assert {(row["first_prompt"], row["last_response"]) for row in native.view("session_text", where)} <= {("", "")}
    assert {(row["input"], row["output"], row["error"]) for row in native.view("tool_text", where)} == {("", "", "")}


def test_hooks_bring_what_the_native_leg_lacks(both: Databases) -> None:
    row = session(both, "default")
    where = f"session_id = '{row['session_id']}'"
    assert (row["human_turn_count"], row["is_ended"], row["subagent_count"]) == (2, True, 1)
    assert row["skills"] == ["greet"]
    assert row["mcp_servers"] == ["calc"]
    assert "mcp__calc__add" in row["tools"]
    [text] = both.view("session_text", where)
    assert text["first_prompt"] == truth("default")["turns"][0]["prompt"]
    assert text["last_response"] == "There is one file, hello.txt."
    assert [row["is_human"] for row in both.view("turns", where, "turn_index")] == [True, False, True]


def test_with_content_gates_open_the_native_leg_alone_is_readable(native: Databases) -> None:
    where = f"session_id = '{truth('content-on')['session_id']}'"
    assert session(native, "content-on")["human_turn_count"] == 2
    prompts = [row["text"] for row in native.view("transcript", f"{where} AND kind = 'user'", "position")]
    assert prompts[0] == truth("content-on")["turns"][0]["prompt"]
    assert prompts[1].startswith("<task-notification>")
    assert prompts[2] == truth("content-on")["turns"][1]["prompt"]


@pytest.mark.parametrize("name", NAMES)
def test_what_both_legs_say_stands_once(both: Databases, name: str) -> None:
    where = f"session_id = '{truth(name)['session_id']}'"
    rows = both.view("transcript", where)
    assert sum(row["kind"] == "assistant" for row in rows) == FIGURES[name][0], (
        "one row per call of the API, none besides"
    )
    assert sum(row["kind"] == "user" for row in rows) == FIGURES[name][9]
    assert sum(row["kind"] == "tool_call" for row in rows) == FIGURES[name][6]
    assert session(both, name)["unmatched_count"] == 0
    assert [row["position"] for row in both.view("transcript", where, "position")] == list(range(1, len(rows) + 1))


def test_the_same_sentence_at_the_end_of_two_turns_belongs_to_each(both: Databases) -> None:
    where = f"session_id = '{truth('default')['session_id']}'"
    responses = [row["response"] for row in both.view("turn_text", where)]
    said = "All done: the answer is 5 and the file says hello. Contact alice@example.com."
    assert responses.count(said) == 2
    assert "There is one file, hello.txt." in responses


def test_no_secret_is_readable_anywhere(both: Databases) -> None:
    assert all(SECRET.encode() not in data for data in both.snapshot().values())
    for table in ("otel_logs", "otel_traces", "otel_metrics_sum"):
        assert SECRET not in str(both.landed(table))
    assert "AWS_SECRET_ACCESS_KEY=[REDACTED:assigned_secret]" in str(both.view("tool_text"))


def test_the_subagents_calls_are_its_own(both: Databases) -> None:
    where = f"session_id = '{truth('default')['session_id']}' AND agent_id != ''"
    assert {row["agent_id"] for row in both.view("api_requests", where)} == {"a20b1210f799df30f"}
    assert [row["tool_name"] for row in both.view("tool_calls", where)] == ["Bash"]
    assert round(sum(row["cost_usd"] for row in both.view("api_requests", where)), 9) == 0.01395


def test_a_rejected_call_is_a_call_that_did_not_fail(both: Databases) -> None:
    where = f"session_id = '{truth('resume')['session_id']}' AND decision = 'reject'"
    [call] = both.view("tool_calls", where)
    assert (call["tool_name"], call["success"], call["decision_source"]) == ("Edit", None, "user_reject")


def test_a_failures_text_is_the_better_legs(both: Databases) -> None:
    errors = {row["tool_use_id"]: row["error"] for row in both.view("tool_text", "error != ''")}
    [failed] = both.view("tool_calls", f"session_id = '{truth('resume')['session_id']}' AND success = false")
    assert errors[failed["tool_use_id"]] == "Exit code 2\nline 1\nline 2\nline 3\nline 4\nline 5\noops"
    assert failed["error_type"] == "ShellError"


def test_what_the_operator_added_is_late_bound(native: Databases) -> None:
    row = session(native, "resume")
    assert row["attributes"] == {"team": "payments", "enduser.id": "dave"}
    assert row["client_version"] == "2.1.330"


def test_meters_agree_with_events(native: Databases) -> None:
    """A resumed session's cumulative meters start again: 0.094 and then 0.0705 are its 0.1645."""
    argus = native.settings.argus_database
    rows = native.store.rows(
        f"SELECT session_id, sum(cost) / 1e9 AS usd FROM (SELECT session_id, series, max(cost_nanousd) AS cost FROM {argus}.facts"
        " WHERE thing = 'metric' AND record = 'claude_code.cost.usage' GROUP BY session_id, series) GROUP BY session_id"
    )
    metered = {row["session_id"]: row["usd"] for row in rows}
    assert {name: metered[truth(name)["session_id"]] for name in NAMES} == {name: FIGURES[name][1] for name in NAMES}


@pytest.mark.parametrize("seed", range(3))
def test_order_and_repetition_change_no_byte(both: Databases, fresh: Callable[..., Databases], seed: int) -> None:
    chance = random.Random(seed)
    everything = [
        item for name in NAMES for item in [*requests(name), *content(name)] for _ in range(chance.randint(1, 3))
    ]
    chance.shuffle(everything)
    shuffled = fresh()
    while everything:
        size = chance.randint(1, 12)
        shuffled.load(everything[:size])
        del everything[:size]
    assert shuffled.snapshot() == both.snapshot()
    shuffled.drop()
