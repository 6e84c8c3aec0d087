"""Installing changes what it shows and nothing else, and can be taken back."""

from __future__ import annotations

import hashlib
import json
import stat
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from claude_needed import find_claude, needs_claude
from messages_api import ANSWER, COMMAND, MessagesApi
from plugin_user import wait_for

from argus_otel.plugin import edits

if TYPE_CHECKING:
    from pathlib import Path

    from plugin_user import User
    from services import Service

TOKEN = "a-token-of-tests"
THEIRS = """{
    "model": "opus",
    "env": {"EDITOR": "vi", "OTEL_LOGS_EXPORTER": "none"},
    "permissions": {"allow": ["Bash(ls:*)"]},
    "enabledPlugins": {"other@theirs": true}
}
"""


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder, with what it holds and who may read it."""
    return {
        str(
            path.relative_to(folder)
        ): f"{stat.S_IMODE(path.stat().st_mode):o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in folder.rglob("*")
        if path.is_file()
    }


def install(user: User, *arguments: str) -> str:
    return user.ok("plugin", "install", "--yes", *arguments)


def settings(user: User) -> Any:
    return json.loads(user.settings.read_text())


@pytest.fixture
def theirs(user: User) -> str:
    user.settings.parent.mkdir()
    user.settings.write_text(THEIRS)
    user.settings.chmod(0o640)
    return THEIRS


def test_a_fresh_home_gets_two_files_and_loses_them_again(user: User) -> None:
    install(user, "--endpoint", "http://argus:4318", "--capture-level", "metadata")
    marketplace = {"source": {"source": "directory", "path": str(user.plugins / "current")}}
    assert settings(user) == {
        "extraKnownMarketplaces": {"argus-otel": marketplace},
        "enabledPlugins": {"argus-otel@argus-otel": True},
    }
    assert json.loads(user.capture.read_text()) == {"endpoint": "http://argus:4318", "capture_level": "metadata"}
    assert stat.S_IMODE(user.capture.stat().st_mode) == 0o600
    assert (user.plugins / "current" / "plugins" / "argus-otel" / "hook.sh").exists()
    user.ok("plugin", "uninstall", "--yes")
    assert not (user.home / ".claude").exists()
    assert not (user.home / ".config").exists()
    assert not (user.plugins / "current").exists()


def test_what_was_there_stays_and_comes_back_byte_by_byte(user: User, theirs: str) -> None:
    before = tree(user.home / ".claude")
    install(user)
    after = settings(user)
    assert {key: after[key] for key in json.loads(theirs)} == json.loads(theirs) | {
        "enabledPlugins": {"other@theirs": True, "argus-otel@argus-otel": True}
    }
    assert list(after) == [*json.loads(theirs), "extraKnownMarketplaces"], "their order stays"
    assert user.settings.read_text().startswith('{\n    "model"'), "and their indentation"
    assert stat.S_IMODE(user.settings.stat().st_mode) == 0o640
    [copy] = user.settings.parent.glob("settings.json.argus-otel-backup-*")
    assert copy.read_text() == theirs
    user.ok("plugin", "uninstall", "--yes")
    assert tree(user.home / ".claude") == before


def test_twice_is_once(user: User, theirs: str) -> None:
    install(user)
    once = tree(user.home / ".claude")
    assert "no setting had to change" in install(user)
    assert tree(user.home / ".claude") == once
    install(user, "--capture-level", "off")
    install(user, "--capture-level", "full")
    user.ok("plugin", "uninstall", "--yes")
    assert user.settings.read_text() == theirs
    assert not user.capture.exists()


def test_what_the_user_changed_since_stays(user: User, theirs: str) -> None:
    install(user, "--endpoint", "http://argus:4318", "--capture-level", "full", "--with-telemetry")
    now = settings(user)
    now["model"] = "sonnet"
    now["enabledPlugins"]["argus-otel@argus-otel"] = False
    now["env"]["OTEL_TRACES_EXPORTER"] = "console"
    user.settings.write_text(json.dumps(now))
    user.capture.write_text('{"endpoint": "http://mine:4318", "capture_level": "full", "announce": true}')
    told = user.ok("plugin", "uninstall", "--yes")
    assert settings(user) == json.loads(theirs) | {
        "model": "sonnet",
        "env": {"EDITOR": "vi", "OTEL_LOGS_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "console"},
    }
    assert json.loads(user.capture.read_text()) == {"endpoint": "http://mine:4318", "announce": True}
    assert "env.OTEL_TRACES_EXPORTER was changed since" in told
    assert "endpoint was changed since" in told


def test_installing_again_after_a_change_keeps_the_change(user: User, theirs: str) -> None:
    install(user, "--capture-level", "full")
    user.capture.write_text('{"capture_level": "metadata"}')
    install(user, "--capture-level", "off")
    user.ok("plugin", "uninstall", "--yes")
    assert json.loads(user.capture.read_text()) == {"capture_level": "metadata"}


def test_it_shows_what_it_changes_and_asks(user: User, theirs: str) -> None:
    before = tree(user.home)
    token = user.project / "token"
    token.write_text(TOKEN)
    arguments = ["--endpoint", "http://argus:4318", "--token-file", str(token), "--with-telemetry"]
    done = user.run("plugin", "install", *arguments, typed="metadata\nn\n")
    assert done.returncode == 1
    assert '  - env.OTEL_LOGS_EXPORTER = "none"\n  + env.OTEL_LOGS_EXPORTER = "otlp"\n' in done.stdout
    assert '  + capture_level = "metadata"\n' in done.stdout
    assert "  + env.OTEL_EXPORTER_OTLP_HEADERS = (not shown)\n" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    token.unlink()
    assert tree(user.home) == before


def test_telemetry_goes_to_the_same_place(user: User, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    install(user, "--endpoint", "https://argus:4318", "--token-file", str(token), "--with-telemetry")
    assert settings(user)["env"] == {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://argus:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {TOKEN}",
    }
    assert stat.S_IMODE(user.settings.stat().st_mode) == 0o600, "the token is in it"
    assert TOKEN not in (user.plugins / "installed.json").read_text()
    assert json.loads(user.capture.read_text())["token_file"] == str(token)
    user.ok("plugin", "uninstall", "--yes")
    assert not user.settings.exists()


def test_installing_again_keeps_telemetry_in_step(user: User, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("token-one")
    two.write_text("token-two")
    install(user, "--endpoint", "http://a:4318", "--token-file", str(one), "--with-telemetry")
    before = settings(user)["env"]
    shown = install(user, "--endpoint", "http://b:4318", "--token-file", str(two))
    assert settings(user)["env"] == before | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer token-two",
    }
    assert '+ env.OTEL_EXPORTER_OTLP_ENDPOINT = "http://b:4318"   (an earlier install set it: in step' in shown
    assert "token-" not in shown
    two.write_text("token-three")
    install(user)
    assert settings(user)["env"]["OTEL_EXPORTER_OTLP_HEADERS"] == "Authorization=Bearer token-three"
    user.ok("plugin", "uninstall", "--yes")
    assert not user.settings.exists()


def test_installing_again_leaves_telemetry_that_its_user_changed(user: User) -> None:
    install(user, "--endpoint", "http://a:4318", "--with-telemetry")
    now = settings(user)
    now["env"]["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://mine:4318"
    user.settings.write_text(json.dumps(now))
    install(user, "--endpoint", "http://b:4318")
    assert settings(user)["env"] == now["env"]


def test_installing_again_leaves_telemetry_that_was_sent_elsewhere_and_says_so(user: User) -> None:
    install(user, "--endpoint", "http://a:4318", "--with-telemetry", "--telemetry-endpoint", "http://a:4317")
    before = settings(user)["env"]
    shown = install(user, "--endpoint", "http://b:4318")
    assert "own OpenTelemetry goes to http://a:4317 as before: --telemetry-endpoint changes it" in shown
    assert settings(user)["env"] == before
    install(user, "--endpoint", "http://b:4318", "--telemetry-endpoint", "http://b:4317")
    assert settings(user)["env"] == before | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:4317"}


def test_telemetry_that_is_added_later_goes_where_the_plugin_sends(user: User, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("token-one")
    install(user, "--endpoint", "http://a:4318", "--token-file", str(token))
    assert "env" not in settings(user)
    install(user, "--with-telemetry")
    assert settings(user)["env"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://a:4318"
    assert settings(user)["env"]["OTEL_EXPORTER_OTLP_HEADERS"] == "Authorization=Bearer token-one"


def test_a_level_that_is_none_is_asked_for_again(user: User) -> None:
    done = user.run("plugin", "install", typed="some\nmetadata\ny\n")
    assert done.returncode == 0, done.stderr
    assert "'some' is none of full, metadata, off" in done.stdout + done.stderr
    assert json.loads(user.capture.read_text()) == {"capture_level": "metadata"}


def test_a_token_file_is_kept_as_the_file_that_it_is(user: User, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text(TOKEN)
    (user.project / "link").symlink_to(real)
    install(user, "--token-file", "../project/link")
    assert json.loads(user.capture.read_text())["token_file"] == str(real.resolve())


def test_a_project_alone(user: User) -> None:
    install(user, "--scope", "project")
    local = user.project / ".claude" / "settings.local.json"
    assert json.loads(local.read_text()) == {"enabledPlugins": {"argus-otel@argus-otel": True}}
    assert "enabledPlugins" not in settings(user)
    user.ok("plugin", "uninstall", "--yes")
    assert not local.parent.exists()
    done = user.run("plugin", "install", "--yes", "--scope", "project", "--with-telemetry")
    assert (done.returncode, "ignores exporters" in done.stderr) == (2, True)


@pytest.mark.parametrize("broken", ["{", "[]", '{"env": ', '{"enabledPlugins": []}', "\x00"])
def test_a_broken_file_is_named_and_left_alone(user: User, broken: str) -> None:
    user.settings.parent.mkdir()
    user.settings.write_text(broken)
    done = user.run("plugin", "install", "--yes")
    assert done.returncode == 1
    assert str(user.settings) in done.stderr
    assert "repair it first" in done.stderr
    assert "Traceback" not in done.stderr
    assert user.settings.read_text() == broken


@pytest.mark.parametrize(
    "arguments",
    [["--capture-level", "all"], ["--scope", "world"], ["--endpoint", "argus:4318"], ["--token-file", "/nowhere"]],
)
def test_what_cannot_be_meant_is_refused(user: User, arguments: list[str]) -> None:
    done = user.run("plugin", "install", "--yes", *arguments)
    assert done.returncode == 2
    assert not (user.home / ".claude").exists()


def test_a_link_stays_a_link(user: User, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    (dotfiles / "settings.json").write_text("{}\n")
    user.settings.parent.mkdir()
    user.settings.symlink_to(dotfiles / "settings.json")
    install(user)
    assert user.settings.is_symlink()
    assert "enabledPlugins" in json.loads((dotfiles / "settings.json").read_text())
    user.ok("plugin", "uninstall", "--yes")
    assert (dotfiles / "settings.json").read_text() == "{}\n"


def test_nothing_to_uninstall(user: User) -> None:
    assert "nothing to take back" in user.ok("plugin", "uninstall")


def test_a_note_without_the_deed_is_undone_as_nothing(tmp_path: Path) -> None:
    """Killed between the two: the note says more than the file."""
    file, journal = tmp_path / "settings.json", tmp_path / "journal.json"
    file.write_text('{"a": 1}')
    edits.apply(edits.changes([edits.Value(file, ("b", "c"), 2)]), journal)
    file.write_text('{"a": 1}')
    edits.undo(journal)
    assert json.loads(file.read_text()) == {"a": 1}
    assert not journal.exists()


@needs_claude
def test_the_next_session_has_it(user: User, service: Service, tmp_path: Path) -> None:
    """The real Claude Code, with nothing but what installing left; then without it."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    before = tree(user.home)
    endpoint = f"http://{service.addresses['otlp_http']}"
    install(user, "--endpoint", endpoint, "--token-file", str(token))
    assert ANSWER in session(user)
    query = (
        "SELECT kind, text FROM argus.transcript WHERE kind IN ('user', 'tool_call', 'tool_result', 'assistant')"
        " AND text != '' ORDER BY position"
    )
    wait_for(lambda: service.rows(query), count=4)
    service.wait_until_loaded()  # in the middle of a load an entry may not have its time yet
    rows = service.rows(query)
    assert [row["kind"] for row in rows] == ["user", "tool_call", "tool_result", "assistant"]
    assert rows[0]["text"] == "is all well?"
    assert COMMAND in rows[1]["text"]
    assert rows[3]["text"] == ANSWER
    user.ok("plugin", "uninstall", "--yes")
    assert "argus-otel" not in (user.home / ".claude" / "plugins" / "known_marketplaces.json").read_text()
    assert not user.settings.exists()
    assert set(before) <= set(tree(user.home))
    session(user)
    service.wait_until_loaded()
    assert service.rows("SELECT count() AS sessions FROM argus.sessions") == [{"sessions": 1}]


def session(user: User) -> str:
    with MessagesApi() as api:
        variables = {
            "ANTHROPIC_BASE_URL": api.url,
            "ANTHROPIC_API_KEY": "sk-ant-none",
            "IS_SANDBOX": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }
        done = subprocess.run(
            [str(find_claude()), "-p", "is all well?"],
            cwd=user.project,
            env=user.variables | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout
