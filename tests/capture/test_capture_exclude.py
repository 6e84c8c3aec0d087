"""What a user excludes is counted and never told."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from argus_otel.capture.exclude import ALL, CONTENT, NOTHING, is_excluded
from argus_otel.capture.otlp import encode
from argus_otel.capture.records import content_records
from argus_otel.capture.settings import CaptureSettings

PROJECT = "/home/dev/proj"


class Patterns(NamedTuple):
    exclude_tools: tuple[str, ...] = ()
    exclude_paths: tuple[str, ...] = ()
    exclude_projects: tuple[str, ...] = ()


def excluded(patterns: Patterns, tool: str = "Read", cwd: str = PROJECT, **tool_input: Any) -> str:
    return is_excluded({"tool_name": tool, "tool_input": tool_input, "cwd": cwd}, PROJECT, patterns)


@pytest.mark.parametrize(
    ("tool", "expected"),
    [("mcp__gdrive__read", CONTENT), ("Bash", CONTENT), ("bash", NOTHING), ("BashOutput", NOTHING), ("Read", NOTHING)],
)
def test_a_tool_is_excluded_by_a_shell_pattern_on_its_name(tool: str, expected: str) -> None:
    assert excluded(Patterns(exclude_tools=("mcp__gdrive__*", "Bash")), tool) == expected


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("/etc/passwd", "/etc/passwd", True),
        ("/etc/passwd", "/etc/passwd2", False),
        ("/etc/*", "/etc/ssl/key", True),
        ("/etc/*.conf", "/etc/a/b.conf", False),
        ("/etc/**/*.conf", "/etc/a/b/c.conf", True),
        ("/etc/**/*.conf", "/etc/c.conf", True),
        ("~/.ssh", "~/.ssh/id_rsa", True),
        ("~/.ssh/**", str(Path.home() / ".ssh/id_rsa"), True),
        ("secrets/**", f"{PROJECT}/secrets/a/b", True),
        ("secrets/**", "secrets/a", True),
        ("./secrets/", f"{PROJECT}/secrets/a", True),
        ("secrets/**", f"{PROJECT}/lib/secrets/a", False),
        ("**/secrets/*", f"{PROJECT}/lib/secrets/a", True),
        ("secrets/**", f"{PROJECT}/secrets-of-style.md", False),
        (".env", f"{PROJECT}/a/.env", True),
        (".env", f"{PROJECT}/a/.env.example", False),
        (".env*", f"{PROJECT}/a/.env.example", True),
        ("*.pem", "/anywhere/key.pem", True),
        ("*.pem", f"{PROJECT}/x/../key.pem", True),
        ("key[0-9].txt", f"{PROJECT}/key7.txt", True),
        ("key[!0-9].txt", f"{PROJECT}/key7.txt", False),
        ("key[z-a].txt", f"{PROJECT}/key7.txt", False),
        ("a?.txt", f"{PROJECT}/ab.txt", True),
        ("", f"{PROJECT}/ab.txt", False),
    ],
)
@pytest.mark.parametrize("field", ["file_path", "path", "notebook_path"])
def test_a_file_is_excluded_by_its_path(field: str, pattern: str, path: str, is_match: bool) -> None:
    patterns = Patterns(exclude_paths=(pattern,))
    assert excluded(patterns, **{field: path}) == (CONTENT if is_match else NOTHING)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("cat secrets/key.txt", CONTENT),
        ("cd secrets && ls", CONTENT),
        ('cat "./secrets/key.txt"|wc', CONTENT),
        (f"grep x {PROJECT}/secrets/*", CONTENT),
        ("cat <.env", CONTENT),
        ("curl --key=a/.env", CONTENT),
        ("cat $HOME/.ssh/id_rsa", CONTENT),
        ("cat ${HOME}/.ssh/id_rsa", CONTENT),
        ("echo the secrets of style", CONTENT),  # a word may be a path
        ("ls -la", NOTHING),
        ("cat environment", NOTHING),
    ],
)
def test_a_command_is_excluded_by_the_paths_that_it_names(command: str, expected: str) -> None:
    patterns = Patterns(exclude_paths=("secrets/**", ".env", "~/.ssh/*"))
    assert excluded(patterns, "Bash", command=command) == expected


def test_a_path_may_be_relative_to_the_folder_that_the_session_went_to() -> None:
    patterns = Patterns(exclude_paths=("lib/secrets/*",))
    assert excluded(patterns, "Bash", cwd=f"{PROJECT}/lib", command="cat secrets/a") == CONTENT


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (PROJECT, ALL),
        ("/home/dev", ALL),
        ("/home/dev/*", ALL),
        ("/home/*/proj", ALL),
        ("proj", ALL),
        ("/home/dev/pro", NOTHING),
        ("~/x", NOTHING),
    ],
)
def test_a_project_is_excluded_with_all_below_it(pattern: str, expected: str) -> None:
    patterns = Patterns(exclude_projects=(pattern,))
    assert is_excluded({"hook_event_name": "Stop", "cwd": PROJECT}, "", patterns) == expected
    assert is_excluded({"hook_event_name": "Stop"}, PROJECT, patterns) == expected


@pytest.mark.parametrize("tool_input", [None, "text", [], {"file_path": 1, "command": None}, {"command": "x" * 10_000}])
def test_input_of_any_shape_is_no_error(tool_input: Any) -> None:
    assert (
        is_excluded({"tool_name": "X", "tool_input": tool_input}, PROJECT, Patterns(exclude_paths=("*.pem",)))
        == NOTHING
    )


CALL = {"session_id": "s", "cwd": PROJECT, "prompt_id": "p", "tool_use_id": "t", "tool_name": "Read", "duration_ms": 7}


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("PreToolUse", {}),
        ("PostToolUse", {"tool_response": "SENTINEL"}),
        ("PostToolUseFailure", {"error": "SENTINEL"}),
        ("PermissionRequest", {}),
        ("PermissionDenied", {"reason": "SENTINEL"}),
    ],
)
def test_an_excluded_call_is_counted_with_its_sizes_and_without_its_content(event: str, told: dict[str, Any]) -> None:
    hook = {**CALL, "hook_event_name": event, "tool_input": {"file_path": "SENTINEL/key"}, **told}
    patterns = Patterns(exclude_paths=("SENTINEL",))
    (span,) = content_records(hook, 10**18, {}, CaptureSettings(), exclusions=patterns)
    (whole,) = content_records(hook, 10**18, {}, CaptureSettings())
    assert b"SENTINEL" not in encode([span])
    assert "argus.content.sha256" not in span.attributes
    kept = {key: value for key, value in whole.attributes.items() if b"SENTINEL" not in str(value).encode()}
    kept.pop("argus.content.sha256")
    if event == "PermissionRequest":  # the moment makes it, and that is told apart by its content
        kept.pop("argus.identity")
    assert {**kept, "argus.excluded": True}.items() <= span.attributes.items()
    assert "argus.excluded" not in whole.attributes


@pytest.mark.parametrize("event", ["SessionStart", "UserPromptSubmit", "Stop", "PreToolUse", "SessionEnd"])
def test_nothing_is_said_of_a_session_in_an_excluded_project(event: str) -> None:
    hook = {**CALL, "hook_event_name": event, "prompt": "x", "last_assistant_message": "x", "tool_input": {}}
    assert content_records(hook, 1, {}, CaptureSettings(), exclusions=Patterns(exclude_projects=(PROJECT,))) == []


def test_a_wish_for_privacy_is_told_from_an_excluded_project_too() -> None:
    hook = {"session_id": "s", "cwd": PROJECT, "hook_event_name": "UserPromptSubmit", "prompt": "/private"}
    (span,) = content_records(hook, 1, {}, CaptureSettings(), exclusions=Patterns(exclude_projects=(PROJECT,)))
    assert span.attributes["argus.record"] == "private"
    assert PROJECT.encode() not in encode([span])
