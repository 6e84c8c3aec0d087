"""The command as a hook runs it: real processes, a real HTTP receiver, and nothing that could disturb a session."""

from __future__ import annotations

import ast
import gzip
import hashlib
import io
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import argus_otel
from argus_otel.capture.command import main
from argus_otel.capture.errors import SettingsError
from argus_otel.capture.settings import ShipSettings, capture_settings, ship_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(argus_otel.__file__).parent
IMPORTABLE = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})"
AS_MODULE = "import runpy; runpy.run_module('argus_otel.capture', run_name='__main__')"
HOOK = b'{"session_id":"s","hook_event_name":"UserPromptSubmit","prompt_id":"p","prompt":"SENTINEL"}'


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver(ThreadingHTTPServer):
    """Answers every POST as told and keeps what it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Request] = []
        self.status = 200
        self.answer = b"{}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(Request(self.path, dict(self.headers.items()), body))
        self.send_response(self.server.status)
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def do_GET(self) -> None:  # what a followed redirect of a POST becomes
        self.server.requests.append(Request(self.path, dict(self.headers.items()), b""))
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(*argv: str, stdin: bytes = HOOK, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run `python -m argus_otel.capture` without site-packages: the standard library is all there is."""
    command = [sys.executable, "-I", "-S", "-c", f"{IMPORTABLE}; {AS_MODULE}", *argv]
    return subprocess.run(command, input=stdin, env=environ, capture_output=True, timeout=60)


def test_a_hook_is_sent_as_one_compressed_otlp_request(receiver: Receiver) -> None:
    done = run(ARGUS_OTEL_ENDPOINT=receiver.url, ARGUS_OTEL_TOKEN="t0ken", CLAUDE_CODE_MESSAGING_TOKEN="SECRET")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (request,) = receiver.requests
    assert request.path == "/v1/traces"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Content-Encoding"] == "gzip"
    assert request.headers["Authorization"] == "Bearer t0ken"
    body = gzip.decompress(request.body)
    (span,) = json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert span["name"] == "argus.user_prompt"
    assert b"SECRET" not in body
    assert b"t0ken" not in body


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
    assert run(**environ).returncode == 0
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


def test_an_unforeseen_exception_is_named_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise KeyError("SENTINEL")

    assert main([], Broken(), {}) == 0
    assert main(["--check"], Broken(), {}) == 1
    assert capsys.readouterr().err == "argus-otel capture: a defect of argus-otel: KeyError\n"


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
    run(stdin=SKILL_HOOK, ARGUS_OTEL_ENDPOINT=receiver.url, **folders)
    (span,) = json.loads(gzip.decompress(receiver.requests[0].body))["resourceSpans"][0]["scopeSpans"][0]["spans"]
    attributes = {pair["key"]: pair["value"].get("stringValue") for pair in span["attributes"]}
    assert attributes.get("argus.skill.hash") == expected


def test_a_token_comes_from_the_variable_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    assert ship_settings({"ARGUS_OTEL_TOKEN_FILE": str(file)}).token == "from-file"
    assert ship_settings({"ARGUS_OTEL_TOKEN_FILE": str(file), "ARGUS_OTEL_TOKEN": "direct"}).token == "direct"
    with pytest.raises(SettingsError, match="ARGUS_OTEL_TOKEN_FILE"):
        ship_settings({"ARGUS_OTEL_TOKEN_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "64k", "\u0663", " "])
def test_a_limit_is_a_whole_number_of_bytes(value: str) -> None:
    with pytest.raises(SettingsError, match="at least 1"):
        capture_settings({"ARGUS_OTEL_VALUE_BYTES_MAX": value})
    assert capture_settings({"ARGUS_OTEL_VALUE_BYTES_MAX": "1000"}).value_bytes_max == 1000


def test_settings_have_documented_defaults_and_the_token_is_in_no_repr() -> None:
    assert capture_settings({}) == ("full", 65536)
    assert ship_settings({}) == ("http://127.0.0.1:4318", "", 1.0)
    assert "t0ken" not in repr(ShipSettings(token="t0ken"))


@pytest.mark.parametrize("path", sorted((PACKAGE / "capture").glob("*.py")), ids=lambda path: path.name)
def test_the_grammar_is_that_of_python_3_9_and_nothing_else_is_imported(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    ours = {module for module in modules if module.startswith("argus_otel")}
    assert all(module == "argus_otel" or module.startswith("argus_otel.capture.") for module in ours)
    assert {module.partition(".")[0] for module in modules - ours} <= sys.stdlib_module_names


def test_starting_up_imports_neither_an_http_client_nor_a_parser_of_arguments() -> None:
    start = f"{IMPORTABLE}; import argus_otel.capture.command; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", start], capture_output=True, text=True, timeout=60)
    assert not {"http.client", "argparse", "logging", "dataclasses", "pathlib", "ssl"} & set(done.stdout.split())
