"""What `plugin status` and `plugin test` say, with real hooks, a real shipper and a real service."""

from __future__ import annotations

import json
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
    assert "argus-otel-plugin-test-" in done.stdout
    assert status(installed)["spools"] == [], "its spool was its own"
    assert TOKEN not in done.stdout


@pytest.mark.parametrize(
    ("variables", "hop"),
    [
        ({"ARGUS_OTEL_ENDPOINT": NOBODY}, "endpoint"),
        ({"ARGUS_OTEL_TOKEN": "wrong"}, "endpoint"),
        ({"ARGUS_OTEL_CAPTURE_LEVEL": "off"}, "settings"),
        ({"ARGUS_OTEL_PYTHON": "/nowhere"}, "interpreter"),
    ],
)
def test_the_trial_says_where_it_ends(installed: User, variables: dict[str, str], hop: str) -> None:
    done = installed.run("plugin", "test", **variables)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith(f"failed  {hop}: ")
    assert "Traceback" not in done.stderr


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
    assert "does not answer" in ask_erasure(NOBODY, "", "known").trouble
