"""A message that is streamed is one record. What is told here has the shape that an interactive session of 2.1.331 showed."""

from __future__ import annotations

import json
import random
import sys
import time
from typing import TYPE_CHECKING

import pytest
from capture_doubles import prompt, told, wait_until

from argus_otel.capture import pieces
from argus_otel.capture.hook import append

if TYPE_CHECKING:
    from capture_doubles import Machine, Receiver

NOW_NS = time.time_ns()
TEXT = [
    "# Title\n\n",
    "First paragraph of a long answer.\nSecond line here.\n\n- item one\n",
    "- item two\n\n",
    "Last words.",
]


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits half a minute is told as it is: the clock starts with the test, not with the run."""
    monkeypatch.setattr(sys.modules[__name__], "NOW_NS", time.time_ns())


def piece(index: int, message_id: str = "m1", session_id: str = "s1") -> bytes:
    return told(
        "MessageDisplay",
        session_id,
        prompt_id="p1",
        message_id=message_id,
        index=index,
        final=index == len(TEXT) - 1,
        delta=TEXT[index],
    )


def put(machine: Machine, stdin: bytes, at_ns: int) -> None:
    """What a hook leaves, without a shipper."""
    append(str(machine.state), "", stdin, at_ns, machine.environ)


def said(receiver: Receiver) -> list[str]:
    messages = [
        span["attributes"]["gen_ai.output.messages"]
        for span in receiver.spans
        if span["name"] == "argus.assistant_message"
    ]
    return [json.loads(message)[0]["parts"][0]["content"] for message in messages]


@pytest.mark.parametrize("seed", range(5))
def test_pieces_in_any_order_are_one_message(machine: Machine, receiver: Receiver, seed: int) -> None:
    order = list(range(len(TEXT)))
    random.Random(seed).shuffle(order)
    for place, index in enumerate(order):
        put(machine, piece(index), NOW_NS + place)
    machine.ship()
    assert said(receiver) == ["".join(TEXT)]
    [span] = receiver.spans
    assert span["endTimeUnixNano"] == str(NOW_NS + len(TEXT) - 1)
    assert machine.waiting(".raw", ".piece", ".spans") == []


def test_pieces_of_several_messages_do_not_mix(machine: Machine, receiver: Receiver) -> None:
    for place, index in enumerate(range(len(TEXT))):
        put(machine, piece(index, "m1"), NOW_NS + 10 * place)
        put(machine, piece(index, "m2"), NOW_NS + 10 * place + 1)
        put(machine, piece(index, "m1", "s2"), NOW_NS + 10 * place + 2)
    machine.ship()
    assert said(receiver) == ["".join(TEXT)] * 3
    assert len(set(receiver.span_ids)) == 3


def test_a_part_waits_and_is_told_when_no_more_comes(machine: Machine, receiver: Receiver) -> None:
    for index in (0, 1):
        put(machine, piece(index), NOW_NS + index)
    machine.ship()
    assert receiver.requests == []
    assert len(machine.waiting(".piece")) == 2
    earlier_ns = NOW_NS - pieces.WAIT_NS_MAX - 10**9
    for index in (0, 1):
        put(machine, piece(index, "m2"), earlier_ns + index)
    machine.ship()
    assert said(receiver) == ["".join(TEXT[:2])]
    assert len(machine.waiting(".piece")) == 2, "the younger one waits still"


def test_a_piece_that_is_told_twice_counts_once(machine: Machine, receiver: Receiver) -> None:
    for place, index in enumerate((0, 1, 1, 2, 3)):
        put(machine, piece(index), NOW_NS + place)
    machine.ship()
    assert said(receiver) == ["".join(TEXT)]
    assert machine.waiting(".piece") == []


def test_pieces_of_a_private_session_are_deleted(machine: Machine, receiver: Receiver) -> None:
    put(machine, piece(0), NOW_NS)
    machine.ship()
    assert machine.hook(prompt("/private"), "UserPromptSubmit")
    wait_until(lambda: machine.waiting(".raw", ".piece", ".spans", ".private") == [])
    assert said(receiver) == []


def test_real_hooks_at_once(machine: Machine, receiver: Receiver) -> None:
    for index in range(len(TEXT)):
        assert machine.hook(piece(index), "MessageDisplay") == b""
    wait_until(lambda: said(receiver) != [])
    assert said(receiver) == ["".join(TEXT)]
