"""From the spool to a receiver: in order, once, whatever the receiver answers and whenever anything is killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from capture_doubles import (
    NOBODY,
    QUICK,
    SHIPPER_SCRIPT,
    Machine,
    Receiver,
    Request,
    prompt,
    told,
    tool,
    wait_until,
)

from argus_otel.capture.hook import append, ship_what_waits
from argus_otel.capture.shipper import BATCH_BYTES_MAX, Lock, run_shipper

if TYPE_CHECKING:
    from collections.abc import Iterable

BASE_NS = time.time_ns() - 60_000_000_000


def put(machine: Machine, stdin: bytes, at_ns: int | None = None, **environ: str) -> None:
    """What a hook leaves, without a shipper."""
    append(str(machine.state), "", stdin, at_ns or time.time_ns(), {**machine.environ, **environ})


def put_tools(machine: Machine, numbers: Iterable[int], **fields: Any) -> None:
    for number in numbers:
        put(machine, tool(number, **fields), time.time_ns() - 1_000_000_000 + number)


def calls(receiver: Receiver) -> list[str]:
    return [span["attributes"].get("gen_ai.tool.call.id", "") for span in receiver.spans]


def ids(numbers: Iterable[int]) -> list[str]:
    return [f"toolu_{number}" for number in numbers]


def test_what_waits_is_sent_in_order_as_compressed_otlp_and_deleted(machine: Machine, receiver: Receiver) -> None:
    put_tools(machine, range(5))
    machine.ship(ARGUS_OTEL_TOKEN="t0ken")
    (request,) = receiver.requests
    assert request.path == "/v1/traces"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Content-Encoding"] == "gzip"
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert calls(receiver) == ids(range(5))
    assert machine.waiting() == []
    assert (machine.report().shipped_count, machine.report().waiting_bytes) == (5, 0)


def test_a_clock_that_goes_back_loses_nothing(machine: Machine, receiver: Receiver) -> None:
    for number in range(5):
        put(machine, tool(number), BASE_NS - number * 3600 * 1_000_000_000)
    put(machine, tool(5), 1)
    machine.ship()
    assert sorted(calls(receiver)) == ids(range(6))


def test_batches_hold_at_most_2_mib_and_at_least_one_run(machine: Machine, receiver: Receiver) -> None:
    large = {"ARGUS_OTEL_VALUE_BYTES_MAX": str(10 * BATCH_BYTES_MAX)}
    for number in range(12):
        put(machine, tool(number, tool_input={"command": "x y " * 100_000}), BASE_NS + number, **large)
    put(machine, tool(12, tool_input={"command": "x y " * BATCH_BYTES_MAX}), BASE_NS + 12, **large)
    put(machine, tool(13), BASE_NS + 13)
    machine.ship()
    import gzip

    sizes = [len(gzip.decompress(request.body)) for request in receiver.requests]
    per_request = [len(request.spans) for request in receiver.requests]
    assert per_request == [5, 5, 2, 1, 1]
    assert all(size <= BATCH_BYTES_MAX for size, count in zip(sizes, per_request, strict=True) if count > 1)
    assert sizes[3] > BATCH_BYTES_MAX
    assert calls(receiver) == ids(range(14))


def test_a_receiver_that_is_away_is_served_when_it_is_back(machine: Machine, receiver: Receiver) -> None:
    put_tools(machine, range(3))
    receiver.status = 503
    machine.ship()
    assert len(machine.waiting(".spans")) == 3
    assert machine.waiting(".raw") == [], "text is not left as it came"
    assert len(receiver.requests) > 1
    assert "answered 503" in machine.report().last_error
    receiver.requests.clear()
    receiver.status = 200
    put_tools(machine, range(3, 5))
    machine.ship()
    assert calls(receiver) == ids(range(5))
    assert machine.waiting() == []


def test_a_shipper_waits_for_its_receiver_to_be_started(tmp_path: Path) -> None:
    with Receiver() as first:
        port = first.server_port
    machine = Machine(tmp_path / "machine", f"http://127.0.0.1:{port}")
    try:
        machine.hook(tool(1))
        wait_until(lambda: "was not reached" in machine.log)
        with Receiver(port) as receiver:
            wait_until(lambda: calls(receiver) == ["toolu_1"])
            wait_until(lambda: machine.waiting() == [])
    finally:
        machine.stop_shippers()


@pytest.mark.parametrize("status", [404, 408, 429, 502, 503, 504, 302])
def test_what_may_be_put_right_is_tried_again(machine: Machine, receiver: Receiver, status: int) -> None:
    put_tools(machine, range(2))
    answers = iter([status, status])
    receiver.status_of = lambda _: next(answers, 200)
    machine.ship()
    assert [len(request.spans) for request in receiver.requests] == [2, 2, 2]
    assert machine.waiting() == []


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_the_one_that_is_refused_is_found_and_set_aside(machine: Machine, receiver: Receiver, status: int) -> None:
    put_tools(machine, range(9))

    def refuse_the_sixth(request: Request) -> int:
        return status if "toolu_6" in [span["attributes"]["gen_ai.tool.call.id"] for span in request.spans] else 200

    receiver.status_of = refuse_the_sixth
    machine.ship()
    taken = [request for request in receiver.requests if refuse_the_sixth(request) == 200]
    assert [span["attributes"]["gen_ai.tool.call.id"] for request in taken for span in request.spans] == ids(
        [0, 1, 2, 3, 4, 5, 7, 8]
    )
    (refused,) = machine.spool.glob("*.refused")
    assert b"toolu_6" in refused.read_bytes()
    assert f"answered {status}" in machine.log
    assert (machine.report().refused_count, machine.report().shipped_count, machine.waiting()) == (1, 8, [])


def test_a_receiver_that_fails_over_a_request_is_left_alone_after_some_tries(
    machine: Machine, receiver: Receiver
) -> None:
    put_tools(machine, range(2))
    receiver.status = 500
    run_shipper(str(machine.spool), machine.environ, pace=QUICK._replace(life_s=3600))
    assert len(receiver.requests) == 5
    assert len(machine.waiting(".spans")) == 2


def test_rejected_records_are_counted_and_not_sent_again(machine: Machine, receiver: Receiver) -> None:
    put_tools(machine, range(3))
    receiver.answer = b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"SENTINEL"}}'
    machine.ship()
    assert len(receiver.requests) == 1
    assert (machine.waiting(), machine.report().rejected_count) == ([], 2)
    assert "rejected 2 records for good" in machine.log
    assert "SENTINEL" not in machine.log


@pytest.mark.parametrize("asked", ["1", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_receiver_says_when_it_wants_to_be_asked_again(machine: Machine, receiver: Receiver, asked: str) -> None:
    put_tools(machine, range(1))
    receiver.status = 429
    receiver.headers["Retry-After"] = asked
    # The pace allows it to ask for more than there is life.
    run_shipper(str(machine.spool), machine.environ, pace=QUICK._replace(asked_delay_max_s=300))
    assert len(receiver.requests) == 1


def test_a_token_that_is_put_right_is_used(machine: Machine, receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("wrong\n")

    def only_the_right_one(request: Request) -> int:
        file.write_text("right\n")
        return 200 if request.headers.get("Authorization") == "Bearer right" else 401

    receiver.status_of = only_the_right_one
    put_tools(machine, range(1))
    machine.ship(ARGUS_OTEL_TOKEN_FILE=str(file))
    machine.ship(ARGUS_OTEL_TOKEN_FILE=str(file))
    assert [request.headers["Authorization"] for request in receiver.requests] == ["Bearer wrong", "Bearer right"]
    assert not [path for path in machine.state.rglob("*") if path.is_file() and b"right" in path.read_bytes()]


@pytest.mark.parametrize("status", [401, 403])
def test_a_shipper_whose_token_is_refused_leaves_at_once_to_one_with_another(
    machine: Machine, receiver: Receiver, status: int
) -> None:
    receiver.status_of = lambda request: 200 if request.headers.get("Authorization") == "Bearer right" else status
    machine.hook(tool(1), environ={"ARGUS_OTEL_TOKEN": "wrong"})  # real shippers, at their own pace
    wait_until(lambda: f"answered {status}" in machine.log)
    wait_until(lambda: machine.shippers() == [])
    assert (len(receiver.requests), len(machine.waiting(".spans"))) == (1, 1)
    assert f"answered {status}" in machine.report().last_error
    receiver.requests.clear()
    machine.hook(tool(2), environ={"ARGUS_OTEL_TOKEN": "right"})
    wait_until(lambda: machine.waiting() == [])
    assert calls(receiver) == ["toolu_1", "toolu_2"]


def test_a_shipper_whose_token_file_cannot_be_read_leaves_at_once(machine: Machine, receiver: Receiver) -> None:
    machine.hook(tool(1), environ={"ARGUS_OTEL_TOKEN_FILE": "/nowhere"})
    wait_until(lambda: "/nowhere" in machine.log)
    wait_until(lambda: machine.shippers() == [])
    machine.hook(tool(2), environ={"ARGUS_OTEL_TOKEN": "right"})
    wait_until(lambda: machine.waiting() == [])
    assert calls(receiver) == ["toolu_1", "toolu_2"]


@pytest.mark.parametrize("seed", range(4))
def test_killed_at_random_points_it_loses_nothing_and_every_span_stays_itself(
    machine: Machine, receiver: Receiver, seed: int
) -> None:
    chance = random.Random(seed)
    put_tools(machine, range(60), tool_input={"command": "x " * 30_000})
    command = [sys.executable, "-I", "-S", str(SHIPPER_SCRIPT), str(machine.spool)]
    kills = 0
    while machine.waiting():
        process = subprocess.Popen(command, env=machine.environ)
        try:
            process.wait(chance.uniform(0.02, 0.2))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    assert kills > 0
    sent: dict[str, set[str]] = {}
    for span in receiver.spans:
        sent.setdefault(span["spanId"], set()).add(json.dumps(span))
    assert len(sent) == 60
    assert all(len(same) == 1 for same in sent.values())
    assert sorted({span["attributes"]["gen_ai.tool.call.id"] for span in receiver.spans}) == sorted(ids(range(60)))
    assert list(machine.spool.glob("*.damaged")) == []


def test_of_a_raw_file_and_what_was_made_of_it_the_latter_counts(machine: Machine, receiver: Receiver) -> None:
    """As a kill leaves them between the two steps."""
    put(machine, tool(1), BASE_NS)
    (name,) = machine.waiting(".raw")
    raw = (machine.spool / name).read_bytes()
    receiver.status = 503
    machine.ship()
    (machine.spool / name).write_bytes(raw.replace(b"echo 1", b"echo 2"))
    receiver.requests.clear()
    receiver.status = 200
    machine.ship()
    (span,) = receiver.spans
    assert span["attributes"]["gen_ai.tool.call.arguments"] == '{"command":"echo 1"}'
    assert machine.waiting() == []


def test_told_to_stop_it_leaves_and_loses_nothing(machine: Machine, receiver: Receiver) -> None:
    receiver.status = 503
    machine.hook(tool(1))
    wait_until(lambda: len(receiver.requests) > 0)
    (shipper,) = machine.shippers()
    shipper.send_signal(signal.SIGTERM)
    wait_until(lambda: not _is_alive(shipper))
    assert len(machine.waiting(".spans")) == 1
    assert "ended" not in machine.log


def _is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(
    "damage",
    [
        b"", b"\0" * 100, b"{}\n{}", b'{"at_ns": 1}\n{}', b'{"at_ns": "x", "env": {}}\n{}',
        b'{"at_ns": 1, "env": {}}\n{"session_id"', b'{"at_ns": 1, "env": {}}\n[]',
        b'{"at_ns": 1, "env": {}}\n{"session_id": 5}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_damaged_raw_file_is_set_aside_and_blocks_nothing(
    machine: Machine, receiver: Receiver, damage: bytes
) -> None:
    put_tools(machine, range(2))
    (machine.spool / "0000000000000000001-1.raw").write_bytes(damage)
    machine.ship()
    assert calls(receiver) == ids(range(2))
    assert [path.name for path in machine.spool.glob("*.damaged")] == ["0000000000000000001-1.raw.damaged"]
    assert (machine.report().damaged_count, machine.waiting()) == (1, [])


@pytest.mark.parametrize("damage", [b"", b"\0" * 100, b"{}\n", b"cut short", b"flipped"])
def test_a_damaged_file_of_spans_is_set_aside_and_blocks_nothing(
    machine: Machine, receiver: Receiver, damage: bytes
) -> None:
    put_tools(machine, range(3))
    receiver.status = 503
    machine.ship()
    first = machine.spool / machine.waiting(".spans")[0]
    whole = first.read_bytes()
    first.write_bytes({b"cut short": whole[:-10], b"flipped": whole[:-9] + b"?" + whole[-8:]}.get(damage, damage))
    receiver.requests.clear()
    receiver.status = 200
    machine.ship()
    assert calls(receiver) == ids([1, 2])
    assert [path.name for path in machine.spool.glob("*.damaged")] == [f"{first.name}.damaged"]


def test_a_record_whose_settings_are_not_understood_is_dropped_and_counted(
    machine: Machine, receiver: Receiver
) -> None:
    put(machine, tool(1), ARGUS_OTEL_CAPTURE_LEVEL="of")
    put(machine, tool(2))
    machine.ship()
    assert calls(receiver) == ["toolu_2"]
    assert dict(machine.report().dropped) == {"settings": 1}
    assert "ARGUS_OTEL_CAPTURE_LEVEL is 'of'" in machine.log


def test_each_record_is_made_by_the_settings_of_its_own_hook(machine: Machine, receiver: Receiver) -> None:
    key = "sk-ant-api03-" + "a" * 93 + "AA"
    put(machine, tool(1, tool_input={"command": key}), BASE_NS)
    put(machine, tool(2, tool_input={"command": key}), BASE_NS + 1, ARGUS_OTEL_CAPTURE_LEVEL="metadata")
    put(machine, tool(3, tool_input={"command": key}), BASE_NS + 2, CLAUDE_PLUGIN_OPTION_EXCLUDE_TOOLS="Ba*")
    put(machine, tool(4, tool_input={"command": key}), BASE_NS + 3, ARGUS_OTEL_CAPTURE_LEVEL="off")
    put(machine, tool(5, tool_input={"command": "x" * 100}), BASE_NS + 4, ARGUS_OTEL_VALUE_BYTES_MAX="10")
    put(machine, tool(6, tool_input={"command": key}), BASE_NS + 5, ARGUS_OTEL_REDACTION="false")
    machine.ship()
    said = {span["attributes"]["gen_ai.tool.call.id"]: span["attributes"] for span in receiver.spans}
    assert set(said) == {"toolu_1", "toolu_2", "toolu_3", "toolu_5", "toolu_6"}
    arguments = {name: about.get("gen_ai.tool.call.arguments") for name, about in said.items()}
    assert "REDACTED" in arguments["toolu_1"]
    assert (arguments["toolu_2"], arguments["toolu_3"]) == (None, None)
    assert said["toolu_5"]["argus.content.truncated"] is True
    assert key in arguments["toolu_6"]


def test_what_is_on_disk_for_longer_is_redacted(machine: Machine, receiver: Receiver) -> None:
    key = "sk-ant-api03-" + "b" * 93 + "AA"
    receiver.status = 503
    put(machine, tool(1, tool_input={"command": key}))
    machine.ship()
    assert machine.waiting(".spans")
    assert not [path for path in machine.state.rglob("*") if path.is_file() and key.encode() in path.read_bytes()]


def test_the_oldest_are_dropped_beyond_a_size_and_counted(machine: Machine, receiver: Receiver) -> None:
    put_tools(machine, range(10), tool_input={"command": "x" * 1000})
    receiver.status = 503
    machine.ship()
    file_bytes = max((machine.spool / name).stat().st_size for name in machine.waiting(".spans"))
    machine.ship(ARGUS_OTEL_CAPTURE_SPOOL_BYTES_MAX=str(4 * file_bytes))
    receiver.status = 200
    receiver.requests.clear()
    machine.ship()
    assert calls(receiver) == ids(range(6, 10))
    assert dict(machine.report().dropped) == {"size": 6}
    assert "6 records dropped: size" in machine.log


def test_what_is_too_old_is_dropped_if_it_cannot_be_sent(machine: Machine, receiver: Receiver) -> None:
    hour_ns = 3600 * 1_000_000_000
    put(machine, tool(1), time.time_ns() - 2 * hour_ns)
    put(machine, tool(2))
    receiver.status = 503
    machine.ship(ARGUS_OTEL_CAPTURE_SPOOL_AGE_S_MAX="3600")
    receiver.status = 200
    receiver.requests.clear()
    machine.ship()
    assert calls(receiver) == ["toolu_2"]
    assert dict(machine.report().dropped) == {"age": 1}


def test_the_spool_of_an_endpoint_that_is_set_no_more_is_bounded_in_age(machine: Machine) -> None:
    put(machine, tool(1), BASE_NS - 2 * 3600 * 1_000_000_000, ARGUS_OTEL_ENDPOINT=NOBODY)
    put(machine, tool(2), ARGUS_OTEL_ENDPOINT=NOBODY)
    put(machine, tool(3))
    machine.ship(ARGUS_OTEL_CAPTURE_SPOOL_AGE_S_MAX="3600")
    left = list(machine.state.glob("spool/*/*.raw"))
    assert len(left) == 1
    assert b"toolu_2" in left[0].read_bytes()


def test_a_disk_that_is_full_for_the_shipper_too_loses_nothing(machine: Machine, receiver: Receiver) -> None:
    put_tools(machine, range(3), tool_input={"command": "x" * 10_000})
    little_room = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))"
    become = "import os, sys; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    command = ["-I", "-S", "-c", f"{little_room}; {become}", "-I", "-S", str(SHIPPER_SCRIPT), str(machine.spool)]
    process = subprocess.Popen([sys.executable, *command], env=machine.environ)
    wait_until(lambda: "cannot be prepared: File too large" in machine.log)
    process.kill()
    process.wait()
    assert (len(machine.waiting(".raw")), receiver.requests) == (3, [])
    machine.ship()
    assert calls(receiver) == ids(range(3))


def test_only_one_ships_and_one_that_leaves_looks_once_more(machine: Machine, receiver: Receiver) -> None:
    put_tools(machine, range(1))
    lock = Lock(str(machine.spool), None)
    assert lock.take()
    ship_what_waits(str(machine.spool), machine.environ)
    machine.ship()
    assert (machine.shippers(), receiver.requests) == ([], [])
    lock.give_away()
    late = iter([2])

    class Late(Lock):
        """A hook writes just before the lock is given away, and finds it taken."""

        def give_away(self) -> None:
            for number in late:
                put_tools(machine, [number])
                ship_what_waits(str(machine.spool), machine.environ)
            super().give_away()

    import argus_otel.capture.shipper as module

    patch = pytest.MonkeyPatch()
    patch.setattr(module, "Lock", Late)
    try:
        machine.ship()
    finally:
        patch.undo()
    assert machine.shippers() == []
    assert calls(receiver) == ids([0, 2])


def test_one_shipper_serves_a_busy_session_to_its_end(machine: Machine, receiver: Receiver) -> None:
    machine.hook(tool(0))
    wait_until(lambda: len(receiver.requests) > 0)
    (first,) = machine.shippers()
    for number in range(1, 10):
        machine.hook(tool(number))
    machine.hook(told("SessionEnd", reason="other"))
    wait_until(lambda: len(receiver.span_ids) == 11)
    assert [shipper.pid for shipper in machine.shippers()] == [first.pid]
    assert calls(receiver) == [*ids(range(10)), ""]
    wait_until(lambda: machine.shippers() == [])


def test_a_receiver_that_takes_nothing_is_given_up_and_tried_by_the_next_hook(lonely: Machine) -> None:
    put_tools(lonely, range(2))
    lonely.ship()  # ends
    assert len(lonely.waiting(".spans")) == 2
    assert lonely.report().last_error_at_ns > 0
    lonely.hook(tool(2))
    wait_until(lambda: len(lonely.shippers()) == 1)


def test_neither_log_nor_state_quotes_a_session_or_a_token(machine: Machine, receiver: Receiver) -> None:
    put(machine, prompt("SENTINEL"))
    put(machine, b'{"session_id": "s", "x": SENTINEL')
    (machine.spool / "1-1.spans").write_bytes(b"SENTINEL")
    answers = iter([503, 400])
    receiver.status_of = lambda _: next(answers, 200)
    receiver.answer = b"SENTINEL"
    machine.ship(ARGUS_OTEL_TOKEN="T0KEN")
    machine.ship(ARGUS_OTEL_TOKEN="T0KEN\n x")
    for file in (machine.state / "capture.log", machine.spool / "state.json"):
        assert b"SENTINEL" not in file.read_bytes()
        assert b"T0KEN" not in file.read_bytes()


TRANSCRIPTS = Path(__file__).parents[1] / "fixtures" / "transcripts" / "turns"


def test_text_that_no_hook_tells_is_completed_from_the_transcript_if_that_is_wanted(
    machine: Machine, receiver: Receiver, tmp_path: Path
) -> None:
    whole = next(TRANSCRIPTS.glob("8ac0*.jsonl"))
    transcript = tmp_path / whole.name
    session = {"session_id": whole.stem, "transcript_path": str(transcript)}
    put(machine, told("SessionStart", **session), ARGUS_OTEL_TRANSCRIPT="true")
    machine.ship()
    transcript.write_bytes(whole.read_bytes())
    for times, wanted in enumerate(("false", "true", "true")):
        receiver.requests.clear()
        put(machine, told("Stop", **session), ARGUS_OTEL_TRANSCRIPT=wanted)
        machine.ship()
        sources = [span["attributes"].get("argus.source") for span in receiver.spans]
        assert set(sources) == ({"transcript"} if times else set())
        texts = "".join(str(span["attributes"]["gen_ai.output.messages"]) for span in receiver.spans)
        assert len(texts) > 0 or not times
    assert {span["name"] for span in receiver.spans} == {"argus.assistant_message"}


def test_what_was_in_a_transcript_before_it_was_captured_stays_there(
    machine: Machine, receiver: Receiver, tmp_path: Path
) -> None:
    whole = next(TRANSCRIPTS.glob("8ac0*.jsonl"))
    session = {"session_id": whole.stem, "transcript_path": str(whole)}
    for event in ("SessionStart", "Stop", "SessionEnd"):
        put(machine, told(event, **session), ARGUS_OTEL_TRANSCRIPT="true")
    machine.ship()
    assert {span["name"] for span in receiver.spans} == {"argus.session_start", "argus.session_end"}


def test_a_config_file_that_others_can_write_is_used_but_noted(machine: Machine, receiver: Receiver) -> None:
    file = machine.home / ".config/argus-otel/capture.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"token": "t"}')
    file.chmod(0o666)
    put_tools(machine, range(1))
    machine.ship()
    assert receiver.requests[0].headers["Authorization"] == "Bearer t"
    assert f"{file} can be written by others" in machine.log


def test_a_config_file_with_a_key_that_is_unknown_sends_nothing(machine: Machine, receiver: Receiver) -> None:
    file = machine.home / ".config/argus-otel/capture.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"unknown": 1}')
    put_tools(machine, range(2))
    machine.ship()
    assert (receiver.requests, machine.waiting()) == ([], [])
    assert "unknown key 'unknown'" in machine.report().last_error
