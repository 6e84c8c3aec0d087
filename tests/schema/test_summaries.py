"""The summaries that dashboards read: they add up to the sessions, and say what their definitions say (docs/views.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from native import api_request, content, log, meter, prompt, span

from argus_otel.demo import recordings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from databases import Databases
    from native import Request

COSTS_NANOUSD = {"default": 90_675_000, "content-on": 90_675_000, "resume": 164_500_000}
"""The recordings' README: 0.090675 and 0.1645 USD."""
EDIT = {"prompt.id": "p1", "tool_use_id": "t1", "tool_name": "Edit"}
ADDED, USER = {"type": "added"}, {"type": "user"}
OF_DAVE = {"enduser.id": "dave", "team": "payments"}
HOUR_S = 3600
FIRST_HOUR, SECOND_HOUR = "2026-11-23 02:00:00", "2026-11-23 03:00:00"
"""The hand-made records begin at 02:13:20."""


@pytest.fixture(scope="module")
def recorded(fresh: Callable[..., Databases]) -> Iterator[Databases]:
    made = fresh()
    for name in recordings.NAMES:
        made.load([*recordings.requests(name), *recordings.content(name)])
    yield made
    made.drop()


def total(rows: list[dict[str, Any]], column: str) -> int:
    return sum(row[column] for row in rows)


@pytest.mark.parametrize("name", recordings.NAMES)
def test_the_hours_of_a_recording_add_up_to_its_session(recorded: Databases, name: str) -> None:
    where = f"session_id = '{recordings.truth(name)['session_id']}'"
    [session] = recorded.view("session_list", where)
    hours = recorded.view("cost_hourly", where)
    assert total(hours, "cost_nanousd") == session["cost_nanousd"] == COSTS_NANOUSD[name]
    assert total(hours, "request_count") == len(recordings.truth(name)["request_ids"])
    for column in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens"):
        assert total(hours, column) == session[column] > 0
    calls = recorded.view("tools_hourly", where)
    assert total(calls, "call_count") == len(recordings.truth(name)["tool_use_ids"])
    assert total(calls, "failure_count") == session["tool_failure_count"] == 1
    assert total(calls, "rejected_count") == session["tool_rejected_count"]
    assert all(row["durations_ms"] == sorted(row["durations_ms"]) for row in calls)
    assert sum(len(row["durations_ms"]) for row in calls) == session["tool_call_count"] - session["tool_rejected_count"]


def test_a_day_of_the_recordings(recorded: Databases) -> None:
    days = recorded.view("daily_users")
    assert {row["day"] for row in days} == {"2026-11-22"}
    assert total(days, "cost_nanousd") == sum(COSTS_NANOUSD.values())
    assert total(days, "session_count") == len(recordings.NAMES)
    assert total(days, "tool_call_count") == 9 + 9 + 4
    [dave] = [row for row in days if row["user_label"] == "dave"]
    assert (dave["team"], dave["surface"], dave["request_count"]) == ("payments", "agent-sdk", 7)


def test_a_list_has_all_that_the_session_has(recorded: Databases) -> None:
    listed = {row["session_id"]: row for row in recorded.view("session_list")}
    for session in recorded.view("sessions"):
        row = listed[session["session_id"]]
        assert {name: row[name] for name in session} == session


def test_what_cost_in_two_hours_stands_in_both(databases: Databases) -> None:
    databases.load([
        api_request("r1", 0.01, model="a"),
        api_request("r2", 0.02, model="b"),
        api_request("r3", 0.04, at_s=HOUR_S, model="a"),
    ])  # fmt: skip
    rows = databases.view("cost_hourly", order="hour, model")
    assert [(row["hour"], row["model"], row["cost_usd"]) for row in rows] == [
        (FIRST_HOUR, "a", 0.01),
        (FIRST_HOUR, "b", 0.02),
        (SECOND_HOUR, "a", 0.04),
    ]


METERED: list[Request] = [
    meter("claude_code.cost.usage", [(0, 60, 0.1, {"model": "a"}), (60, 3700, 0.2, {"model": "a"})]),
    meter("claude_code.token.usage", [(0, 60, 100, {"model": "a", "type": "input"})]),
]


