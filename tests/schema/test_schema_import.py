"""What a transcript says, beside or instead of what the hooks said: live knowledge wins, field by field, in any order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from argus_otel.capture.otlp import encode
from argus_otel.capture.replay import replay
from argus_otel.capture.settings import Settings
from argus_otel.capture.transcript import read_transcript
from argus_otel.demo.otlp import from_json
from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from databases import Databases

    from argus_otel.capture.otlp import Span

FIXTURES = Path(__file__).parents[1] / "fixtures" / "transcripts"
NAMES = ("turns", "forked")
KEYS = {
    "sessions": ("session_id",),
    "turns": ("session_id", "prompt_id"),
    "tool_calls": ("session_id", "tool_use_id"),
    "session_text": ("session_id",),
    "turn_text": ("session_id", "prompt_id"),
    "tool_text": ("session_id", "tool_use_id"),
    "transcript": ("session_id", "position"),
}
FILLED_IN = {"decision", "decision_source", "tool_rejected_count"}
"""What no hook tells, and a transcript does."""


def hooks(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FIXTURES / name / "hooks.jsonl").read_text().splitlines()]


def live(name: str) -> list[Span]:
    return replay(json.dumps(run) for run in hooks(name))


def imported(name: str) -> list[Span]:
    files = [path for path in sorted((FIXTURES / name).rglob("*.jsonl")) if path.name != "hooks.jsonl"]
    return [span for path in files for piece in read_transcript(path, Settings()) for span in piece.spans]


def captured_live_too(name: str) -> list[Span]:
    """Return of a transcript what a hook told as well; what the main agent said in between, under an identity of its own."""
    known = {span.attributes["argus.identity"] for span in live(name)}
    return [
        span
        for span in imported(name)
        if span.attributes["argus.identity"] in known
        or (span.name == "argus.assistant_message" and "agent_id" not in span.attributes)
    ]


def load(databases: Databases, spans: Iterable[Span]) -> None:
    databases.load([from_json(Signal.TRACES, encode([span])) for span in spans])


def shown(databases: Databases) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
    return {view: {tuple(row[key] for key in keys): row for row in databases.view(view)} for view, keys in KEYS.items()}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", ["live first", "import first"])
def test_what_was_captured_live_adds_no_row_and_changes_no_value(
    fresh: Callable[..., Databases], name: str, order: str
) -> None:
    alone, both = fresh(), fresh()
    load(alone, live(name))
    first, second = (
        (live(name), captured_live_too(name)) if order == "live first" else (captured_live_too(name), live(name))
    )
    load(both, first)
    load(both, second)
    expected, found = shown(alone), shown(both)
    for view, rows in expected.items():
        assert found[view].keys() == rows.keys(), view
        for key, row in rows.items():
            changed = {
                column: (value, found[view][key][column])
                for column, value in row.items()
                if found[view][key][column] != value and not (column in FILLED_IN and not value)
            }
            assert changed == {}, (view, key)


@pytest.mark.parametrize("name", NAMES)
def test_it_fills_in_what_no_hook_told(fresh: Callable[..., Databases], name: str) -> None:
    """Of the hooks only those of the session itself and of the first prompt came through."""
    whole, filled = fresh(), fresh()
    load(whole, live(name))
    load(filled, live(name)[:2])
    load(filled, imported(name))
    expected, found = shown(whole), shown(filled)
    assert found["tool_calls"].keys() >= expected["tool_calls"].keys()
    for key, call in expected["tool_calls"].items():
        for column in ("tool_name", "mcp_server", "success", "prompt_id", "agent_id", "input_bytes"):
            assert found["tool_calls"][key][column] == call[column], (key, column)
    for key, text in expected["tool_text"].items():
        assert found["tool_text"][key]["input"] == text["input"]


@pytest.mark.parametrize("name", NAMES)
def test_an_import_repeated_changes_nothing(databases: Databases, name: str) -> None:
    load(databases, imported(name))
    once = databases.snapshot()
    load(databases, reversed(imported(name)))
    assert databases.snapshot() == once
    databases.optimize()
    assert databases.snapshot() == once


def test_beside_the_native_leg_a_transcript_is_content(databases: Databases) -> None:
    [session, *_] = {span.attributes["session.id"] for span in imported("turns")}
    load(databases, imported("turns"))
    [row] = databases.view("sessions")
    assert (row["session_id"], row["coverage"]) == (session, "hook")
    assert {said["source"] for said in databases.view("transcript")} == {"hook"}


def test_what_is_said_while_a_turn_runs_follows_the_prompt_that_opened_it(databases: Databases) -> None:
    """To the hooks it bears the running turn's prompt id: recorded, a question typed while a tool ran."""
    load(databases, live("forked"))
    told: dict[str, list[str]] = {}
    for run in hooks("forked"):
        if run["input"]["hook_event_name"] == "UserPromptSubmit":
            told.setdefault(run["input"]["prompt_id"], []).append(run["input"]["prompt"])
    assert any(len(prompts) > 1 for prompts in told.values()), "or it shows nothing"
    rows = databases.view("transcript", "kind = 'user'", "session_id, position")
    said: dict[str, list[str]] = {}
    for row in rows:
        said.setdefault(row["prompt_id"], []).append(row["text"])
    assert said == told
    opened = {row["prompt_id"]: row["prompt"] for row in databases.view("turn_text")}
    assert opened == {prompt_id: prompts[0] for prompt_id, prompts in told.items()}
