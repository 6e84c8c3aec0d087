"""Whenever what is summed up, by however many, and whatever comes late: the summaries are what the facts say."""

from __future__ import annotations

import itertools
import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from native import api_request, content, log, meter, prompt, span
from rolling import FailingStore, age, empty, fresh_sessions, roll, roller, summaries

from argus_otel.demo import recordings
from argus_otel.envelope import Signal
from argus_otel.errors import StoreUnavailableError
from argus_otel.privacy.erasure import ErasureRequest

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from databases import Databases
    from native import Request

TURN = {"prompt.id": "p1"}
MODEL = {"model": "m"}
INPUT = {**MODEL, "type": "input"}
CLI = {"type": "cli"}
ERROR = {**MODEL, "request_id": "r9", "status_code": 529, "error": "overloaded"}
UNPRICED = {"request_id": "r8", "success": True, "model": "claude-haiku-4-5", "input_tokens": 9}
VERSIONS = {"argus.version.skill:greet": "aa", "argus.version.CLAUDE.md": "bb"}
NATIVE_CALL = {**TURN, "tool_use_id": "t1", "tool_name": "Bash"}
DONE = {**NATIVE_CALL, "success": "false", "duration_ms": "40", "request_id": "r1"}
HOOK_CALL = {**TURN, "gen_ai.tool.call.id": "t1", "gen_ai.tool.name": "Bash"}

EVERYTHING: list[Request] = [
    *recordings.requests("resume"),
    *recordings.content("resume"),
    # Known by its meters; of a cumulative series the highest point counts, in whatever hour it is.
    meter(
        "claude_code.cost.usage", [(0, 60, 0.1, MODEL), (0, 7200, 0.25, MODEL)], session="metered", is_cumulative=True
    ),
    meter("claude_code.cost.usage", [(0, 3600, 0.2, MODEL)], session="metered", is_cumulative=True),
    meter("claude_code.token.usage", [(0, 60, 100, INPUT)], session="metered"),
    meter("claude_code.active_time.total", [(0, 60, 1.1, CLI), (60, 4000, 2.2, CLI)], session="metered"),
    meter("claude_code.lines_of_code.count", [(0, 60, 7, {"type": "added"})], session="metered"),
    # An error that both an event and a span tell of, and a call known from its span alone.
    log("api_error", ERROR, session="failed", at_s=9),
    span("claude_code.llm_request", {**MODEL, "request_id": "r9", "success": False}, session="failed", at_s=9),
    span("claude_code.llm_request", UNPRICED, session="failed"),
    # Both legs, over two hours, with versions.
    content("session_start", VERSIONS, session="both"),
    prompt("p1", session="both"),
    api_request("r1", 0.01, session="both", **{"skill.name": "greet"}),
    api_request("r2", 0.02, session="both", at_s=3700),
    log("tool_decision", {**NATIVE_CALL, "decision": "accept", "source": "config"}, session="both", at_s=1),
    log("tool_result", DONE, session="both", at_s=2),
    content("tool_call", HOOK_CALL, session="both", at_s=1, span_id=2),
    content("session_end", {"argus.end.reason": "logout"}, session="both", at_s=3800, span_id=3),
]
"""Records of which any may come late: each kind of session that the summaries tell apart."""

STEPS = st.lists(
    st.tuples(st.just("load"), st.integers(1, 20))
    | st.tuples(st.just("roll"), st.sampled_from([1, 1000]))
    | st.tuples(st.just("roll and die"), st.integers(0, 4)),
    max_size=8,
)
"""How many records, how many sessions at once, after how many statements."""


@pytest.fixture(scope="module")
def emptied(fresh: Callable[[], Databases]) -> Iterator[Databases]:
    """Databases that each example empties: to make them takes longer."""
    made = fresh()
    yield made
    made.drop()


@pytest.fixture(scope="module")
def live(emptied: Databases) -> dict[str, bytes]:
    """What the facts say, with nothing summed up."""
    empty(emptied)
    emptied.load(EVERYTHING)
    return summaries(emptied)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=st.randoms(use_true_random=False), steps=STEPS)
