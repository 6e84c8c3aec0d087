"""The command as a hook runs it: real processes, a real HTTP receiver, and nothing that could disturb a session."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from capture_doubles import PACKAGE, Machine, Receiver, prompt, wait_until

from argus_otel.capture import private
from argus_otel.capture.command import main

if TYPE_CHECKING:
    from collections.abc import Iterator

IMPORTABLE = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})"
AS_MODULE = "import runpy; runpy.run_module('argus_otel.capture', run_name='__main__')"
HOOK = b'{"session_id":"s","hook_event_name":"UserPromptSubmit","prompt_id":"p","prompt":"SENTINEL"}'


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path) -> Iterator[None]:
    """Nothing is read from or left in the home of whoever runs the tests."""
    made = Machine(tmp_path / "home of tests", "http://127.0.0.1:1")
    run.folders = {"HOME": str(made.home), "CLAUDE_PLUGIN_DATA": str(made.state)}  # type: ignore[attr-defined]
    yield
    made.stop_shippers()


def run(*argv: str, stdin: bytes = HOOK, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run `python -m argus_otel.capture` without site-packages: the standard library is all there is."""
    command = [sys.executable, "-I", "-S", "-c", f"{IMPORTABLE}; {AS_MODULE}", *argv]
    folders: dict[str, str] = run.folders  # type: ignore[attr-defined]
    return subprocess.run(command, input=stdin, env={**folders, **environ}, capture_output=True, timeout=60)


def test_a_hook_is_recorded_by_the_same_spool_and_shipper_as_the_plugins(machine: Machine, receiver: Receiver) -> None:
    done = run(**machine.environ, ARGUS_OTEL_TOKEN="t0ken", CLAUDE_CODE_MESSAGING_TOKEN="SECRET")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    wait_until(lambda: len(receiver.requests) == 1)
    (request,) = receiver.requests
    assert request.headers["Authorization"] == "Bearer t0ken"
    (span,) = request.spans
    assert span["name"] == "argus.user_prompt"
    assert "SECRET" not in str(span)
    assert "t0ken" not in str(span)
    wait_until(lambda: machine.waiting() == [])


def test_private_is_answered_here_too(machine: Machine, receiver: Receiver) -> None:
    done = run(stdin=prompt("/private"), **machine.environ)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["decision"] == "block"
    wait_until(lambda: [span["name"] for span in receiver.spans] == ["argus.private"])
    done = run("--check", **machine.environ, stdin=HOOK.replace(b'"s"', b'"s1"'))
    assert (done.returncode, done.stderr) == (0, b"argus-otel capture: nothing to send: this session is private\n")
    assert [session.session_id for session in private.sessions(str(machine.state))] == ["s1"]


def test_what_looks_like_a_secret_is_not_sent_by_a_check_either(receiver: Receiver) -> None:
    key = "sk-ant-api03-" + "a" * 93 + "AA"
    run("--check", stdin=prompt(key), ARGUS_OTEL_ENDPOINT=receiver.url)
    (span,) = receiver.spans
    assert key not in str(span)
    assert "REDACTED" in str(span)


@pytest.mark.parametrize(
    "stdin",
    [b"", b"not json", b"\xff\xfe", b"[]", b"{}", b'{"session_id":"s"}', b"[" * 100_000, HOOK],
    ids=["empty", "text", "binary", "list", "object", "no event", "deep", "good"],
)
def test_a_hook_that_fails_prints_nothing_and_exits_0(stdin: bytes) -> None:
    done = run(stdin=stdin, ARGUS_OTEL_ENDPOINT="http://127.0.0.1:1")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    ("name", "value"), [("CAPTURE_LEVEL", "of"), ("VALUE_BYTES_MAX", "64k"), ("ENDPOINT", "host:4318")]
)
def test_a_setting_that_is_not_understood_sends_nothing(receiver: Receiver, name: str, value: str) -> None:
    environ = {"ARGUS_OTEL_ENDPOINT": receiver.url, f"ARGUS_OTEL_{name}": value}
    done = run("--check", **environ)
    assert (done.returncode, done.stdout) == (1, b"")
    assert f"ARGUS_OTEL_{name} is {value!r}".encode() in done.stderr
    assert receiver.requests == []


def test_check_says_what_was_sent(receiver: Receiver) -> None:
    done = run("--check", ARGUS_OTEL_ENDPOINT=receiver.url + "/")
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode() == f"argus-otel capture: sent argus.user_prompt to {receiver.url}\n"


def test_check_says_that_off_sends_nothing(receiver: Receiver) -> None:
    done = run("--check", ARGUS_OTEL_ENDPOINT=receiver.url, ARGUS_OTEL_CAPTURE_LEVEL="off")
    assert (done.returncode, receiver.requests) == (0, [])
    assert b"nothing to send" in done.stderr


def test_check_explains_what_is_no_hook() -> None:
    done = run("--check", stdin=b"SENTINEL")
    assert done.returncode == 1
    assert b"stdin holds 8 bytes that are no JSON" in done.stderr
    assert b"SENTINEL" not in done.stderr


def test_check_explains_a_receiver_that_is_not_there() -> None:
    done = run("--check", ARGUS_OTEL_ENDPOINT="http://127.0.0.1:1")
    assert done.returncode == 1
    assert b"was not reached" in done.stderr


