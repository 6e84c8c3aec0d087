"""`argus-otel claude`: the user's own program, our terminal, and both legs at a service."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from claude_needed import find_claude, needs_claude
from messages_api import ANSWER, MessagesApi
from plugin_user import wait_for

from argus_otel.capture.hook import append
from argus_otel.capture.spool import Spool
from argus_otel.plugin.session import SessionError, _greet, _trouble

if TYPE_CHECKING:
    from pathlib import Path

    from plugin_user import User
    from services import Service

TOKEN = "a-token-of-tests"
FAKE = f"""#!{sys.executable}
import json, os, pathlib, signal, subprocess, sys
told = dict(zip(sys.argv[1::2], sys.argv[2::2]))
settings = json.loads(pathlib.Path(told["--settings"]).read_text()) if "--settings" in told else {{}}
for group in settings.get("hooks", {{}}).get("SessionStart", []):
    for session_id in ("s-1", "s-2", "s-1"):
        hook = json.dumps({{"session_id": session_id}})
        said = subprocess.run(group["hooks"][0]["command"], shell=True, input=hook, text=True, stdout=subprocess.PIPE)
        assert (said.returncode, said.stdout) == (0, "")
shown = {{name: value for name, value in os.environ.items() if name.startswith(("OTEL_", "ARGUS_OTEL_", "CLAUDE_CODE_"))}}
def end(number, _):
    os.write(1, signal.Signals(number).name.encode())
    os._exit(7)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
print(json.dumps({{"argv": sys.argv[1:], "environ": shown, "settings": settings, "stdin": sys.stdin.read()}}), flush=True)
if sys.argv[-1] == "wait":
    signal.pause()
if sys.argv[-1] == "die":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(sys.argv[-1]) if sys.argv[-1].isdigit() else 0)
"""


@pytest.fixture
def fake(tmp_path: Path) -> str:
    program = tmp_path / "a folder" / "claude"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(0o755)
    return str(program)


@pytest.fixture
def serving_to(service: Service, tmp_path: Path) -> dict[str, str]:
    """Variables of a user whose service runs."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    return {"ARGUS_OTEL_DATA_DIR": str(service.data_dir), "ARGUS_OTEL_TOKEN_FILE": str(token)}


def told(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout.splitlines()[0])


def test_both_legs_are_pointed_at_the_service(
    user: User, service: Service, serving_to: dict[str, str], fake: str
) -> None:
    done = user.run("claude", "--claude-bin", fake, "-p", "say it", typed="from stdin", **serving_to)
    assert done.returncode == 0, done.stderr
    found = told(done)
    endpoint = f"http://{service.addresses['otlp_http']}"
    expected = {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {TOKEN}",
        "ARGUS_OTEL_ENDPOINT": endpoint,
        "ARGUS_OTEL_TOKEN": TOKEN,
    }
    assert expected.items() <= found["environ"].items()
    assert expected.items() <= found["settings"]["env"].items(), "what the user's settings say of it loses"
    assert found["argv"][0] == "--plugin-dir"
    assert found["argv"][1].endswith("plugins/argus-otel")
    assert found["argv"][-2:] == ["-p", "say it"]
    assert TOKEN not in " ".join(found["argv"]), "anybody can list processes"
    assert found["stdin"] == "from stdin"
    assert not user.settings.exists()
    for session_id in ("s-1", "s-2"):
        assert done.stderr.count(f"argus-otel session {session_id} ") == 1


@pytest.mark.parametrize(
    ("arguments", "theirs"),
    [
        (["mcp", "list", "--data-dir", "theirs"], ["mcp", "list", "--data-dir", "theirs"]),
        (["-c", "--config", "theirs"], ["-c", "--config", "theirs"]),
        (["--", "--claude-bin", "x"], ["--claude-bin", "x"]),
        ([], []),
    ],
)
def test_what_is_not_ours_is_theirs(
    user: User, serving_to: dict[str, str], fake: str, arguments: list[str], theirs: list[str]
) -> None:
    done = user.run("claude", f"--claude-bin={fake}", *arguments, **serving_to)
    assert done.returncode == 0, done.stderr
    assert told(done)["argv"][4:] == theirs


def test_a_settings_file_of_the_users_own_stays(user: User, serving_to: dict[str, str], fake: str) -> None:
    own = user.project / "own.json"
    own.write_text('{"model": "opus"}')
    done = user.run("claude", "--settings", str(own), ARGUS_OTEL_CLAUDE=fake, **serving_to)
    assert told(done)["argv"][2:] == ["--settings", str(own)]
    assert done.stderr == ""


@pytest.mark.parametrize("asked", [["--version"], ["-v"], ["--", "--help"], ["--", "-h"]])
def test_what_is_no_session_starts_nothing(user: User, fake: str, asked: list[str]) -> None:
    data = user.home / "data"
    done = user.run("claude", f"--claude-bin={fake}", *asked, ARGUS_OTEL_DATA_DIR=str(data))
    assert told(done)["argv"] == asked[-1:]
    assert done.stderr == ""
    assert not data.exists()
    assert "--claude-bin" in user.ok("claude", "--help", ARGUS_OTEL_DATA_DIR=str(data))
    assert not data.exists()


def test_without_the_token_of_the_service_nothing_starts(user: User, service: Service, fake: str) -> None:
    serving = {"ARGUS_OTEL_DATA_DIR": str(service.data_dir), "ARGUS_OTEL_CLAUDE": fake}
    wrong = user.home / "wrong"
    wrong.write_text("wrong")
    for given, said in (([], "wants a token"), (["--token-file", str(wrong)], "does not take this token")):
        done = user.run("claude", *given, "-p", "x", **serving)
        assert (done.returncode, done.stdout) == (1, "")
        assert said in done.stderr
        assert "ARGUS_OTEL_TOKEN_FILE" in done.stderr
        assert "--token-file" in done.stderr
        assert "read it with" not in done.stderr


