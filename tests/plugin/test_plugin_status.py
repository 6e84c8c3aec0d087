"""What `plugin status` and `plugin test` say, with real hooks, a real shipper and a real service."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from plugin_user import wait_for

from argus_otel.capture.settings import Settings, variable_of
from argus_otel.config import NOT_SETTINGS, Config
from argus_otel.plugin.erasures import Erasure, ask_erasure
from argus_otel.plugin.status_lines import status_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugin_user import User
    from services import Service

TOKEN = "a-token-of-tests"
NOBODY = "http://127.0.0.1:1"


def status(user: User, **variables: str) -> Any:
    return json.loads(user.ok("plugin", "status", "--format", "json", **variables))


def sources(found: Any) -> dict[str, tuple[Any, str]]:
    return {row["key"]: (row["value"], row["source"]) for row in found["settings"]}


def hook(user: User, event: str, told: dict[str, object], **variables: str) -> None:
    plugin = Path(user.ok("plugin", "path").strip())
    state = user.home / ".claude" / "plugins" / "data" / "argus-otel-argus-otel"
    done = subprocess.run(
        ["sh", str(plugin / "hook.sh"), event],
        input=json.dumps({"session_id": "s-1", "hook_event_name": event} | told).encode(),
        env=user.variables | {"CLAUDE_PLUGIN_DATA": str(state), "ARGUS_OTEL_PYTHON": sys.executable} | variables,
        timeout=60,
    )
    assert done.returncode == 0


@pytest.fixture
def installed(user: User, service: Service, tmp_path: Path) -> User:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    endpoint = f"http://{service.addresses['otlp_http']}"
    user.ok("plugin", "install", "--yes", "--endpoint", endpoint, "--token-file", str(token))
    return user


def test_nothing_is_installed(user: User) -> None:
    found = status(user, ARGUS_OTEL_ENDPOINT=NOBODY)
    assert (found["installed"], found["spools"], found["private"]) == ([], [], [])
    assert found["interpreter"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert found["endpoint"]["is_answering"] is False
    assert found["telemetry"]["finding"].startswith("off:")
    table = user.ok("plugin", "status", ARGUS_OTEL_ENDPOINT=NOBODY)
    assert "not installed" in table
    assert "no private sessions" in table


def test_where_it_is_installed_and_what_is_in_force(installed: User, service: Service) -> None:
    found = status(installed)
    [one] = found["installed"]
    assert (one["scope"], one["is_enabled"], one["plugin_id"]) == ("user", True, "argus-otel@argus-otel")
    assert one["version"]
    known = sources(found)
    assert list(known) == list(Settings._fields)
    assert known["endpoint"] == (f"http://{service.addresses['otlp_http']}", str(installed.capture))
    assert known["redaction"] == (True, "default")
    assert found["endpoint"]["is_answering"] is True
    assert found["warnings"] == []


def test_where_each_setting_comes_from(installed: User) -> None:
    settings = json.loads(installed.settings.read_text())
    settings["env"] = {"ARGUS_OTEL_ANNOUNCE": "true"}
    settings["pluginConfigs"] = {"argus-otel@argus-otel": {"options": {"capture_level": "metadata"}}}
    settings["disableAllHooks"] = True
    installed.settings.write_text(json.dumps(settings))
    plugin = installed.plugins / "current" / "plugins" / "argus-otel"
    (plugin / "config.json").write_text('{"exclude_tools": ["Web*"], "endpoint": "http://loses"}')
    found = status(installed, ARGUS_OTEL_ANNOUNCE="false", ARGUS_OTEL_TOKEN=TOKEN)
    known = sources(found)
    assert known["announce"] == (True, f"ARGUS_OTEL_ANNOUNCE in {installed.settings}"), "Claude Code's settings win"
    assert known["capture_level"] == ("metadata", "option of the plugin")
    assert known["exclude_tools"] == (["Web*"], str(plugin / "config.json"))
    assert known["endpoint"][1] == str(installed.capture)
    assert known["token"] == ("set, not shown", "ARGUS_OTEL_TOKEN in the environment")
    assert TOKEN not in json.dumps(found)
    assert found["warnings"] == [f"{installed.settings}: disableAllHooks is on, so no hook runs"]


def test_a_setting_that_is_not_understood_is_said(installed: User) -> None:
    installed.capture.write_text('{"capture_levle": "off"}')
    found = status(installed)
    assert found["settings"] == []
    assert "capture_levle" in found["warnings"][0]
    done = installed.run("plugin", "test")
    assert (done.returncode, "failed  settings" in done.stdout) == (1, True)


def test_what_waits_and_what_is_private(installed: User, service: Service) -> None:
    hook(installed, "Stop", {"prompt_id": "p", "last_assistant_message": "for later"}, ARGUS_OTEL_ENDPOINT=NOBODY)
    hook(installed, "UserPromptSubmit", {"prompt": "/private", "session_id": "s-private"})
    spools = {row["endpoint"]: row for row in wait_for_spools(installed, service)}
    waiting = spools[NOBODY]
    assert (waiting["waiting_count"], waiting["shipped_count"]) == (1, 0)
    assert waiting["oldest_at"].endswith("Z")
    [private] = status(installed)["private"]
    assert private["session_id"] == "s-private"
    assert private["asked_at"].endswith("Z")
    assert private["sent_at"].endswith("Z")
    assert "for later" not in json.dumps(status(installed)) + installed.ok("plugin", "status")


def wait_for_spools(user: User, service: Service) -> list[dict[str, Any]]:
    endpoint = f"http://{service.addresses['otlp_http']}"

    def shipped() -> list[dict[str, Any]]:
        return [row for row in status(user)["spools"] if row["endpoint"] == endpoint and row["shipped_count"]]

    wait_for(shipped, count=1)
    found: list[dict[str, Any]] = status(user)["spools"]
    return found


def test_the_trial_goes_the_whole_way(installed: User, service: Service) -> None:
    done = installed.run("plugin", "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[1].rstrip(":") for line in done.stdout.splitlines()] == [
        "plugin", "interpreter", "settings", "endpoint", "spool", "shipper", "/private", "shipper", "erasure",
    ]  # fmt: skip
    session_id = next(word for word in done.stdout.split() if word.startswith("argus-otel-plugin-test-"))
    assert f"what stays is session {session_id} without text, and its row in argus.erasures" in done.stdout
    rows = service.rows(f"SELECT session_id FROM argus.erasures WHERE session_id = '{session_id}'")
    assert rows == [{"session_id": session_id}]
    assert [line for line in done.stdout.splitlines() if " shipper: " in line] == [
        "ok      shipper: 3 sent and taken",
        "ok      shipper: 1 sent and taken",
    ]
    assert status(installed)["spools"] == [], "its spool was its own"
    assert TOKEN not in done.stdout


@pytest.mark.parametrize(
    ("variables", "hop"),
    [
        ({"ARGUS_OTEL_ENDPOINT": NOBODY}, "endpoint"),
        ({"ARGUS_OTEL_TOKEN": "wrong"}, "endpoint"),
        ({"ARGUS_OTEL_CAPTURE_LEVEL": "off"}, "settings"),
        ({"ARGUS_OTEL_PRIVATE": "true"}, "settings"),
        ({"ARGUS_OTEL_PYTHON": "/nowhere"}, "interpreter"),
    ],
)
def test_the_trial_says_where_it_ends(installed: User, variables: dict[str, str], hop: str) -> None:
    done = installed.run("plugin", "test", **variables)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith(f"failed  {hop}: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "marker", "cause"),
    [
        (
            {"ARGUS_OTEL_CAPTURE_LEVEL": "off"},
            False,
            "capture_level is off (ARGUS_OTEL_CAPTURE_LEVEL in the environment)",
        ),
        ({"ARGUS_OTEL_PRIVATE": "1"}, False, "private is true (ARGUS_OTEL_PRIVATE in the environment): every session"),
        ({"ARGUS_OTEL_EXCLUDE_PROJECTS": "~/proj*"}, False, "exclude_projects names this folder, {project} ("),
        ({}, True, "{project}/.argus-otel-private is there: every session in that folder is private"),
    ],
)
def test_why_sessions_here_are_not_recorded(
    installed: User, variables: dict[str, str], marker: bool, cause: str
) -> None:
    assert status(installed)["not_recorded"] == []
    if marker:
        (installed.project / ".argus-otel-private").touch()
    [said] = status(installed, **variables)["not_recorded"]
    assert said.startswith(cause.format(project=installed.project))
    assert f"not recorded: {said}" in installed.ok("plugin", "status", **variables)
    assert f"nothing is recorded here: {said}" in installed.run("plugin", "test", **variables).stdout


def test_where_claude_codes_own_telemetry_goes(user: User, service: Service, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    endpoint = f"http://{service.addresses['otlp_http']}"
    user.ok("plugin", "install", "--yes", "--endpoint", endpoint, "--token-file", str(token), "--with-telemetry")
    found = status(user)["telemetry"]
    assert found == {
        "endpoint": endpoint,
        "protocol": "http/protobuf",
        "set_by": "argus-otel plugin install",
        "is_answering": True,
        "finding": f"{endpoint} takes what is sent over http/protobuf",
    }
    now = json.loads(user.settings.read_text())
    now["env"]["OTEL_EXPORTER_OTLP_HEADERS"] = "Authorization=Bearer%20wrong"
    now["env"]["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"{endpoint}/"
    user.settings.write_text(json.dumps(now))
    found = status(user)["telemetry"]
    assert (found["is_answering"], found["set_by"]) == (False, str(user.settings))
    assert "answered 401" in found["finding"]
    assert f"own OpenTelemetry: {found['finding']}" in user.ok("plugin", "status")


@pytest.mark.parametrize(
    ("headers", "port", "finding"),
    [
        (f"authorization=Bearer {TOKEN}", None, "takes what is sent over grpc"),
        ("authorization=Bearer wrong", None, "UNAUTHENTICATED: look at the token"),
        ("", 1, "UNAVAILABLE: is the service running"),
    ],
)
def test_where_claude_codes_own_telemetry_goes_over_grpc(
    user: User, service: Service, headers: str, port: int | None, finding: str
) -> None:
    address = f"127.0.0.1:{port}" if port else service.addresses["otlp_grpc"]
    variables = {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{address}",
        "OTEL_EXPORTER_OTLP_HEADERS": headers,
    }
    found = status(user, **variables)["telemetry"]
    assert finding in found["finding"]
    assert (found["is_answering"], found["set_by"]) == ("takes" in finding, "the environment")


def test_an_error_that_was_overcome_is_not_shown(installed: User, service: Service) -> None:
    endpoint = f"http://{service.addresses['otlp_http']}"
    hook(installed, "Stop", {"prompt_id": "p", "last_assistant_message": "x"}, ARGUS_OTEL_TOKEN="wrong")
    [spool] = wait_for(lambda: [row for row in status(installed)["spools"] if row["last_error"]], count=1)
    assert "answered 401" in spool["last_error"]
    wait_for(lambda: [{}] if not_held(installed) else [], count=1)
    hook(installed, "Stop", {"prompt_id": "q", "last_assistant_message": "x"})
    [spool] = wait_for(lambda: [row for row in status(installed)["spools"] if row["shipped_count"] == 2], count=1)
    assert (spool["endpoint"], spool["last_error"], spool["last_error_at"]) == (endpoint, "", "")


def not_held(user: User) -> bool:
    import fcntl

    [lock] = (user.home / ".claude").rglob("spool/*/lock")
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_a_spool_that_holds_nothing_of_an_endpoint_that_is_not_set_is_left_out(
    installed: User, service: Service
) -> None:
    hook(installed, "Stop", {"prompt_id": "p", "last_assistant_message": "x"})
    wait_for_spools(installed, service)
    assert status(installed, ARGUS_OTEL_ENDPOINT=NOBODY)["spools"] == []


def test_a_settings_file_that_cannot_be_read_is_said(installed: User) -> None:
    installed.settings.write_text('{"env": ')
    assert f"{installed.settings}: is no JSON, so what it sets is not known" in status(installed)["warnings"]
    installed.settings.write_text("[]")
    assert f"{installed.settings}: holds no JSON object, so what it sets is not known" in status(installed)["warnings"]


def test_nothing_that_is_copied_is_broken_at_any_width(installed: User) -> None:
    session_id = "0b6c7c6c-98a1-4a5b-9d51-6e4a5a2e1f00"
    hook(installed, "UserPromptSubmit", {"prompt": "/private", "session_id": session_id})
    wait_for(lambda: [row for row in status(installed)["private"] if row["gone_at"]], count=1)
    found = status(installed)
    [private] = found["private"]
    for width in (40, 80, 120):
        words = " ".join(status_lines(found, width)).split()
        assert {session_id, private["asked_at"], private["gone_at"], found["settings"][0]["value"]} <= set(words)
        assert all(len(line) <= width or len(line.split()) <= 3 for line in status_lines(found, width))
    times = [private[name] for name in ("asked_at", "sent_at", "unreadable_at", "gone_at")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time) for time in times)


def test_what_is_not_known_now_is_said(installed: User, service: Service) -> None:
    hook(installed, "UserPromptSubmit", {"prompt": "/private", "session_id": "s-private"})
    wait_for(lambda: [row for row in status(installed)["private"] if row["sent_at"]], count=1)
    told = installed.ok("plugin", "status", ARGUS_OTEL_TOKEN="wrong")
    assert "unreadable  not known now" in told
    assert "gone        not known now" in told
    assert "the endpoint answered 401" in told


def test_every_variable_of_the_plugin_is_known_to_the_service() -> None:
    """It refuses variables that it does not know, and both live in one environment."""
    known = NOT_SETTINGS | {f"ARGUS_OTEL_{name.upper()}" for name in Config.model_fields}
    assert {variable_of(key) for key in Settings._fields} <= known


class _Erasures(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = {
            "/v1/erasures/known": (200, {"asked_at": "2026-01-02T03:04:05Z", "unreadable_at": "2026-01-02T03:04:06Z"}),
            "/v1/erasures/..%2Funknown": (404, {"error": "nothing is known"}),
        }
        status, body = known.get(self.path, (404, None))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            status, body = 401, None
        data = b"Not Found" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def erasures() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Erasures)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_what_the_endpoint_knows_of_an_erasure(erasures: str) -> None:
    assert ask_erasure(erasures, TOKEN, "known") == Erasure("2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z")
    assert ask_erasure(erasures, TOKEN, "../unknown").trouble == "knows nothing of this session"
    assert "is it argus-otel?" in ask_erasure(erasures, TOKEN, "elsewhere").trouble
    assert ask_erasure(erasures, "", "known").trouble == "answered 401 Unauthorized"
    assert "Connection refused" in ask_erasure(NOBODY, "", "known").trouble