def test_a_session_without_events_costs_what_its_meters_say_each_point_in_its_own_hour(databases: Databases) -> None:
    databases.load(METERED)
    rows = databases.view("cost_hourly", order="hour")
    assert [(row["hour"], row["cost_nanousd"], row["input_tokens"], row["cost_source"]) for row in rows] == [
        (FIRST_HOUR, 100_000_000, 100, "metrics"),
        (SECOND_HOUR, 200_000_000, 0, "metrics"),
    ]
    assert databases.view("sessions")[0]["cost_usd"] == 0.3


def test_meters_are_no_addition_to_events(databases: Databases) -> None:
    databases.load([*METERED, api_request("r1", 0.01)])
    [row] = databases.view("cost_hourly")
    assert (row["cost_usd"], row["input_tokens"], row["cost_source"]) == (0.01, 10, "events")


def test_of_spans_without_cost_the_meters_tell_the_cost_and_the_spans_the_tokens(databases: Databases) -> None:
    call = {"request_id": "r1", "success": True, "model": "claude-haiku-4-5", "input_tokens": 1000}
    databases.load([span("claude_code.llm_request", call)])
    [row] = databases.view("cost_hourly")
    assert (row["cost_nanousd"], row["cost_source"], row["input_tokens"]) == (1_000_000, "estimated", 1000)
    databases.load(METERED)
    rows = databases.view("cost_hourly")
    [session] = databases.view("sessions")
    assert total(rows, "cost_nanousd") == session["cost_nanousd"] == 300_000_000
    assert total(rows, "input_tokens") == session["input_tokens"] == 1000
    assert {row["cost_source"] for row in rows} == {session["cost_source"]} == {"metrics"}


def test_of_a_cumulative_series_the_highest_point_counts_where_it_was_first_reached(databases: Databases) -> None:
    points = [(0, 60, 0.1, {}), (0, 3700, 0.25, {}), (0, 8000, 0.25, {})]
    databases.load([meter("claude_code.cost.usage", points, is_cumulative=True)])
    [row] = databases.view("cost_hourly")
    assert (row["hour"], row["cost_nanousd"]) == (SECOND_HOUR, 250_000_000)


def test_activity_is_what_the_meters_say(databases: Databases) -> None:
    databases.load([
        meter("claude_code.lines_of_code.count", [(0, 60, 7, ADDED), (60, 3700, 3, ADDED), (0, 60, 2, {"type": "removed"})]),
        meter("claude_code.commit.count", [(0, 60, 1, {})]),
        meter("claude_code.active_time.total", [(0, 60, 0.1, USER), (60, 61, 0.2, USER), (0, 60, 5, {"type": "cli"})]),
        meter("claude_code.code_edit_tool.decision", [(0, 60, 1, {"tool_name": "Edit", "decision": "reject"})]),
    ])  # fmt: skip
    rows = databases.view("activity_hourly", order="metric, detail, hour")
    assert [(row["metric"], row["detail"], row["hour"], row["value"]) for row in rows] == [
        ("active_time_s", "cli", FIRST_HOUR, 5),
        ("active_time_s", "user", FIRST_HOUR, 0.3),
        ("commit", "", FIRST_HOUR, 1),
        ("edit_decision", "reject", FIRST_HOUR, 1),
        ("lines_of_code", "added", FIRST_HOUR, 7),
        ("lines_of_code", "added", SECOND_HOUR, 3),
        ("lines_of_code", "removed", FIRST_HOUR, 2),
    ]
    [session] = databases.view("session_list")
    told = ("lines_added", "lines_removed", "commit_count", "pull_request_count", "active_time_s")
    assert [session[name] for name in told] == [10, 2, 1, 0, 5.3]


def test_what_no_meter_was_sent_for_is_not_known(databases: Databases) -> None:
    databases.load([api_request("r1", 0.01)])
    [session] = databases.view("session_list")
    told = ("lines_added", "lines_removed", "commit_count", "pull_request_count", "active_time_s")
    assert [session[name] for name in told] == [None] * 5
    assert databases.view("activity_hourly") == []