def test_where_the_token_comes_from(user: User, service: Service, fake: str) -> None:
    token = user.home / "token"
    token.write_text(TOKEN)
    config = user.home / "argus.toml"
    config.write_text(f'data_dir = "{service.data_dir}"\ntoken_file = "{token}"\n')
    data = {"ARGUS_OTEL_DATA_DIR": str(service.data_dir)}
    ways: list[tuple[list[str], dict[str, str]]] = [
        (["--token-file", str(token)], data),
        (["--config", str(config)], {}),
        ([], data | {"ARGUS_OTEL_TOKEN": TOKEN}),
    ]
    for given, variables in ways:
        done = user.run("claude", *given, "-p", "x", ARGUS_OTEL_CLAUDE=fake, **variables)
        assert done.returncode == 0, done.stderr
        assert told(done)["environ"]["ARGUS_OTEL_TOKEN"] == TOKEN
        assert (f"`argus-otel session s-1 --config {config}`" in done.stderr) is ("--config" in given)
    endpoint = f"http://{service.addresses['otlp_http']}"
    user.ok("plugin", "install", "--yes", "--endpoint", endpoint, "--token-file", str(token))
    done = user.run("claude", "-p", "x", ARGUS_OTEL_CLAUDE=fake, **data)
    assert told(done)["environ"]["ARGUS_OTEL_TOKEN"] == TOKEN, "what captures here have for this endpoint"


def test_a_service_that_is_not_reached_is_said_before_anything_starts() -> None:
    with pytest.raises(SessionError, match=r"nothing was started: .*was not reached: .*refused"):
        _greet("http://127.0.0.1:1", None)


def test_a_session_that_nobody_received_is_not_said_to_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    endpoint = "http://127.0.0.1:1"
    state = {"CLAUDE_PLUGIN_DATA": str(tmp_path / "plugins/data/argus-otel-inline"), "ARGUS_OTEL_ENDPOINT": endpoint}
    folder = append(state["CLAUDE_PLUGIN_DATA"], "Stop", b"{}", 1, state)
    assert _trouble(endpoint, 10) == ("", True)
    Spool(folder).note(last_error="away", last_error_at_ns=11)
    assert _trouble(endpoint, 10) == ("away; 1 records wait here for the next session's hooks", False)
    Spool(folder).note(last_shipped_at_ns=10)
    assert _trouble(endpoint, 9)[1] is True, "some of it"
    Spool(folder).note(last_shipped_at_ns=12)
    assert _trouble(endpoint, 10) == ("", True)


@pytest.mark.parametrize(("last", "code"), [("0", 0), ("3", 3), ("die", 128 + signal.SIGKILL)])
def test_the_exit_code_is_theirs(user: User, serving_to: dict[str, str], fake: str, last: str, code: int) -> None:
    assert user.run("claude", last, ARGUS_OTEL_CLAUDE=fake, **serving_to).returncode == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_them(user: User, serving_to: dict[str, str], fake: str, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "argus_otel", "claude", "wait"],
        cwd=user.project,
        env=user.variables | serving_to | {"ARGUS_OTEL_CLAUDE": fake},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline().startswith("{")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (7, number.name), err


def test_there_is_no_claude(user: User, serving_to: dict[str, str]) -> None:
    done = user.run("claude", PATH="/nowhere", **serving_to)
    assert done.returncode == 1
    assert "--claude-bin" in done.stderr
    done = user.run("claude", "--claude-bin", "/nowhere/claude", **serving_to)
    assert (done.returncode, "/nowhere/claude is no program" in done.stderr) == (1, True)


@needs_claude
def test_a_session_of_ones_own_with_a_service_that_runs(
    user: User, service: Service, serving_to: dict[str, str]
) -> None:
    done = run_session(user, **serving_to)
    session_id = done.stderr.split("argus-otel session ")[1].split()[0]
    query = f"SELECT coverage, api_request_count, tool_call_count FROM argus.sessions WHERE session_id = '{session_id}'"
    complete = [{"coverage": "both", "api_request_count": 2, "tool_call_count": 1}]
    wait_for(lambda: complete if service.rows(query) == complete else [], count=1)
    assert not user.settings.exists()


@needs_claude
def test_a_session_with_a_service_of_its_own(user: User, tmp_path: Path) -> None:
    from services import serving

    data = tmp_path / "data"
    done = run_session(user, ARGUS_OTEL_DATA_DIR=str(data))
    assert f"while `argus-otel serve --data-dir {data}` runs" in done.stderr
    assert not (data / "run.json").exists(), "it is stopped"
    with serving(data) as service:
        [row] = service.rows("SELECT coverage, api_request_count, tool_call_count, is_ended FROM argus.sessions")
        assert row == {"coverage": "both", "api_request_count": 2, "tool_call_count": 1, "is_ended": True}


def run_session(user: User, **variables: str) -> subprocess.CompletedProcess[str]:
    with MessagesApi() as api:
        done = user.run(
            "claude",
            "-p",
            "is all well?",
            ANTHROPIC_BASE_URL=api.url,
            ANTHROPIC_API_KEY="sk-ant-none",
            IS_SANDBOX="1",
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
            ARGUS_OTEL_CLAUDE=str(find_claude()),
            **variables,
        )
    assert done.returncode == 0, done.stderr
    assert ANSWER in done.stdout
    return done
