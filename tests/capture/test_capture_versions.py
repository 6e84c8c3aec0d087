"""What shapes a session has a hash that is the same on every machine, and nothing of it is told but that."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from argus_otel.capture.otlp import encode
from argus_otel.capture.prepare import HookRun, prepare
from argus_otel.capture.records import content_records
from argus_otel.capture.settings import CaptureSettings, Settings
from argus_otel.capture.versions import list_disk_files, read_disk_file, versions

if TYPE_CHECKING:
    from pathlib import Path


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "proj"
    folder.mkdir()
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def found(project: Path) -> dict[str, str]:
    seen = versions(str(project), read_disk_file, list_disk_files)
    assert seen.left_out == 0
    return seen.hashes


def test_memories_of_project_and_user(home: Path, project: Path) -> None:
    write(
        project,
        {"CLAUDE.md": "a", ".claude/CLAUDE.md": "b", "CLAUDE.local.md": "c", "AGENTS.md": "d", "README.md": "e"},
    )
    write(home, {".claude/CLAUDE.md": "f"})
    assert found(project) == {
        "CLAUDE.md": sha256("a"),
        ".claude/CLAUDE.md": sha256("b"),
        "CLAUDE.local.md": sha256("c"),
        "AGENTS.md": sha256("d"),
        "~/.claude/CLAUDE.md": sha256("f"),
    }


@pytest.mark.parametrize("line_ending", ["\n", "\r\n", "\r"])
def test_line_endings_make_no_version(home: Path, project: Path, line_ending: str) -> None:
    write(project, {"CLAUDE.md": f"one{line_ending}two{line_ending}"})
    assert found(project) == {"CLAUDE.md": sha256("one\ntwo\n")}


def test_a_byte_order_mark_does(home: Path, project: Path) -> None:
    write(project, {"CLAUDE.md": "\ufeffone"})
    assert found(project) == {"CLAUDE.md": sha256("\ufeffone")}


def test_skills_commands_rules_and_agents_of_user_and_project(home: Path, project: Path) -> None:
    write(
        home / ".claude",
        {
            "skills/greet/SKILL.md": "personal",
            "skills/greet/run.sh": "echo",
            "commands/deploy.md": "personal",
            "agents/reviewer.md": "personal",
        },
    )
    write(
        project / ".claude",
        {
            "skills/greet/SKILL.md": "hidden",
            "skills/build/SKILL.md": "project",
            "skills/build/deep/SKILL.md": "no skill of its own",
            "skills/README.md": "no skill",
            "commands/front/page.md": "nested",
            "commands/notes.txt": "no command",
            "rules/style.md": "be brief",
            "agents/reviewer.md": "project's goes first",
            "agents/x.md": "---\r\ndescription: d\r\nname: tester\r\n---\r\nTest.\r\n",
        },
    )
    seen = found(project)
    assert seen.pop("skill-files:greet") == sha256(f"SKILL.md {sha256('personal')}\nrun.sh {sha256('echo')}\n")
    assert seen.pop("skill-files:build")
    assert seen == {
        "skill:greet": sha256("personal"),
        "skill:build": sha256("project"),
        "command:deploy": sha256("personal"),
        "command:front:page": sha256("nested"),
        "rule:style": sha256("be brief"),
        "agent:reviewer": sha256("project's goes first"),
        "agent:tester": sha256("---\ndescription: d\nname: tester\n---\nTest.\n"),
    }


def install(home: Path, plugin: Path, name: str = "demo", **more: Any) -> None:
    """As `claude plugin install` of Claude Code 2.1.330 writes it."""
    write(plugin, {".claude-plugin/plugin.json": json.dumps({"name": name, "version": "1.2.3", **more})})
    at = "2026-11-24T23:21:41.650Z"
    entry = {"scope": "user", "installPath": str(plugin), "version": "1.2.3", "installedAt": at, "lastUpdated": at}
    installed = {"version": 2, "plugins": {f"{name}@mkt": [entry]}}
    write(home / ".claude/plugins", {"installed_plugins.json": json.dumps(installed)})


def test_an_installed_plugin_has_its_version_and_what_it_brings(home: Path, project: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "cache" / "demo"
    install(home, plugin, skills=["./more/", "./alone", "../outside"])
    write(
        plugin,
        {
            "skills/hello/SKILL.md": "a",
            "more/bye/SKILL.md": "b",
            "alone/SKILL.md": "c",
            "commands/cee.md": "d",
            "agents/e.md": "e",
        },
    )
    assert found(project) == {
        "plugin:demo": "1.2.3",
        "skill:demo:hello": sha256("a"),
        "skill:demo:bye": sha256("b"),
        "skill:demo:alone": sha256("c"),
        "command:demo:cee": sha256("d"),
        "agent:demo:e": sha256("e"),
    }


@pytest.mark.parametrize("scope", [".claude/settings.json", ".claude/settings.local.json"])
def test_a_plugin_that_settings_turn_off_is_in_no_reach(home: Path, project: Path, tmp_path: Path, scope: str) -> None:
    install(home, tmp_path / "demo")
    write(home, {".claude/settings.json": json.dumps({"enabledPlugins": {"demo@mkt": True}})})
    assert "plugin:demo" in found(project)
    write(project, {scope: json.dumps({"enabledPlugins": {"demo@mkt": False}})})
    assert "plugin:demo" not in found(project)


def settings_version(home: Path, project: Path, settings: dict[str, Any]) -> str:
    write(home, {".claude/settings.json": json.dumps(settings)})
    return found(project)["settings:user"]


def test_the_shape_of_settings_is_told_by_keys_and_types_and_by_no_value(home: Path, project: Path) -> None:
    one = {
        "model": "opus",
        "env": {"TOKEN": "secret"},
        "hooks": {"Stop": [{"hooks": [{"command": "a", "timeout": 5}]}]},
    }
    version = settings_version(home, project, one)
    same = {
        "env": {"TOKEN": "other"},
        "model": "haiku",
        "hooks": {"Stop": [{"hooks": [{"timeout": 7.5, "command": "b"}]}] * 3},
    }
    assert settings_version(home, project, same) == version
    assert settings_version(home, project, {**one, "model": True}) != version
    assert settings_version(home, project, {**one, "env": {"TOKEN": "secret", "MORE": ""}}) != version
    paths = [":object", "/env:object", "/env/TOKEN", "/hooks:object", "/hooks/Stop:array", "/hooks/Stop/*:object"]
    paths += ["/hooks/Stop/*/hooks:array", "/hooks/Stop/*/hooks/*:object", "/hooks/Stop/*/hooks/*/command:string"]
    paths += ["/hooks/Stop/*/hooks/*/timeout:number", "/model:string"]
    assert version == sha256("\n".join(sorted(paths)))


def test_the_three_settings_have_a_version_each_and_what_is_no_json_has_none(home: Path, project: Path) -> None:
    write(home, {".claude/settings.json": "{}"})
    write(project, {".claude/settings.json": "[null]", ".claude/settings.local.json": "{"})
    assert found(project) == {"settings:user": sha256(":object"), "settings:project": sha256("/*:null\n:array")}


def test_what_is_beyond_the_bounds_is_counted(home: Path, project: Path) -> None:
    write(project, {"CLAUDE.md": "first", **{f".claude/commands/{number:03}.md": "x" for number in range(250)}})
    seen = versions(str(project), read_disk_file, list_disk_files)
    assert (len(seen.hashes), seen.left_out) == (200, 51)
    assert "CLAUDE.md" in seen.hashes
    assert versions(str(project), read_disk_file, list_disk_files) == seen


def test_a_file_or_name_that_is_too_large_is_counted(home: Path, project: Path) -> None:
    write(project, {".claude/commands/big.md": "x" * (1024 * 1024 + 1), f".claude/commands/{'n' * 101}.md": "x"})
    assert versions(str(project), read_disk_file, list_disk_files) == ({}, 2)


def test_a_skill_with_too_many_files_has_the_hash_of_its_text_alone(home: Path, project: Path) -> None:
    write(project / ".claude/skills/s", {"SKILL.md": "x", **{f"data/{number}": "" for number in range(50)}})
    write(project / ".claude/skills/s", {".git/HEAD": "", "node_modules/a.js": ""})
    assert versions(str(project), read_disk_file, list_disk_files) == ({"skill:s": sha256("x")}, 1)


def test_folders_that_lead_back_to_themselves_end(home: Path, project: Path) -> None:
    skills = project / ".claude/skills"
    write(skills, {"s/SKILL.md": "x"})
    (skills / "s" / "again").symlink_to(skills)
    assert found(project)["skill:s"] == sha256("x")


def test_what_cannot_be_read_is_no_error(project: Path, home: Path) -> None:
    write(home, {".claude/plugins/installed_plugins.json": '{"plugins": {"a@b": "x", "c@d": [1, {}], "../e@f": [{}]}}'})
    assert versions("", read_disk_file, list_disk_files) == ({}, 0)
    assert read_disk_file("\0") is None
    assert list_disk_files("\0") == []


@pytest.mark.parametrize("level", ["full", "metadata"])
def test_a_sessions_start_tells_them_and_no_path_and_no_text(home: Path, project: Path, level: str) -> None:
    write(project, {"CLAUDE.md": "SENTINEL"})
    hook = {"session_id": "s", "hook_event_name": "SessionStart", "source": "startup"}
    env = {"CLAUDE_PROJECT_DIR": str(project)}
    (span,) = content_records(hook, 1, env, CaptureSettings(level), read_disk_file, list_disk_files)
    assert span.attributes["argus.version.CLAUDE.md"] == sha256("SENTINEL")
    assert "argus.versions.left_out" not in span.attributes
    assert b"SENTINEL" not in encode([span])
    assert str(project).encode() not in encode([span])


def test_another_folder_for_what_is_the_user_s_is_looked_into_and_not_told(home: Path, project: Path) -> None:
    elsewhere = project.parent / "elsewhere-SENTINEL"
    write(home, {".claude/CLAUDE.md": "not this", ".claude/skills/tidy/SKILL.md": "nor this"})
    write(elsewhere, {"CLAUDE.md": "mine", "skills/tidy/SKILL.md": "tidy", "commands/go.md": "go"})
    write(
        elsewhere,
        {
            "plugins/installed_plugins.json": json.dumps(
                {"plugins": {"p@m": [{"installPath": str(elsewhere / "p"), "version": "1.2"}]}}
            ),
            "settings.json": "{}",
        },
    )
    env = {"CLAUDE_CONFIG_DIR": str(elsewhere), "CLAUDE_PROJECT_DIR": str(project)}
    start = HookRun("s", 1, env, {"session_id": "s", "hook_event_name": "SessionStart"})
    skill = {"hook_event_name": "PreToolUse", "tool_name": "Skill", "tool_input": {"skill": "tidy"}, "session_id": "s"}
    (told,) = prepare(start, Settings())
    assert {name: value for name, value in told.attributes.items() if name.startswith("argus.version.")} == {
        "argus.version.~/.claude/CLAUDE.md": sha256("mine"),
        "argus.version.skill:tidy": sha256("tidy"),
        "argus.version.command:go": sha256("go"),
        "argus.version.plugin:p": "1.2",
        "argus.version.settings:user": sha256("/:object".removeprefix("/")),
    }
    (used,) = prepare(HookRun("s", 1, env, skill), Settings())
    assert used.attributes["argus.skill.hash"] == sha256("tidy")
    assert b"SENTINEL" not in encode([told, used])
    relative = start._replace(env={**env, "CLAUDE_CONFIG_DIR": "elsewhere"})
    assert prepare(relative, Settings())[0].attributes["argus.version.~/.claude/CLAUDE.md"] == sha256("not this")