def test_errors_add_up_to_the_sessions(databases: Databases) -> None:
    """Where events tell of errors, the spans of the same session do not count again."""
    failed = {"success": False, "model": "m", "error_class": "Overloaded"}
    databases.load([
        log("api_error", {"request_id": "r1", "status_code": 529, "model": "m"}),
        log("api_error", {"status_code": 400, "model": "m"}, at_s=HOUR_S),
        span("claude_code.llm_request", {"request_id": "r1", **failed}),
        span("claude_code.llm_request", {"request_id": "r2", **failed}, span_id=2),
        span("claude_code.llm_request", {"request_id": "r3", **failed}, session="s2", span_id=3),
    ])  # fmt: skip
    rows = databases.view("api_errors_hourly", order="session_id, hour")
    assert [(row["session_id"], row["hour"], row["error_type"], row["error_count"]) for row in rows] == [
        ("s1", FIRST_HOUR, "529", 1),
        ("s1", SECOND_HOUR, "400", 1),
        ("s2", FIRST_HOUR, "Overloaded", 1),
    ]
    assert [row["api_error_count"] for row in databases.view("sessions", order="session_id")] == [2, 1]


def test_a_rebuild_wrote_to_the_cache_and_read_nothing_though_it_had_asked_before(databases: Databases) -> None:
    first, hit = {"cache_creation_tokens": 500}, {"cache_read_tokens": 500}
    databases.load([
        api_request("r1", 0.05, **first),
        api_request("r2", 0.01, at_s=60, **hit),
        api_request("r3", 0.07, at_s=4000, cache_creation_tokens=700),
        api_request("r4", 0.02, at_s=4060, cache_creation_tokens=10, **hit),
        api_request("r5", 0.03, at_s=4120, model="another", **first),
        api_request("r6", 0.04, at_s=4180, session="s2", **first),
    ])  # fmt: skip
    [row] = databases.view("rebuilds_hourly")
    told = (row["session_id"], row["hour"], row["rebuild_count"], row["cost_nanousd"], row["cache_creation_tokens"])
    assert told == ("s1", SECOND_HOUR, 1, 70_000_000, 700)


def test_a_version_has_the_figures_of_the_sessions_that_ran_it(databases: Databases) -> None:
    told = {
        "argus.version.skill:greet": "aa",
        "argus.version.settings:user": "cc",
        "argus.version.~/.claude/CLAUDE.md": "bb",
    }
    databases.load([
        content("session_start", told),
        api_request("r1", 0.01, **{"skill.name": "greet"}),
        api_request("r2", 0.02),
    ])  # fmt: skip
    rows = databases.view("versions", order="thing")
    assert [(row["thing"], row["name"], row["hash"]) for row in rows] == [
        ("claude_md", "~/.claude/CLAUDE.md", "bb"),
        ("settings", "user", "cc"),
        ("skill", "greet", "aa"),
    ]
    assert {row["cost_usd"] for row in rows} == {0.03}
    assert [row["skill_cost_nanousd"] for row in rows] == [0, 0, 10_000_000]
    assert [row["is_used"] for row in rows] == [False, False, True]


def test_a_skill_that_was_in_reach_is_used_once_it_is_called(databases: Databases) -> None:
    """Also where the telemetry names none: the plugin tells the call."""
    told = {"argus.version.skill:greet": "aa", "argus.version.skill:other": "bb"}
    databases.load(
        [
            content("session_start", told),
            content("tool_call", {"gen_ai.tool.name": "Skill", "argus.skill.name": "greet"}),
        ]
    )
    assert {row["name"]: row["is_used"] for row in databases.view("versions")} == {"greet": True, "other": False}


def failures(count: int) -> list[Request]:
    return [
        log("tool_result", {"tool_name": "Bash", "tool_use_id": f"f{number}", "success": "false"}, at_s=number)
        for number in range(count)
    ]


def successes(count: int) -> list[Request]:
    return [
        log("tool_result", {"tool_name": "Bash", "tool_use_id": f"k{number}", "success": "true"}, at_s=number)
        for number in range(count)
    ]