@pytest.mark.parametrize("status", [400, 401, 413, 503])
def test_check_explains_a_refusal(receiver: Receiver, status: int) -> None:
    receiver.status = status
    done = run("--check", ARGUS_OTEL_ENDPOINT=receiver.url)
    assert done.returncode == 1
    assert f"answered {status}".encode() in done.stderr


def test_check_explains_a_rejected_record(receiver: Receiver) -> None:
    receiver.answer = b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}'
    done = run("--check", ARGUS_OTEL_ENDPOINT=receiver.url)
    assert (done.returncode, b"rejected 1 records" in done.stderr) == (1, True)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_takes_a_session_elsewhere(receiver: Receiver, status: int) -> None:
    receiver.status = status
    assert run("--check", ARGUS_OTEL_ENDPOINT=receiver.url).returncode == 1
    assert [request.path for request in receiver.requests] == ["/v1/traces"]


def test_a_proxy_is_never_asked_for_this_machine(receiver: Receiver) -> None:
    done = run(
        "--check", ARGUS_OTEL_ENDPOINT=receiver.url, HTTP_PROXY="http://127.0.0.1:1", http_proxy="http://127.0.0.1:1"
    )
    assert done.returncode == 0


def test_a_proxy_is_used_for_others(receiver: Receiver) -> None:
    done = run("--check", ARGUS_OTEL_ENDPOINT="http://argus.invalid:4318", http_proxy=receiver.url)
    assert done.returncode == 0
    assert [request.path for request in receiver.requests] == ["http://argus.invalid:4318/v1/traces"]


@pytest.mark.parametrize(("argv", "exit_code"), [(["--help"], 0), (["-h"], 0), (["--chek"], 1), (["x", "--check"], 1)])
def test_arguments_are_explained_and_never_block_a_session(
    argv: list[str], exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv, io.BytesIO(HOOK), {}) == exit_code
    out, err = capsys.readouterr()
    assert (out, err.startswith("usage: argus-otel capture")) == ("", True)


def test_an_unforeseen_exception_is_named_without_its_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise KeyError("SENTINEL")

    environ = {"CLAUDE_PLUGIN_DATA": str(tmp_path)}
    assert main([], Broken(), environ) == 0
    assert main(["--check"], io.BytesIO(b"SENTINEL"), environ) == 1
    assert "SENTINEL" not in (tmp_path / "capture.log").read_text()
    assert "a defect of argus-otel: KeyError" in (tmp_path / "capture.log").read_text()
    assert "SENTINEL" not in capsys.readouterr().err


SKILL_HOOK = b'{"session_id":"s","hook_event_name":"PreToolUse","tool_name":"Skill","tool_input":{"skill":"greet"}}'


@pytest.mark.parametrize("scope", ["project", "personal"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"Say hello.\r\n", hashlib.sha256(b"Say hello.\n").hexdigest()), (b"x" * 1_100_000, None)],
    ids=["a skill", "far too long for one"],
)
def test_a_skill_is_hashed_from_disk(
    receiver: Receiver, tmp_path: Path, scope: str, text: bytes, expected: str | None
) -> None:
    file = tmp_path / scope / ".claude" / "skills" / "greet" / "SKILL.md"
    file.parent.mkdir(parents=True)
    file.write_bytes(text)
    folders = {"CLAUDE_PROJECT_DIR": str(tmp_path / "project"), "HOME": str(tmp_path / "personal")}
    run("--check", stdin=SKILL_HOOK, ARGUS_OTEL_ENDPOINT=receiver.url, **folders)
    (span,) = receiver.spans
    assert span["attributes"].get("argus.skill.hash") == expected


@pytest.mark.parametrize("path", sorted((PACKAGE / "capture").glob("*.py")), ids=lambda path: path.name)
def test_the_grammar_is_that_of_python_3_9_and_nothing_else_is_imported(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    ours = {module for module in modules if module.startswith("argus_otel")}
    assert all(module == "argus_otel" or f"{module}.".startswith("argus_otel.capture.") for module in ours)
    assert {module.partition(".")[0] for module in modules - ours} <= sys.stdlib_module_names


def test_the_oldest_python_that_is_here_runs_it(machine: Machine, receiver: Receiver) -> None:
    """Where no older one is installed, this one says nothing about 3.9."""
    oldest = next(
        (found for minor in range(9, 20) if (found := shutil.which(f"python3.{minor}", path=_python_folders()))), ""
    )
    hook = [oldest or sys.executable, "-I", "-S", str(PACKAGE / "capture" / "hook.py"), "UserPromptSubmit"]
    for stdin in (HOOK, prompt("/private")):
        done = subprocess.run(hook, input=stdin, env=machine.environ, capture_output=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["decision"] == "block"
    wait_until(lambda: {span["name"] for span in receiver.spans} == {"argus.user_prompt", "argus.private"})


def _python_folders() -> str:
    pyenv = sorted(str(path) for path in Path("~/.pyenv/versions").expanduser().glob("*/bin"))
    return os.pathsep.join([*pyenv, "/usr/local/bin", "/usr/bin"])
