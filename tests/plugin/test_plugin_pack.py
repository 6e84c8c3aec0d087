"""The plugin as a folder, a zip and a marketplace."""

from __future__ import annotations

import json
import stat
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from claude_needed import find_claude, needs_claude

import argus_otel
from argus_otel.capture.settings import Settings
from argus_otel.plugin.pack import marketplace_files, plugin_files, write_folder, write_zip

if TYPE_CHECKING:
    from plugin_user import User

PACKAGE = Path(argus_otel.__file__).parent
TOKEN = "a-token-of-tests"
# SessionStart: what an asynchronous hook says there, nobody reads.
WITH_ANSWER = {"SessionStart", "UserPromptSubmit", "Stop", "SubagentStop", "SessionEnd"}
EVENTS = (
    "SessionStart UserPromptSubmit UserPromptExpansion PreToolUse PostToolUse PostToolUseFailure PermissionRequest "
    "PermissionDenied Notification MessageDisplay SubagentStart SubagentStop Stop StopFailure PreCompact PostCompact "
    "SessionEnd"
).split()


def test_the_code_is_copied_as_it_is() -> None:
    files = plugin_files()
    code = {path: data for path, data in files.items() if path.startswith("lib/")}
    expected = [PACKAGE / "__init__.py", *(PACKAGE / "capture").glob("*.py"), PACKAGE / "privacy" / "patterns.json"]
    assert sorted(code) == sorted(f"lib/argus_otel/{path.relative_to(PACKAGE).as_posix()}" for path in expected)
    assert all(code[f"lib/argus_otel/{path.relative_to(PACKAGE).as_posix()}"] == path.read_bytes() for path in expected)


def test_the_folder_holds_what_each_surface_wants() -> None:
    files = plugin_files()
    assert {path.partition("/")[0] for path in files} == {
        ".claude-plugin", "LICENSE", "README.md", "hook.sh", "hooks", "lib", "skills",
    }, "no bin/: Cowork refuses it; no config.json without defaults"  # fmt: skip
    manifest = json.loads(files[".claude-plugin/plugin.json"])
    assert (manifest["name"], manifest["version"]) == ("argus-otel", argus_otel.__version__)
    assert manifest["userConfig"]["token"]["sensitive"] is True
    assert set(manifest["userConfig"]) <= set(Settings._fields)
    assert not any("default" in option for option in manifest["userConfig"].values()), "it would win over capture.json"
    assert files["LICENSE"] == (PACKAGE.parent / "LICENSE").read_bytes()
    skill = files["skills/private/SKILL.md"].decode()
    assert "disable-model-invocation: true" in skill
    assert "argus-otel forget --session ${CLAUDE_SESSION_ID}" in skill


def test_every_hook_that_says_something_is_there() -> None:
    hooks = json.loads(plugin_files()["hooks/hooks.json"])["hooks"]
    assert list(hooks) == EVENTS
    for event, [group] in hooks.items():
        [hook] = group["hooks"]
        assert hook["command"] == f'sh "${{CLAUDE_PLUGIN_ROOT}}/hook.sh" {event} || :'
        assert hook.get("async", False) is (event not in WITH_ANSWER)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        write_zip(plugin_files({"endpoint": "http://a:1", "announce": True}), tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert ".claude-plugin/plugin.json" in names, "at the root"
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert json.loads(archive.read("config.json")) == {"announce": True, "endpoint": "http://a:1"}


def test_path_prints_a_folder_that_stays(user: User) -> None:
    told = user.ok("plugin", "path")
    folder = Path(told.removesuffix("\n"))
    assert folder.is_relative_to(user.plugins)
    assert (folder / "hook.sh").read_bytes() == plugin_files()["hook.sh"]
    before = folder.stat().st_ino
    assert user.ok("plugin", "path") == told
    assert folder.stat().st_ino == before, "it is not written again"
    (folder / "hook.sh").write_text("broken")
    assert user.ok("plugin", "path") == told
    assert (folder / "hook.sh").read_bytes() == plugin_files()["hook.sh"], "what was damaged is repaired"
    moved = user.ok("plugin", "path", XDG_DATA_HOME=str(user.home / "elsewhere"))
    assert Path(moved.strip()).is_relative_to(user.home / "elsewhere")


def test_pack_writes_an_organisations_defaults(user: User, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    target = tmp_path / "out" / "plugin"
    given = ["--endpoint", "https://argus.example:4318", "--token-file", str(token), "--capture-level", "metadata"]
    also = ["--set", "exclude_tools=mcp__mail__*,Web*", "--set", "announce=true", "--set", "value_bytes_max=4096"]
    done = user.run("plugin", "pack", "--output", str(target), *given, *also)
    assert done.returncode == 0, done.stderr
    assert json.loads((target / "config.json").read_text()) == {
        "announce": True,
        "capture_level": "metadata",
        "endpoint": "https://argus.example:4318",
        "exclude_tools": ["mcp__mail__*", "Web*"],
        "token": TOKEN,
        "value_bytes_max": 4096,
    }
    assert "the token is in it" in done.stderr
    assert TOKEN not in done.stdout + done.stderr
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    done = user.run("plugin", "pack", "--output", str(target))
    assert (done.returncode, "--force" in done.stderr) == (1, True)
    assert (target / "config.json").exists()
    user.ok("plugin", "pack", "--output", str(target), "--force")
    assert not (target / "config.json").exists(), "a folder of ours is replaced whole"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--set", "capture_levle=off"], "the keys are"),
        (["--set", "endpoint=ftp://a"], "--set endpoint is 'ftp://a'"),
        (["--endpoint", "ftp://a"], "--endpoint is 'ftp://a'"),
        (["--set", "capture_level=all"], "--set capture_level is 'all'"),
        (["--set", "value_bytes_max=x"], "--set value_bytes_max is 'x'"),
        (["--capture-level", "all"], "full, metadata, off"),
        (["--token-env", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE"),
        (["--token-file", "/nowhere"], "/nowhere"),
    ],
)
def test_what_cannot_be_meant_is_refused(user: User, arguments: list[str], reason: str) -> None:
    done = user.run("plugin", "pack", "--output", "p.zip", *arguments)
    assert done.returncode == 2
    assert reason in done.stderr
    assert not (user.project / "p.zip").exists()


def test_a_zip_that_is_there_is_replaced_only_when_that_is_said(user: User) -> None:
    target = user.project / "argus-otel-plugin.zip"
    target.write_text("mine")
    done = user.run("plugin", "pack")
    assert (done.returncode, "--force" in done.stderr) == (1, True)
    assert target.read_text() == "mine"
    user.ok("plugin", "pack", "--force")
    assert zipfile.is_zipfile(target)


def test_a_folder_of_somebody_else_is_left_alone(user: User) -> None:
    (user.project / "mine").mkdir()
    (user.project / "mine" / "work.txt").write_text("work")
    done = user.run("plugin", "pack", "--output", "mine", "--force")
    assert done.returncode == 1
    assert "name another place" in done.stderr
    assert [path.name for path in user.project.iterdir()] == ["mine"]
    assert (user.project / "mine" / "work.txt").read_text() == "work"


@needs_claude
@pytest.mark.parametrize("is_marketplace", [False, True], ids=["plugin", "marketplace"])
def test_claude_code_finds_nothing_wrong(tmp_path: Path, is_marketplace: bool) -> None:
    files = plugin_files({"endpoint": "http://a:1"})
    write_folder(marketplace_files(files) if is_marketplace else files, tmp_path / "packed")
    done = subprocess.run(
        [str(find_claude()), "plugin", "validate", str(tmp_path / "packed"), "--strict"],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