ASKED = api_request("r1", 0.01)
ERROR = {"request_id": "r9", "status_code": 529, "model": "m"}
REJECTED = log("tool_decision", {**EDIT, "decision": "reject", "source": "user_reject"}, at_s=50)
EDITED = log("tool_result", {**EDIT, "success": "true"}, at_s=40)
COMMITTED = meter("claude_code.commit.count", [(0, 60, 1, {})])


@pytest.mark.parametrize(
    ("records", "outcome"),
    [
        ([prompt("p1")], "empty"),
        ([log("api_error", ERROR)], "failed"),
        ([ASKED, log("api_error", ERROR, at_s=9), COMMITTED], "failed"),
        ([ASKED, log("api_error", ERROR, at_s=-9)], "answered"),
        ([ASKED, COMMITTED, REJECTED], "delivered"),
        ([ASKED, meter("claude_code.pull_request.count", [(0, 60, 1, {})])], "delivered"),
        ([ASKED, meter("claude_code.pull_request.count", [(0, 60, 0, {})])], "answered"),
        ([ASKED, *failures(5), REJECTED], "rejected"),
        ([ASKED, REJECTED, log("tool_decision", {**EDIT, "tool_use_id": "t2", "decision": "accept"}, at_s=60)], "answered"),
        ([ASKED, *failures(5)], "struggling"),
        ([ASKED, *failures(5), EDITED], "struggling"),
        ([ASKED, *failures(4)], "answered"),
        ([ASKED, *failures(6), *successes(14)], "struggling"),
        ([ASKED, *failures(6), *successes(15)], "answered"),
        ([ASKED, EDITED], "edited"),
        ([ASKED, log("tool_result", {**EDIT, "success": "false"})], "answered"),
        ([ASKED, meter("claude_code.lines_of_code.count", [(0, 60, 3, {"type": "removed"})])], "edited"),
        ([ASKED], "answered"),
        ([content("assistant_message", {"argus.hook": "Stop", "gen_ai.output.messages": "[]"})], "answered"),
        (METERED, "answered"),
    ],
)  # fmt: skip
def test_an_outcome_is_the_first_that_is_true(databases: Databases, records: list[Request], outcome: str) -> None:
    databases.load(records)
    assert [row["outcome"] for row in databases.view("session_list")] == [outcome]


def test_a_user_is_known_by_name_else_by_what_was_sent(databases: Databases) -> None:
    argus = databases.settings.argus_database
    databases.load([
        api_request("r1", 0.01, session="named", **{"user.email": "Dev1@Example.com", "user.id": "x"}),
        api_request("r2", 0.01, session="by install", **{"user.id": "install-2", "user.email": "dev2@example.com"}),
        api_request("r3", 0.01, session="mailed", **{"user.email": "dev3@example.com"}),
        log("api_request", {"request_id": "r4", "cost_usd": 0.01}, session="sent", resource=OF_DAVE),
        api_request("r5", 0.01, session="install only", **{"user.id": "install-5"}),
        api_request("r6", 0.01, session="nobody", **{"vcs.repository.name": "acme/shop"}),
    ])  # fmt: skip
    databases.store.execute(
        f"INSERT INTO {argus}.people_facts (imported_at, user_key, user_name, team, cost_centre) SELECT now64(9), * FROM"
        " values(('dev1@example.com', 'Developer One', 'search', 'cc-1'), ('install-2', 'Developer Two', '', ''))"
    )
    rows = databases.view("session_labels")
    assert {row["session_id"]: (row["user_label"], row["team"], row["cost_centre"]) for row in rows} == {
        "named": ("Developer One", "search", "cc-1"),
        "by install": ("Developer Two", "", ""),
        "mailed": ("dev3@example.com", "", ""),
        "sent": ("dave", "payments", ""),
        "install only": ("install-5", "", ""),
        "nobody": ("", "", ""),
    }
    assert {row["session_id"]: row["repository"] for row in rows if row["repository"]} == {"nobody": "acme/shop"}
    for view in ("session_list", "cost_hourly"):
        labels = {row["session_id"]: row["user_label"] for row in databases.view(view)}
        assert labels == {row["session_id"]: row["user_label"] for row in rows}