def test_the_summaries_are_what_the_facts_say(
    emptied: Databases, live: dict[str, bytes], order: random.Random, steps: list[tuple[str, int]]
) -> None:
    """In any order, repeated, late, summed up at any moment, and the roller killed between any two of its statements."""
    waiting = [*EVERYTHING, *order.choices(EVERYTHING, k=6)]
    order.shuffle(waiting)
    empty(emptied)
    for step, count in steps:
        if step == "load" and waiting:
            emptied.load(waiting[:count])
            del waiting[:count]
        elif step == "roll":
            roll(emptied, slice_sessions=count, batch_sessions=count)
        elif step == "roll and die":
            roll_and_die(emptied, count)
    emptied.load(waiting)
    assert summaries(emptied) == live


def roll_and_die(databases: Databases, statement_count: int) -> None:
    """Begin to sum up, session by session, and come no further than so many statements."""
    age(databases)
    statements = itertools.count(1)
    dying = FailingStore(databases.store, lambda _: next(statements) > statement_count)
    with suppress(StoreUnavailableError):
        roller(databases, dying, slice_sessions=1, batch_sessions=1).roll_settled()


def test_a_late_record_of_a_session_that_was_summed_up_counts_at_once(databases: Databases) -> None:
    databases.load([api_request("r1", 0.01), api_request("r2", 0.05, session="s2")])
    assert roll(databases) == 2
    assert fresh_sessions(databases) == set()
    databases.load([api_request("r3", 0.02, at_s=7200)])
    assert fresh_sessions(databases) == {"s1"}
    assert [row["cost_usd"] for row in databases.view("session_list", order="session_id")] == [0.03, 0.05]
    assert [row["cost_usd"] for row in databases.view("cost_hourly", "session_id = 's1'", "hour")] == [0.01, 0.02]
    assert roll(databases) == 1
    assert [row["cost_usd"] for row in databases.view("session_list", order="session_id")] == [0.03, 0.05]


def test_a_figure_that_moves_to_another_hour_leaves_nothing_behind(databases: Databases) -> None:
    points = [(0, 60, 0.1, {}), (0, 7200, 0.25, {})]
    databases.load([meter("claude_code.cost.usage", points[:1], is_cumulative=True)])
    roll(databases)
    databases.load([meter("claude_code.cost.usage", points[1:], is_cumulative=True)])
    roll(databases)
    [cell] = databases.view("cost_hourly")
    assert (cell["cost_usd"], cell["cost_source"]) == (0.25, "metrics")


def test_what_changed_within_the_margin_is_left_alone(databases: Databases) -> None:
    databases.load([api_request("r1", 0.01)])
    assert roller(databases, margin_s=600).roll_settled() == 0
    assert fresh_sessions(databases) == {"s1"}
    age(databases, 3600)
    assert roller(databases, margin_s=600).roll_settled() == 1
    assert fresh_sessions(databases) == set()


def test_a_backlog_is_done_in_slices_and_each_advances_the_mark(databases: Databases) -> None:
    for number in range(6):
        databases.load([api_request(f"r{number}", 0.01, session=f"s{number}")])
        age(databases, 10)
    inserts = itertools.count(1)
    # The oldest two, their mark, and then nothing more.
    dying = FailingStore(databases.store, lambda _: next(inserts) > 3)
    with pytest.raises(StoreUnavailableError):
        roller(databases, dying, slice_sessions=2, batch_sessions=1).roll_settled()
    assert fresh_sessions(databases) == {"s2", "s3", "s4", "s5"}
    assert roller(databases).roll_settled() == 4


def test_sessions_too_long_for_the_memory_are_summed_up_in_smaller_batches(databases: Databases) -> None:
    databases.load([api_request(f"r{number}", 0.01, session=f"s{number}") for number in range(5)])
    age(databases)
    few = FailingStore(databases.store, lambda sql: sum(f"'s{number}'" in sql for number in range(5)) > 2, code=241)
    assert roller(databases, few).roll_settled() == 5
    assert fresh_sessions(databases) == set()


