"""The part that a session waits for: real processes, as Claude Code starts them, and all that may go wrong around one."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from capture_doubles import HOOK_SCRIPT, PACKAGE, Machine, prompt, told, tool, wait_until

from argus_otel.capture import hook as hook_module
from argus_otel.capture.hook import INPUT_BYTES_MAX, is_private_command, parse, quoted, state_folders
from argus_otel.capture.prepare import read_run
from argus_otel.capture.settings import Settings, variable_of

if TYPE_CHECKING:
    from capture_doubles import Receiver


def raw_files(machine: Machine) -> list[bytes]:
    return [(machine.spool / name).read_bytes() for name in machine.waiting(".raw")]


@pytest.fixture
def still(lonely: Machine) -> Machine:
    """A machine on which no shipper starts: somebody has the lock."""
    import fcntl

    lonely.spool.mkdir(parents=True)
    (lonely.spool / "endpoint").write_text(lonely.endpoint)
    lock = os.open(lonely.spool / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lonely


def test_what_a_hook_is_told_is_on_disk_as_it_came_when_the_hook_ends(still: Machine) -> None:
    before_ns = time.time_ns()
    assert still.hook(b'{"session_id": "s1",\r\n "x": "\xff\xc3\xa9"}\n\n', "PreToolUse") == b""
    (raw,) = raw_files(still)
    header, _, stdin = raw.partition(b"\n")
    assert stdin == b'{"session_id": "s1",\r\n "x": "\xff\xc3\xa9"}\n\n'
    said = json.loads(header)
    assert (said["hook"], said["env"]) == ("PreToolUse", {"CLAUDE_PROJECT_DIR": str(still.project)})
    assert before_ns <= said["at_ns"] <= time.time_ns()
    (name,) = still.waiting(".raw")
    assert name.startswith(f"{said['at_ns']}-")


def test_all_of_it_is_private_to_its_user(still: Machine) -> None:
    still.hook(tool(1))
    (name,) = still.waiting()
    assert (still.spool / name).stat().st_mode & 0o777 == 0o600
    assert still.spool.stat().st_mode & 0o077 in (0, 0o055), "the test made this one"
    assert not list(still.spool.glob("*.tmp"))


def test_of_the_environment_only_a_short_list_is_kept_and_never_a_token(still: Machine) -> None:
    secret = {
        "CLAUDE_CODE_MESSAGING_TOKEN": "SECRET1",
        "ANTHROPIC_API_KEY": "SECRET2",
        "ARGUS_OTEL_TOKEN": "SECRET3",
        "CLAUDE_PLUGIN_OPTION_TOKEN": "SECRET4",
        "ARGUS_OTEL_TOKEN_FILE": "/SECRET5",
        "ARGUS_OTEL_CLICKHOUSE": "http://u:SECRET6@h",
        "AWS_SECRET_ACCESS_KEY": "SECRET7",
    }
    kept = {
        "CLAUDE_CODE_ENTRYPOINT": "sdk-py",
        "CLAUDE_AGENT_SDK_VERSION": "0.2.187",
        "CLAUDE_CODE_REMOTE": "true",
        "CLAUDE_CONFIG_DIR": "/elsewhere",
        "TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "ARGUS_OTEL_CAPTURE_LEVEL": "metadata",
        "CLAUDE_PLUGIN_OPTION_EXCLUDE_TOOLS": 'mcp__*,"é"',
    }
    still.hook(tool(1), environ={**secret, **kept})
    (raw,) = raw_files(still)
    assert b"SECRET" not in raw
    assert read_run(raw).env == {**kept, "CLAUDE_PROJECT_DIR": str(still.project)}


def test_settings_that_go_with_a_record_are_settings() -> None:
    keys = {name.lower() for name in hook_module.RECORD_SETTINGS}
    assert keys < set(Settings._fields)
    assert {variable_of(key) for key in keys} == {f"ARGUS_OTEL_{key.upper()}" for key in keys}
    of_the_process = {"endpoint", "token", "token_file", "announce", "spool_bytes_max", "spool_age_s_max"}
    assert set(Settings._fields) - keys == of_the_process


@pytest.mark.parametrize(
    "stdin",
    [
        b"",
        b" \n",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"session_id":"s"}',
        b"[" * 100_000,
        b'{"private": [}',
        b"\0",
    ],
    ids=["empty", "blank", "text", "binary", "list", "object", "no event", "deep", "broken", "zero"],
)
@pytest.mark.parametrize("event", ["PreToolUse", "UserPromptSubmit", "", "Nonsense"])
def test_whatever_it_is_told_it_prints_nothing_and_exits_0(lonely: Machine, stdin: bytes, event: str) -> None:
    assert lonely.hook(stdin, event) == b""


@pytest.mark.parametrize(
    "environ",
    [
        {"ARGUS_OTEL_ENDPOINT": "host:4318"},
        {"ARGUS_OTEL_ENDPOINT": "http://\x1b"},
        {"CLAUDE_PLUGIN_DATA": "/proc/none"},
        {"CLAUDE_PLUGIN_DATA": "relative\n"},
        {"HOME": ""},
        {"ARGUS_OTEL_PRIVATE": "perhaps"},
    ],
    ids=["no url", "control character", "cannot be made", "relative", "no home", "no such value"],
)
def test_in_whatever_environment_it_prints_nothing_and_exits_0(
    lonely: Machine, environ: dict[str, str], tmp_path: Path
) -> None:
    assert lonely.hook(tool(1), environ={**environ, "TMPDIR": str(tmp_path)}, cwd=tmp_path) == b""


def test_an_endpoint_that_is_none_is_noted_and_nothing_is_written(lonely: Machine) -> None:
    lonely.hook(tool(1), environ={"ARGUS_OTEL_ENDPOINT": "host:4318"})
    assert "a hook was not recorded: ValueError" in lonely.log
    assert not (lonely.state / "spool").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_disturb_nobody(lonely: Machine, closed: str) -> None:
    command = f'exec "$0" -I -S "$1" UserPromptSubmit {closed}'
    for stdin in (tool(1), prompt("/private")):
        done = subprocess.run(
            ["sh", "-c", command, sys.executable, str(HOOK_SCRIPT)], input=stdin, env=lonely.environ, timeout=60,
            capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0
        assert b"Traceback" not in done.stdout + done.stderr


def test_a_large_input_is_recorded_whole(still: Machine) -> None:
    large = tool(1, tool_input={"command": "x" * 10_000_000})
    still.hook(large)
    (raw,) = raw_files(still)
    assert raw.partition(b"\n")[2] == large


def test_an_input_beyond_the_bound_is_read_to_its_end_dropped_and_noted(still: Machine) -> None:
    process = subprocess.Popen(still.command("PreToolUse"), stdin=subprocess.PIPE, env=still.environ)
    assert process.stdin
    for _ in range(INPUT_BYTES_MAX // (1 << 20) + 2):
        process.stdin.write(b"x" * (1 << 20))  # no broken pipe for whoever writes
    process.stdin.close()
    assert process.wait(60) == 0
    assert still.waiting() == []
    assert f"more than {INPUT_BYTES_MAX} bytes" in still.log


def test_a_full_disk_leaves_nothing_half(still: Machine) -> None:
    assert still.hook(tool(1, tool_input={"command": "x" * 100_000}), file_bytes_max=4096) == b""
    assert {path.name for path in still.spool.iterdir()} == {"endpoint", "lock"}
    assert "File too large" in still.log


def test_a_full_disk_on_which_not_even_a_note_fits_disturbs_nobody(lonely: Machine) -> None:
    assert lonely.hook(tool(1), file_bytes_max=0) == b""
    assert lonely.waiting() == []


def test_another_folder_is_taken_where_one_cannot_be_written(lonely: Machine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    no_folder = {"CLAUDE_PLUGIN_DATA": str(tmp_path / "file"), "TMPDIR": str(tmp_path)}
    lonely.hook(tool(1), environ=no_folder)
    at_home = lonely.home / ".local/state/argus-otel/capture"
    assert len(list(at_home.glob("spool/*/*-*"))) == 1
    lonely.hook(tool(2), environ={**no_folder, "HOME": str(tmp_path / "file")})
    (temporary,) = tmp_path.glob("argus-otel-*")
    assert temporary.stat().st_mode & 0o777 == 0o700
    assert len(list(temporary.glob("spool/*/*-*"))) == 1


def test_a_temporary_folder_that_somebody_else_prepared_is_not_taken(lonely: Machine, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    *_, temporary = state_folders({"TMPDIR": str(tmp_path), "HOME": "/"})
    Path(temporary).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").write_text("")
    nowhere = {"CLAUDE_PLUGIN_DATA": str(tmp_path / "file"), "HOME": str(tmp_path / "file"), "TMPDIR": str(tmp_path)}
    lonely.hook(tool(1), environ=nowhere)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    Path(temporary).unlink()
    Path(temporary).mkdir(mode=0o755)
    Path(temporary).chmod(0o755)
    lonely.hook(tool(1), environ=nowhere)
    assert list(Path(temporary).iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_0_while_it_waits_for_its_input(lonely: Machine, number: int) -> None:
    process = subprocess.Popen(
        lonely.command("PreToolUse"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=lonely.environ,
    )  # fmt: skip
    assert process.stdin
    process.stdin.write(b"{")
    process.stdin.flush()
    wait_until(lambda: _is_waiting_for_input(process.pid))
    process.send_signal(number)
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 0
    assert lonely.waiting() == []


def _is_waiting_for_input(pid: int) -> bool:
    # It took the one byte, and sleeps in read(): field 0 is the system call, field 1 its file.
    syscall = Path(f"/proc/{pid}/syscall")
    try:
        caught = int(Path(f"/proc/{pid}/status").read_text().partition("SigCgt:\t")[2].split()[0], 16)
        if not caught & (1 << (signal.SIGTERM - 1)):
            return False
        return syscall.read_text().split()[1] == "0x0"
    except (OSError, IndexError):
        return False


def test_killed_at_any_point_it_leaves_a_whole_record_or_none(still: Machine) -> None:
    chance = random.Random(7)
    large = tool(1, tool_input={"command": "x" * 3_000_000})
    for _ in range(40):
        process = subprocess.Popen(still.command("PreToolUse"), stdin=subprocess.PIPE, env=still.environ)
        writer = threading.Thread(target=_write_and_close, args=(process.stdin, large))
        writer.start()
        time.sleep(chance.uniform(0, 0.04))
        process.kill()
        process.wait(60)
        writer.join()
    for raw in raw_files(still):
        assert raw.partition(b"\n")[2] == large


def _write_and_close(stdin: Any, data: bytes) -> None:
    try:
        with stdin:
            stdin.write(data)
    except BrokenPipeError:
        pass


def test_twenty_hooks_at_once_lose_and_mix_nothing_and_start_one_shipper(machine: Machine, receiver: Receiver) -> None:
    processes = [
        subprocess.Popen(machine.command("PreToolUse"), stdin=subprocess.PIPE, env=machine.environ) for _ in range(20)
    ]
    for number, process in enumerate(processes):
        assert process.stdin
        process.stdin.write(tool(number))
        process.stdin.close()
    assert [process.wait(60) for process in processes] == [0] * 20
    assert len(machine.shippers()) <= 1
    wait_until(lambda: len(receiver.span_ids) >= 20)
    wait_until(lambda: machine.waiting() == [])
    calls = [span["attributes"]["gen_ai.tool.call.id"] for span in receiver.spans]
    assert sorted(calls) == sorted(f"toolu_{number}" for number in range(20))


def test_whoever_waits_for_the_end_of_its_output_does_not_wait_for_the_shipper(lonely: Machine) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    try:
        lonely.hook(tool(1), pass_fds=(writer,))  # which captures its output to the end
        os.close(writer)
        wait_until(lambda: len(lonely.shippers()) == 1)
        assert os.read(reader, 1) == b"", "another pipe of the CLI's is not held open either"
        assert len(lonely.shippers()) == 1
    finally:
        os.close(reader)


def test_the_shipper_outlives_the_group_of_the_hook_that_started_it(machine: Machine, receiver: Receiver) -> None:
    process = subprocess.Popen(
        machine.command("SessionEnd"), stdin=subprocess.PIPE, env=machine.environ, start_new_session=True
    )
    # A group is there as long as one process of it is: the hook, not waited for yet, or a child of it.
    assert process.stdin
    process.stdin.write(told("SessionEnd", reason="other"))
    process.stdin.close()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    wait_until(lambda: len(receiver.span_ids) == 1)
    assert receiver.spans[0]["name"] == "argus.session_end"


def test_the_shipper_is_alone_in_its_session_and_has_no_secrets_of_the_session(lonely: Machine) -> None:
    environ = {"CLAUDE_CODE_MESSAGING_TOKEN": "SECRET", "ANTHROPIC_API_KEY": "SECRET", "ARGUS_OTEL_TOKEN": "t"}
    lonely.hook(tool(1), environ=environ)
    wait_until(lambda: len(lonely.shippers()) == 1)
    (shipper,) = lonely.shippers()
    assert os.getsid(shipper.pid) not in (os.getsid(0), os.getpgrp())
    assert shipper.cwd() == "/"
    seen = shipper.environ()
    assert "SECRET" not in seen.values()
    assert seen["ARGUS_OTEL_TOKEN"] == "t"
    assert {Path(f"/proc/{shipper.pid}/fd/{fd}").readlink() for fd in (0, 1, 2)} == {Path(os.devnull)}


def test_it_writes_into_the_spool_of_its_endpoint(lonely: Machine) -> None:
    lonely.hook(tool(1))
    other = {"ARGUS_OTEL_ENDPOINT": "http://127.0.0.1:2/"}
    lonely.hook(tool(2), environ=other)
    endpoints = {path.read_text() for path in lonely.state.glob("spool/*/endpoint")}
    assert endpoints == {lonely.endpoint, "http://127.0.0.1:2"}


@pytest.mark.parametrize("place", ["option", "user's file", "both, the option wins"])
def test_the_endpoint_is_looked_for_in_options_and_files(lonely: Machine, place: str) -> None:
    environ = {"ARGUS_OTEL_ENDPOINT": ""}
    if "file" in place or "both" in place:
        file = lonely.home / ".config/argus-otel/capture.json"
        file.parent.mkdir(parents=True)
        file.write_text('{"endpoint": "http://127.0.0.1:3"}')
    if "option" in place:
        environ["CLAUDE_PLUGIN_OPTION_ENDPOINT"] = "http://127.0.0.1:4"
    lonely.hook(tool(1), environ=environ)
    (endpoint,) = lonely.state.glob("spool/*/endpoint")
    assert endpoint.read_text() == ("http://127.0.0.1:3" if place == "user's file" else "http://127.0.0.1:4")


def test_the_plugin_brings_a_config_file_and_needs_nothing_but_its_folder(machine: Machine, tmp_path: Path) -> None:
    root = tmp_path / "plugin"
    for part in ("__init__.py", "capture/*.py", "privacy/*.json"):
        for source in PACKAGE.glob(part):
            target = root / "lib" / "argus_otel" / source.relative_to(PACKAGE)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    (root / "config.json").write_text(json.dumps({"endpoint": machine.endpoint}))
    script = root / "lib/argus_otel/capture/hook.py"
    environ = {**machine.environ, "ARGUS_OTEL_ENDPOINT": "", "PYTHONPATH": "/nowhere"}
    subprocess.run(
        [sys.executable, "-I", "-S", script, "PreToolUse"], input=tool(1), env=environ, timeout=60, check=True
    )
    wait_until(lambda: machine.waiting() == [] and machine.spool.exists())


def test_off_writes_nothing_at_all(lonely: Machine) -> None:
    assert lonely.hook(tool(1), environ={"ARGUS_OTEL_CAPTURE_LEVEL": "off"}) == b""
    assert not (lonely.state / "spool").exists()


@pytest.mark.parametrize("value", ["true", "1"])
def test_at_the_start_of_a_session_a_line_says_what_is_captured_if_that_is_wanted(lonely: Machine, value: str) -> None:
    said = json.loads(lonely.hook(told("SessionStart"), "SessionStart", environ={"ARGUS_OTEL_ANNOUNCE": value}))
    assert set(said) == {"systemMessage"}
    assert "127.0.0.1:1" in said["systemMessage"]
    assert "prompts, tool calls and answers with their text" in said["systemMessage"]
    assert lonely.hook(told("SessionStart"), "SessionStart") == b""
    assert lonely.hook(tool(1), "PreToolUse", environ={"ARGUS_OTEL_ANNOUNCE": value}) == b""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/private", True),
        (" /private\n", True),
        ("/argus-otel:private", True),
        ("/private please", True),
        ("/private\nanything", True),
        ("/argus-otel:private now", True),
        ("/foo:private", False),
        ("/Private", False),
        ("/ private", False),
        ("/private:x", False),
        ("what does /private do?", False),
        ("/privateer", False),
        ("private", False),
        ("x:private", False),
        ("", False),
    ],
)
def test_private_is_a_command_by_the_first_word_as_it_is_typed(text: str, expected: bool) -> None:
    assert is_private_command({"hook_event_name": "UserPromptSubmit", "prompt": text}) is expected
    assert is_private_command({"hook_event_name": "PreToolUse", "prompt": text}) is False


@pytest.mark.parametrize("document", [{"a": [1, 2.5, None, True, "é\n😀"]}, [], "x", 0, {"n": {"m": {}}}])
def test_json_is_read_and_written_as_json_itself_does(document: Any) -> None:
    assert parse(f" {json.dumps(document)} ".encode()) == document
    assert json.loads(quoted(json.dumps(document))) == json.dumps(document)
    with pytest.raises(ValueError, match="no JSON"):
        parse(b"[" * 100_000)
    with pytest.raises(ValueError, match="Expecting"):
        parse(b'{"a" 5}')


def test_it_imports_next_to_nothing(still: Machine) -> None:
    """`json`, `typing` and `re` each take as long to import as the interpreter to start."""
    plain = _modules("import os, time")
    recorded = _modules(
        f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); from argus_otel.capture import hook; "
        f"hook.record('UserPromptSubmit', {prompt('not /private')!r}, 1, {still.environ})"
    )
    assert len(still.waiting(".raw")) == 1
    ours = {"argus_otel", "argus_otel.capture", "argus_otel.capture.hook"}
    assert recorded - plain <= {*ours, "__future__", "_json", "_sha256", "_sha2", "fcntl"}


def _modules(code: str) -> set[str]:
    code = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())
