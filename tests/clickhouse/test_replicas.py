"""Several servers that hold the same: whoever fails is left for another, and nothing is lost or counted twice."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from api_calls import calls
from replica import listening

from argus_otel.envelope import DEFAULT_WORKSPACE, Envelope, Signal, encode
from argus_otel.errors import StoreRefusedError, StoreUnavailableError
from argus_otel.replicas import Replicas
from argus_otel.store import ServerLogin, ServerStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from databases import Databases
    from replica import Replica


class Pair:
    """Two replicas of the test's databases and a store that knows both."""

    def __init__(self, databases: Databases, folder: Path, stack: ExitStack) -> None:
        self.databases = databases
        self.folder = folder
        self.handlers: list[type[Replica]] = []
        urls = []
        for name in ("first", "second"):
            (folder / name).mkdir()
            address, handler = stack.enter_context(listening(databases.store, folder / name))
            self.handlers.append(handler)
            urls.append(f"http://{address}")
        self.store = ServerStore(",".join(urls), ServerLogin(query_timeout_s=1))
        stack.callback(self.store.close)

    def insert(self, number: int) -> None:
        segment = self.folder / "segment"
        segment.write_bytes(encode(Envelope(Signal.LOGS, DEFAULT_WORKSPACE, 1, 1, 0, calls([number]))))
        self.store.insert([segment], f"{self.databases.settings.otel_database}.otlp_logs")

    def stored(self) -> list[str]:
        return [row["request_id"] for row in self.databases.view("api_requests", order="request_id")]

    def landed(self) -> int:
        return len(self.databases.landed("otel_logs"))


@pytest.fixture
def pair(databases: Databases, tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(databases, tmp_path, stack)


@pytest.mark.parametrize("mode", ["away", "readonly", "slow", "proxy"])
def test_what_one_fails_at_another_does(pair: Pair, mode: str) -> None:
    pair.handlers[0].mode = mode
    pair.insert(1)
    pair.insert(2)
    assert pair.stored() == ["r1", "r2"]
    assert pair.handlers[1].inserts == 2
    assert pair.handlers[0].inserts <= 1, "the second time the one that failed is not asked"


def test_what_was_taken_and_not_answered_is_sent_again_and_counts_once(pair: Pair) -> None:
    pair.handlers[0].mode = "taken"
    pair.insert(1)
    assert pair.handlers[0].inserts >= 1, "the client asks a connection that it had open twice"
    assert pair.landed() == pair.handlers[0].inserts + pair.handlers[1].inserts >= 2, "landing is at least once"
    assert pair.stored() == ["r1"]
    [session] = pair.databases.view("sessions")
    assert (session["api_request_count"], session["cost_nanousd"]) == (1, 1_000_000)


def test_who_answers_is_asked_from_then_on(pair: Pair) -> None:
    pair.handlers[0].mode = "readonly"
    pair.insert(1)
    pair.handlers[0].mode = "well"
    pair.insert(2)
    assert (pair.handlers[0].inserts, pair.handlers[1].inserts) == (1, 2)
    pair.handlers[1].mode = "away"
    pair.insert(3)
    assert pair.stored() == ["r1", "r2", "r3"]


def test_if_all_fail_it_may_pass(pair: Pair) -> None:
    for handler in pair.handlers:
        handler.mode = "readonly"
    with pytest.raises(StoreUnavailableError, match="TABLE_IS_READ_ONLY") as caught:
        pair.insert(1)
    assert caught.value.code == 242
    assert [handler.inserts for handler in pair.handlers] == [1, 1]


def test_what_the_data_is_at_fault_for_is_asked_of_one(pair: Pair) -> None:
    with pytest.raises(StoreRefusedError):
        pair.store.rows("SELECT CAST('x', 'UInt8')")
    with pytest.raises(StoreUnavailableError, match="UNKNOWN_TABLE"):
        pair.store.rows("SELECT * FROM system.no_such_table")
    pair.insert(1)
    assert [handler.inserts for handler in pair.handlers] == [1, 0], "neither was the replica's fault"


def test_rows_that_nothing_keys_are_sent_to_one_only(pair: Pair) -> None:
    pair.handlers[0].mode = "away"
    with pytest.raises(StoreUnavailableError):
        pair.store.insert_native("argus.facts", ["session_id"], b"")


def test_failures_are_remembered_for_a_while() -> None:
    now_s = 0.0
    replicas = Replicas(3, clock_s=lambda: now_s)
    assert replicas.in_order() == [0, 1, 2]
    replicas.failed(0)
    assert replicas.in_order() == [1, 2, 0]
    replicas.failed(1)
    assert replicas.in_order() == [2, 0, 1]
    now_s = 5.0
    assert replicas.in_order() == [0, 1, 2], "nobody answered since: the first is as good as any"
    replicas.failed(0)
    now_s = 14.0
    assert replicas.in_order() == [1, 2, 0], "twice as long the second time: 10 s from 5 s on"
    now_s = 15.0
    assert replicas.in_order() == [0, 1, 2]
    replicas.answered(2)
    assert replicas.in_order() == [2, 0, 1], "who answered is asked first"
    for _ in range(20):
        replicas.failed(2)
    now_s = 15.0 + 301.0
    assert replicas.in_order()[0] == 2, "at most five minutes"