def test_two_rollers_and_a_loader_at_once_disturb_nobody(databases: Databases, live: dict[str, bytes]) -> None:
    failures: list[BaseException] = []

    def again_and_again(work: Callable[[], object]) -> None:
        try:
            for _ in range(4):
                work()
        except BaseException as error:
            failures.append(error)

    parts = iter([EVERYTHING[begin::4] for begin in range(4)])
    rollers = [roller(databases, slice_sessions=2, batch_sessions=1, margin_s=1) for _ in range(2)]
    threads = [threading.Thread(target=again_and_again, args=(one.roll_settled,)) for one in rollers]
    threads.append(threading.Thread(target=again_and_again, args=(lambda: databases.load(next(parts)),)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert summaries(databases) == live


def test_who_reads_meanwhile_counts_each_session_once(databases: Databases) -> None:
    """Records that come again make a session fresh, and its figures stay: at no moment may it be in both parts, or in none."""
    argus = databases.settings.argus_database
    records = [api_request(f"r{number}", 0.01, session=f"s{number}") for number in range(10)]
    databases.load(records)
    read = threading.Event()

    def until_read(work: Callable[[], object]) -> None:
        while not read.is_set():
            work()

    again = itertools.cycle(records)
    passing = roller(databases, pause_s=3)
    threads = [
        threading.Thread(target=until_read, args=(lambda: databases.load([next(again)]),)),
        threading.Thread(target=until_read, args=(passing.roll_settled,)),
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in range(40):
            [seen] = databases.store.rows(
                f"SELECT count() AS cells, sum(cost_nanousd) AS cost FROM {argus}.cost_hourly"
            )
            assert seen == {"cells": 10, "cost": 100_000_000}
    finally:
        read.set()
        for thread in threads:
            thread.join()


def test_privacy_is_asked_when_read(databases: Databases) -> None:
    databases.load([api_request("r1", 0.01)])
    roll(databases)
    asked = ErasureRequest("s1", "command", "operator", 1)
    databases.load([(Signal.CONTROL, asked.envelope("default", 1).request)])
    assert fresh_sessions(databases) == set(), "nothing was summed up anew"
    [row] = databases.view("session_list")
    assert (row["is_private"], row["cost_usd"]) == (True, 0.01)


def test_a_mark_of_other_rules_does_not_count(databases: Databases) -> None:
    """Another version summed up something else: what it left is not read."""
    databases.load([api_request("r1", 0.01)])
    roll(databases)
    argus = databases.settings.argus_database
    databases.store.execute(f"ALTER TABLE {argus}.rollup_marks DELETE WHERE 1 SETTINGS mutations_sync = 1")
    databases.store.execute(f"INSERT INTO {argus}.rollup_marks SELECT 'another version', now()")
    assert fresh_sessions(databases) == {"s1"}
    assert [row["cost_usd"] for row in databases.view("session_list")] == [0.01]
    assert roller(databases).roll_settled() == 1


def test_a_clock_that_is_set_back_begins_anew(databases: Databases) -> None:
    databases.load([api_request("r1", 1.0)])
    roll(databases)
    age(databases, -7200)  # what was dated so far lies in the future
    databases.load([api_request("r2", 5.0)])
    roller(databases).roll_settled()
    assert [row["cost_usd"] for row in databases.view("session_list")] == [6.0]
    assert fresh_sessions(databases) == {"s1"}
    age(databases, 5400)  # settled again, half an hour before the clock is back where it summed up first
    assert roller(databases).roll_settled() == 1
    assert fresh_sessions(databases) == set()
    assert [row["cost_usd"] for row in databases.view("session_list")] == [6.0]
    assert [row["cost_usd"] for row in databases.view("cost_hourly")] == [6.0]


def test_people_are_late_bound(databases: Databases) -> None:
    databases.load([api_request("r1", 0.01, **{"user.email": "Dev1@example.com"})])
    roll(databases)
    assert [row["user_label"] for row in databases.view("cost_hourly")] == ["Dev1@example.com"]
    databases.store.execute(
        f"INSERT INTO {databases.settings.argus_database}.people_facts (imported_at, user_key, user_name, team, cost_centre)"
        " SELECT now64(9), 'dev1@example.com', 'Developer One', 'search', 'cc-7'"
    )
    [row] = databases.view("cost_hourly")
    assert (row["user_label"], row["team"], row["cost_centre"]) == ("Developer One", "search", "cc-7")


def test_an_engine_that_is_away_is_told_once_and_tried_again(
    databases: Databases, caplog: pytest.LogCaptureFixture
) -> None:
    databases.load([api_request("r1", 0.01)])
    age(databases)
    away = threading.Event()
    away.set()
    passing = roller(databases, FailingStore(databases.store, lambda _: away.is_set()), interval_s=0)
    with caplog.at_level(logging.WARNING, "argus_otel.roll"):
        passing.start()
        while not caplog.records:
            pass
        away.clear()
        while fresh_sessions(databases):
            pass
        passing.close()
    assert [record.getMessage() for record in caplog.records] == ["summing up waits: code 210, "]
