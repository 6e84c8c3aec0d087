"""`/private` on the user's machine: the answer, the marker, and what is in no request after the wish was sent."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from capture_doubles import NOBODY, Machine, Receiver, prompt, told, tool, wait_until

from argus_otel.capture import private
from argus_otel.capture.hook import append

if TYPE_CHECKING:
    from pathlib import Path

DONE = "argus-otel: this session is private. Nothing more of it is sent, and what was sent is deleted."
LATER = DONE[:-1] + ", as soon as {host} can be reached."


def ask(machine: Machine, session_id: str = "s1", text: str = "/private", **more: Any) -> dict[str, str]:
    """Type the command, and return what the hook answers."""
    answer: dict[str, str] = json.loads(machine.hook(prompt(text, session_id, "p9"), "UserPromptSubmit", **more))
    assert set(answer) == {"decision", "reason"}
    assert answer["decision"] == "block"
    return answer


def put(machine: Machine, stdin: bytes, **environ: str) -> None:
    append(str(machine.state), "", stdin, time.time_ns(), {**machine.environ, **environ})


def wishes(receiver: Receiver) -> list[dict[str, Any]]:
    return [span for span in receiver.spans if span["name"] == "argus.private"]


def assert_nothing_after_the_wish(receiver: Receiver, session_id: str = "s1") -> None:
    first = next(
        at for at, request in enumerate(receiver.requests)
        if any(span["name"] == "argus.private" and span["attributes"]["session.id"] == session_id for span in request.spans)
    )  # fmt: skip
    for request in receiver.requests[first:]:
        for span in request.spans:
            assert span["attributes"]["session.id"] != session_id or span["name"] == "argus.private"


@pytest.mark.parametrize("text", ["/private", " /private \n", "/argus-otel:private", "/private please", "/private\nx"])
def test_the_user_reads_one_clear_line_and_the_wish_is_sent(machine: Machine, receiver: Receiver, text: str) -> None:
    assert ask(machine, text=text)["reason"] == DONE
    wait_until(lambda: len(receiver.requests) == 1)
    (span,) = receiver.spans
    assert span["attributes"] | {"argus.identity": ""} == {
        "session.id": "s1",
        "prompt.id": "p9",
        "argus.record": "private",
        "argus.hook": "UserPromptSubmit",
        "argus.identity": "",
    }
    wait_until(lambda: machine.waiting() == [])
    (session,) = private.sessions(str(machine.state))
    assert (session.session_id, session.endpoint, session.sent_at_ns is None) == ("s1", receiver.url, False)


def test_the_marker_is_there_when_the_answer_is(lonely: Machine) -> None:
    ask(lonely)
    file = lonely.state / "private" / "s1"
    marker = json.loads(file.read_text())
    assert set(marker) == {"session_id", "asked_at_ns", "sent_at_ns", "endpoint", "prompt_id"}
    assert (marker["session_id"], marker["sent_at_ns"], marker["endpoint"]) == ("s1", None, NOBODY)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_other_text_and_other_commands_are_none_of_ours(lonely: Machine) -> None:
    for text in ("/foo:private", "/privately", "what is /private?", "\\u002fprivate"):
        assert lonely.hook(prompt(text), "UserPromptSubmit") == b""
    assert private.sessions(str(lonely.state)) == []


def test_asked_again_it_answers_the_same_and_the_marker_stays(machine: Machine, receiver: Receiver) -> None:
    answers = [ask(machine)]
    wait_until(lambda: private.sessions(str(machine.state))[0].sent_at_ns is not None)
    (before,) = private.sessions(str(machine.state))
    answers.append(ask(machine))
    assert answers[0] == answers[1]
    assert private.sessions(str(machine.state)) == [before]
    wait_until(lambda: machine.waiting() == [])
    assert len({span["spanId"] for span in wishes(receiver)}) == 1


def test_where_the_receiver_is_away_the_line_says_so(lonely: Machine) -> None:
    lonely.hook(tool(1))
    wait_until(lambda: "was not reached" in lonely.log)
    assert ask(lonely)["reason"] == LATER.format(host="127.0.0.1:1")


def test_a_password_in_the_endpoint_is_in_no_line(lonely: Machine) -> None:
    lonely.environ["ARGUS_OTEL_ENDPOINT"] = "http://user:SECRET@127.0.0.1:1"
    lonely.hook(tool(1))
    wait_until(lambda: "was not reached" in lonely.log)
    assert ask(lonely)["reason"] == LATER.format(host="127.0.0.1:1")
    assert "SECRET" not in lonely.log
    assert b"SECRET" not in (lonely.spool / "state.json").read_bytes()


def test_without_a_usable_endpoint_the_session_is_private_all_the_same(lonely: Machine) -> None:
    answer = ask(lonely, environ={"ARGUS_OTEL_ENDPOINT": "host:4318"})
    assert answer["reason"].startswith("argus-otel: this session is private.")
    assert [session.session_id for session in private.sessions(str(lonely.state))] == ["s1"]


def test_a_wish_that_cannot_be_kept_is_not_promised(lonely: Machine) -> None:
    lonely.hook(tool(1))

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    reason = ask(lonely, preexec_fn=no_room)["reason"]
    assert reason.startswith("argus-otel: this session could not be made private")
    assert "File too large" in reason
    assert private.sessions(str(lonely.state)) == []


def test_what_waited_is_never_sent(machine: Machine, receiver: Receiver) -> None:
    receiver.status = 503
    for number in range(3):
        put(machine, tool(number, "s1"))
        put(machine, tool(number, "s2"))
    machine.ship()
    put(machine, tool(3, "s1"))
    (machine.spool / "1-1.raw.damaged").write_bytes(b'{"session_id": "s1", SENTINEL')
    receiver.requests.clear()
    receiver.status = 200
    ask(machine)
    wait_until(lambda: len(receiver.requests) == 2)
    assert [span["name"] for span in receiver.requests[0].spans] == ["argus.private"], "it goes first"
    assert receiver.requests[1].sessions == ["s2"] * 3
    wait_until(lambda: machine.waiting() == [])
    assert [path for path in machine.spool.iterdir() if b'"s1"' in path.read_bytes()] == []


def test_nothing_follows_and_nothing_is_written(machine: Machine, receiver: Receiver) -> None:
    ask(machine)
    wait_until(lambda: private.sessions(str(machine.state))[0].sent_at_ns is not None)
    for stdin in (tool(1), told("SessionEnd"), told("SessionStart", source="resume"), prompt("SENTINEL")):
        assert machine.hook(stdin) == b""
    assert machine.waiting() == []
    machine.hook(tool(2, "s2", tool_input={"command": "about s1"}))
    wait_until(lambda: "s2" in [name for request in receiver.requests for name in request.sessions])
    assert_nothing_after_the_wish(receiver)


def test_until_it_is_delivered_every_hook_of_the_session_tries(machine: Machine, receiver: Receiver) -> None:
    receiver.status = 503
    ask(machine)
    wait_until(lambda: len(receiver.requests) > 0)
    machine.stop_shippers()
    receiver.requests.clear()
    receiver.status = 200
    machine.hook(tool(1))
    wait_until(lambda: private.sessions(str(machine.state))[0].sent_at_ns is not None)
    assert [span["name"] for span in receiver.spans] == ["argus.private"]


@pytest.mark.parametrize("lost", ["raw", "private"])
def test_a_wish_of_which_only_the_marker_is_left_is_sent_all_the_same(
    machine: Machine, receiver: Receiver, lost: str
) -> None:
    """The hook was killed after the marker was written, or its disk was full then."""
    put(machine, tool(1))
    (name,) = machine.waiting(".raw")
    receiver.status = 503
    private.ask(str(machine.state), "s1", time.time_ns(), machine.endpoint, "p9")
    if lost == "private":
        machine.ship()
        for name in machine.waiting(".private"):
            (machine.spool / name).unlink()
    receiver.requests.clear()
    receiver.status = 200
    machine.ship()
    (span,) = receiver.spans
    assert (span["name"], span["attributes"]["prompt.id"]) == ("argus.private", "p9")
    machine.ship()
    assert len(receiver.requests) == 1


def test_another_endpoint_is_told_too(machine: Machine, receiver: Receiver) -> None:
    ask(machine)
    wait_until(lambda: len(wishes(receiver)) == 1)
    with Receiver() as other:
        ask(machine, environ={"ARGUS_OTEL_ENDPOINT": other.url})
        wait_until(lambda: len(wishes(other)) == 1)


def test_a_wish_that_is_refused_is_set_aside_and_blocks_nothing(machine: Machine, receiver: Receiver) -> None:
    put(machine, tool(1, "s2"))
    receiver.status_of = lambda request: 400 if request.spans[0]["name"] == "argus.private" else 200
    ask(machine)
    wait_until(lambda: machine.waiting() == [])
    assert "s2" in [name for request in receiver.requests for name in request.sessions]
    assert private.sessions(str(machine.state))[0].sent_at_ns is None


@pytest.mark.parametrize("seed", range(3))
def test_hooks_that_run_at_the_same_time_send_nothing_after_the_wish(
    machine: Machine, receiver: Receiver, seed: int
) -> None:
    chance = random.Random(seed)
    receiver.status_of = lambda _: (time.sleep(chance.uniform(0, 0.02)), 200)[1]  # type: ignore[func-returns-value]

    def work(first: int) -> None:
        for number in range(first, first + 6):
            machine.hook(tool(number), "PreToolUse")
            machine.hook(tool(number, "s2"), "PreToolUse")

    workers = [threading.Thread(target=work, args=(first,)) for first in (0, 100, 200)]
    for worker in workers:
        worker.start()
    time.sleep(chance.uniform(0.05, 0.4))
    ask(machine)
    for worker in workers:
        worker.join()
    others = {f"toolu_{first + number}" for first in (0, 100, 200) for number in range(6)}
    wait_until(lambda: {_call(span) for span in receiver.spans if span["attributes"]["session.id"] == "s2"} == others)
    wait_until(lambda: machine.waiting() == [])
    assert len({span["spanId"] for span in wishes(receiver)}) == 1
    assert_nothing_after_the_wish(receiver)


def _call(span: dict[str, Any]) -> str:
    return str(span["attributes"].get("gen_ai.tool.call.id"))


def test_killed_between_any_two_steps_the_promise_holds(machine: Machine, receiver: Receiver) -> None:
    chance = random.Random(3)
    for number in range(20):
        put(machine, tool(number, "s1", tool_input={"command": "x " * 20_000}))
        put(machine, tool(number, "s2", tool_input={"command": "x " * 20_000}))
    stdin = prompt("/private", "s1", "p9")
    while not private.sessions(str(machine.state)):
        process = subprocess.Popen(machine.command("UserPromptSubmit"), stdin=subprocess.PIPE, env=machine.environ)
        assert process.stdin
        process.stdin.write(stdin)
        process.stdin.close()
        time.sleep(chance.uniform(0, 0.12))
        process.kill()
        process.wait()
    while machine.waiting() or private.sessions(str(machine.state))[0].sent_at_ns is None:
        machine.hook(tool(99, "s3"))
        time.sleep(chance.uniform(0.02, 0.2))
        machine.stop_shippers()
    assert_nothing_after_the_wish(receiver)
    assert {_call(span) for span in receiver.spans if span["attributes"]["session.id"] == "s2"} == {
        f"toolu_{number}" for number in range(20)
    }


@pytest.mark.parametrize("way", ["variable", "option", "config file", "in the project", "above the project"])
def test_opted_out_for_good_a_session_says_nothing_but_that(machine: Machine, receiver: Receiver, way: str) -> None:
    environ: dict[str, str] = {}
    if way == "variable":
        environ["ARGUS_OTEL_PRIVATE"] = "true"
    elif way == "option":
        environ["CLAUDE_PLUGIN_OPTION_PRIVATE"] = "1"
    elif way == "config file":
        file = machine.home / ".config/argus-otel/capture.json"
        file.parent.mkdir(parents=True)
        file.write_text('{"private": true}')
    else:
        folder = machine.project if way == "in the project" else machine.home
        (folder / private.MARKER_FILE).touch()
    for stdin in (told("SessionStart", source="startup"), prompt("SENTINEL"), tool(1), told("SessionEnd")):
        assert machine.hook(stdin, environ=environ) == b""
    wait_until(lambda: len(receiver.requests) > 0 and machine.waiting() == [])
    (span,) = receiver.spans
    assert span["attributes"] | {"argus.identity": ""} == {
        "session.id": "s1",
        "argus.record": "private",
        "argus.hook": "UserPromptSubmit",
        "argus.identity": "",
    }
    machine.hook(tool(2))  # the same session, the setting taken back: it stays private
    machine.hook(tool(2, "s2"), environ={**environ, "CLAUDE_PROJECT_DIR": "/"})
    assert_nothing_after_the_wish(receiver)


def test_a_marker_file_above_the_home_folder_does_not_count(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "project").mkdir(parents=True)
    (tmp_path / private.MARKER_FILE).touch()
    assert not private.has_marker_file(str(home / "project"), str(home))
    assert private.has_marker_file(str(home / "project"), "/elsewhere")
    (home / private.MARKER_FILE).touch()
    assert private.has_marker_file(str(home / "project"), str(home))
    assert not private.has_marker_file("", str(home))
    assert not private.has_marker_file("relative", str(home))


@pytest.mark.parametrize("session_id", ["../../evil", "a/b", ".", "..", "x" * 300, "é", "a\0b", "s.tmp", "\ud800"])
def test_an_odd_session_id_is_private_too_and_leaves_the_folder_never(tmp_path: Path, session_id: str) -> None:
    state = str(tmp_path)
    private.ask(state, session_id, 5, "http://h")
    assert private.marker_name(session_id) in private.names(state)
    assert [path.name for path in tmp_path.iterdir()] == ["private"]
    (session,) = private.sessions(state)
    assert (session.asked_at_ns, session.endpoint) == (5, "http://h")


def test_a_marker_that_cannot_be_read_still_counts(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "s1").write_bytes(b"")
    assert private.marker_name("s1") in private.names(str(tmp_path))
    assert private.sessions(str(tmp_path)) == [("s1", 0, None, "", "")]
    private.ask(str(tmp_path), "s1", 7, "http://h", "p")
    assert private.sessions(str(tmp_path)) == [("s1", 7, None, "http://h", "p")]


def test_off_still_lets_a_user_have_what_was_sent_deleted(machine: Machine, receiver: Receiver) -> None:
    assert ask(machine, environ={"ARGUS_OTEL_CAPTURE_LEVEL": "off"})["reason"] == DONE
    wait_until(lambda: len(wishes(receiver)) == 1)
