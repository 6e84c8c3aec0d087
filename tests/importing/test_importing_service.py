"""Imports into a running service: however often and however far, the views show the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from importer import SESSION, kill_midway, projects, run, start
from services import Service, serving

if TYPE_CHECKING:
    from pathlib import Path

COPIES = 40
VIEWS = ("sessions", "turns", "tool_calls", "session_text", "turn_text", "tool_text", "transcript")


def shown(service: Service) -> dict[str, list[dict[str, Any]]]:
    service.wait_until_loaded()
    return {view: service.rows(f"SELECT * FROM argus.{view} ORDER BY ALL") for view in VIEWS}


def test_an_import_that_was_killed_and_one_that_is_repeated_show_the_same_rows(tmp_path: Path) -> None:
    home = tmp_path / "home"
    folder = str(projects(home, copies=COPIES))
    with serving(tmp_path / "data") as service:
        options = ("--data-dir", str(service.data_dir))
        process = start(home, folder, *options)
        kill_midway(process, home)
        run(home, folder, *options)
        once = shown(service)
        assert sum(run(home, folder, *options, "--again")["records"].values()) > 0
        assert shown(service) == once
        assert [session["turn_count"] for session in once["sessions"]] == [5] * COPIES
        assert len({call["tool_use_id"] for call in once["tool_calls"]}) * COPIES == len(once["tool_calls"])


def test_a_session_reads_as_it_was(tmp_path: Path) -> None:
    home = tmp_path / "home"
    projects(home)
    with serving(tmp_path / "data") as service:
        run(
            home,
            str(home / ".claude" / "projects" / "-home-user-project" / f"{SESSION}.jsonl"),
            "--data-dir",
            str(service.data_dir),
        )
        rows = shown(service)
        (session,) = rows["session_text"]
        assert session["first_prompt"] == "please look around, äöü 🚀, and set up the greeting file"
        assert session["last_response"] == "Done."
        calls = {call["tool_name"]: call for call in rows["tool_calls"]}
        assert set(calls) == {"Bash", "Write", "Read", "Skill", "mcp__calc__add", "Edit", "Agent"}
        assert calls["mcp__calc__add"]["mcp_server"] == "calc"
        assert calls["Skill"]["skill"] == "greet"
        texts = {text["tool_use_id"]: text for text in rows["tool_text"]}
        assert texts[calls["mcp__calc__add"]["tool_use_id"]]["output"] == '[{"type":"text","text":"5"}]'
        assert any(text["error"] == "Exit code 2\n1\n2\n3\noops" for text in texts.values())
