"""Asked of a real service, in whatever way, whatever happens to it meanwhile: forgotten, and no figure changed."""

from __future__ import annotations

import json
import random
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from bytes_on_disk import files_with
from native import content, log, prompt, span
from sentinels import marked
from services import Service, serving

from argus_otel.demo.recordings import truth
from argus_otel.envelope import Envelope, Signal, encode
from argus_otel.receive.opt_out import erasures_asked

if TYPE_CHECKING:
    from pathlib import Path

    from sentinels import Request

NAME = "content-on"
SESSION_ID = truth(NAME)["session_id"]
GONE_S_MAX = 60.0


def forget(data_dir: Path, session_id: str = SESSION_ID, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "argus_otel",
        "forget",
        "--session",
        session_id,
        "--data-dir",
        str(data_dir),
        *options,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def ask(service: Service, way: str) -> None:
    """Ask in one of the three ways that there are."""
    if way == "command":
        assert forget(service.data_dir, SESSION_ID, "--yes", "--wait", "0").returncode == 0
        return
    hook = content("private", {"user.email": "carol@example.org"}, session=SESSION_ID)
    typed = prompt("p-private", "/private", session=SESSION_ID)
    named = prompt("p-private", "<REDACTED>", session=SESSION_ID)
    service.send(*{"hook": hook, "native text": typed, "native name": _with_command_name(named)}[way])


def _with_command_name(request: Request) -> Request:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    message = ExportLogsServiceRequest.FromString(request[1])
    [record] = message.resource_logs[0].scope_logs[0].log_records
    record.attributes.add(key="command_name").value.string_value = "argus-otel:private"
    return Signal.LOGS, message.SerializeToString()


def wait_until_gone(service: Service) -> dict[str, Any]:
    deadline_s = time.monotonic() + GONE_S_MAX
    while True:
        rows = service.rows("SELECT * FROM argus.erasures")
        if rows and rows[0]["gone_at"]:
            return rows[0]
        assert time.monotonic() < deadline_s, (rows, service.log.read_text()[-3000:])
        time.sleep(0.1)


def figures(service: Service) -> list[dict[str, Any]]:
    return service.rows(
        "SELECT cost_usd, api_request_count, tool_call_count, tool_failure_count, input_tokens, output_tokens,"
        f" tools, models, skills, coverage FROM argus.sessions WHERE session_id = '{SESSION_ID}'"
    )


def sent_to(service: Service, said: list[Request]) -> None:
    for signal, body in said:
        service.send(signal, body)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The figures of the session when nobody asks for anything."""
    with serving(tmp_path_factory.mktemp("undisturbed") / "data") as service:
        sent_to(service, marked(NAME, "nothing"))
        service.wait_until_loaded()
        return figures(service)


@pytest.mark.parametrize("way", ["hook", "native text", "native name", "command"])
def test_in_the_middle_of_the_session(tmp_path: Path, way: str, undisturbed: list[dict[str, Any]]) -> None:
    sentinel = secrets.token_hex(16)
    said = marked(NAME, sentinel)
    with serving(tmp_path / "data") as service:
        sent_to(service, said[: len(said) // 2])
        ask(service, way)
        sent_to(service, said[len(said) // 2 :])
        service.wait_until_loaded()
        erasure = wait_until_gone(service)
        assert (erasure["session_id"], erasure["source"]) == (SESSION_ID, way.partition(" ")[0])
        assert figures(service) == undisturbed
        sent_to(service, said)
        service.wait_until_loaded()
        assert figures(service) == undisturbed
        assert service.rows(f"SELECT text FROM argus.transcript WHERE position(text, '{sentinel}') > 0") == []
        assert service.rows("SELECT is_private FROM argus.sessions") == [{"is_private": True}]
        # Whoever asked may ask how far it is.
        with urllib.request.urlopen(f"http://{service.addresses['otlp_http']}/v1/erasures/{SESSION_ID}") as answer:
            told = json.load(answer)
        assert set(told) == {"session_id", "asked_at", "unreadable_at", "gone_at"}
        assert told["asked_at"] <= told["unreadable_at"] <= told["gone_at"]
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://{service.addresses['otlp_http']}/v1/erasures/another")
    assert files_with(tmp_path / "data", [sentinel]) == {}


def test_the_user_who_asked_is_noted(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        ask(service, "hook")
        service.wait_until_loaded()
        assert wait_until_gone(service)["asked_by"] == "carol@example.org"


@pytest.mark.parametrize("seed", range(2))
def test_sigkill_at_any_moment(tmp_path: Path, seed: int, undisturbed: list[dict[str, Any]]) -> None:
    """Everything is sent until it is acknowledged, as an exporter does; the service dies again and again meanwhile."""
    chance = random.Random(seed)
    sentinel = secrets.token_hex(16)
    said = marked(NAME, sentinel)
    said.insert(chance.randrange(len(said)), content("private", {}, session=SESSION_ID))
    waiting = list(said)
    service = Service(tmp_path / "data")
    try:
        for _ in range(4):
            for _ in range(chance.randrange(len(said))):
                if waiting:
                    service.send(*waiting.pop(0))
            time.sleep(chance.uniform(0, 1.5))  # not for anything to happen: to be killed at another moment
            service.kill()
            service = Service(tmp_path / "data")
        sent_to(service, waiting)
        service.wait_until_loaded()
        wait_until_gone(service)
        assert figures(service) == undisturbed
        assert service.stop() == 0
    finally:
        if service.process.poll() is None:
            service.kill()
    assert files_with(tmp_path / "data", [sentinel]) == {}


def test_what_was_set_aside_is_stripped(tmp_path: Path) -> None:
    sentinel = secrets.token_hex(16)
    with serving(tmp_path / "data"):
        pass
    signal, body = prompt("p1", f"about {sentinel}", session=SESSION_ID)
    poison = encode(Envelope(signal, "default", 1, 1, 0, _with_odd_boolean(body)))
    (tmp_path / "data" / "spool" / "0000000000009000-0000000000000000.seg").write_bytes(poison)
    with serving(tmp_path / "data") as service:
        assert service.wait_until_loaded()["dead_lettered"] == 1
        assert files_with(tmp_path / "data" / "dead-letter", [sentinel])
        ask(service, "hook")
        service.wait_until_loaded()
        wait_until_gone(service)
        assert service.wait_until_loaded()["dead_lettered"] == 1
    assert files_with(tmp_path / "data", [sentinel]) == {}


def _with_odd_boolean(body: bytes) -> bytes:
    """Return the request with a boolean of 2 in its only record: upb lets it pass, ClickHouse does not."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    message = ExportLogsServiceRequest.FromString(body)
    [record] = message.resource_logs[0].scope_logs[0].log_records
    record.attributes.add(key="odd").value.bool_value = True
    data = message.SerializeToString()
    assert data.count(b"\x0a\x03odd\x12\x02\x10\x01") == 1
    return data.replace(b"\x0a\x03odd\x12\x02\x10\x01", b"\x0a\x03odd\x12\x02\x10\x02")


def test_forget_asks_says_and_refuses(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        sent_to(service, marked(NAME, "nothing"))
        service.wait_until_loaded()
        unsure = subprocess.run(
            [sys.executable, "-m", "argus_otel", "forget", "--session", "unheard-of", "--data-dir", str(service.data_dir)],
            capture_output=True, text=True, timeout=60, input="n\n",
        )  # fmt: skip
        assert unsure.returncode == 1
        assert "No session of this id is known" in unsure.stdout
        assert service.rows("SELECT * FROM argus.erasures") == []
        prefix = forget(service.data_dir, SESSION_ID[:8], "--yes")
        assert prefix.returncode == 2
        assert f"is the beginning of {SESSION_ID}" in prefix.stderr
        unknown = forget(service.data_dir, "unheard-of", "--yes")
        assert "no session unheard-of is known in workspace default: if it comes, it is private" in unknown.stdout
        done = forget(service.data_dir, SESSION_ID, "--yes")
        assert done.returncode == 0, done.stderr
        assert "is forgotten: its text is unreadable and gone" in done.stdout
    stopped = forget(tmp_path / "data", SESSION_ID, "--yes")
    assert stopped.returncode == 1
    assert "no service runs on" in stopped.stderr


def test_the_state_of_an_erasure_needs_the_senders_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("open-sesame")
    with serving(tmp_path / "data", "--token-file", str(token)) as service:
        url = f"http://{service.addresses['otlp_http']}/v1/erasures/{SESSION_ID}"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(url)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": "Bearer open-sesame"}))


def test_a_word_is_no_wish(tmp_path: Path) -> None:
    """Prompts about /private, files of that name and content spans that quote it ask for nothing."""
    with serving(tmp_path / "data") as service:
        service.send(*prompt("p1", "what does /private do?", session="s1"))
        service.send(*prompt("p2", "cat src/private", session="s2"))
        service.send(
            *content("user_prompt", {"gen_ai.input.messages": '[{"parts":[{"content":"/private"}]}]'}, session="s3")
        )
        service.wait_until_loaded()
        assert service.rows("SELECT * FROM argus.erasures") == []
        with pytest.raises(grpc.RpcError):
            service.send(Signal.LOGS, b"\xff\xff:private")


def test_in_another_time_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """East of UTC the bounds would be in the future, west of it in the past: either way nothing would be found."""
    monkeypatch.setenv("TZ", "America/New_York")
    sentinel = secrets.token_hex(16)
    with serving(tmp_path / "data") as service:
        sent_to(service, marked(NAME, sentinel))
        service.wait_until_loaded()
        ask(service, "hook")
        service.wait_until_loaded()
        assert wait_until_gone(service)["row_count"] > 0
    assert files_with(tmp_path / "data", [sentinel]) == {}


def test_a_stop_at_once_erases_first(tmp_path: Path) -> None:
    sentinel = secrets.token_hex(16)
    with serving(tmp_path / "data") as service:
        sent_to(service, marked(NAME, sentinel))
        ask(service, "hook")
    assert files_with(tmp_path / "data", [sentinel]) == {}


def test_what_the_spool_could_not_read_is_deleted(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        damaged = tmp_path / "data" / "spool" / "0000000000000001-0000000000000000.seg@0.damaged"
        damaged.write_bytes(b"half of an envelope of session " + SESSION_ID.encode())
        other = damaged.with_name("0000000000000002-0000000000000000.seg@0.damaged")
        other.write_bytes(b"half of another")
        ask(service, "command")
        wait_until_gone(service)
        assert not damaged.exists()
        assert other.exists()


@pytest.mark.parametrize(
    ("request_", "is_asked"),
    [
        (prompt("p1", " /private\n"), True),
        (prompt("p1", "/private please, and thank you"), True),
        (prompt("p1", "/argus-otel:private"), True),
        (prompt("p1", "/private/tmp/file has it"), False),
        (prompt("p1", "/Private"), False),
        (prompt("p1", "/gitlab:private"), False),
        (prompt("p1", "private"), False),
        (log("tool_result", {"prompt": "/private", "tool_name": "x"}), False),
        (log("api_request", {"command_name": "private"}), False),
        (span("claude_code.interaction", {"user_prompt": "/private"}), True),
        (span("claude_code.tool", {"user_prompt": "/private"}), False),
        (content("tool_call", {"argus.mcp.server": "private"}), False),
        (content("private", {}), True),
    ],
)
def test_what_asks(request_: Request, is_asked: bool) -> None:
    signal, body = request_
    asked = erasures_asked(Envelope(signal, "default", 1, 1, 0, body))
    assert [one.session_id for one in asked] == (["s1"] if is_asked else [])


def test_many_sessions_in_one_request_are_private_at_once(tmp_path: Path) -> None:
    signal, body = Signal.TRACES, b"".join(content("private", {}, session=f"s{n}")[1] for n in range(500))
    with serving(tmp_path / "data") as service:
        service.send(signal, body)
        service.wait_until_loaded()
        assert service.rows("SELECT count() AS asked FROM argus.erasures") == [{"asked": 500}]


def test_no_id_is_cut(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        with pytest.raises(grpc.RpcError, match="INVALID_ARGUMENT"):
            service.send(*content("private", {}, session="é" * 9000))
        odd = "a\\tb/ü'"
        service.send(*content("private", {}, session=odd))
        service.wait_until_loaded()
        url = f"http://{service.addresses['otlp_http']}/v1/erasures/{urllib.parse.quote(odd)}"
        with urllib.request.urlopen(url) as answer:
            assert json.load(answer)["session_id"] == odd
