"""A private session: no words of it in any view, any table or any file, whenever they came; every figure as before."""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from bytes_on_disk import files_with
from sentinels import marked

from argus_otel.demo.recordings import NAMES, truth
from argus_otel.envelope import Signal
from argus_otel.erase import Eraser
from argus_otel.privacy.erasure import ErasureRequest

if TYPE_CHECKING:
    from databases import Databases


NUMBERS = ("sessions", "turns", "tool_calls", "api_requests")
ASKED_AT_NS = 1_795_500_000_500_000_000


def control(session_id: str) -> tuple[Signal, bytes]:
    asked = ErasureRequest(session_id, "command", "operator", ASKED_AT_NS)
    return Signal.CONTROL, asked.envelope("w", ASKED_AT_NS).request


def figures(databases: Databases, workspace: str) -> dict[str, Any]:
    where = f"workspace = '{workspace}'"
    taken = {view: databases.view(view, where) for view in NUMBERS}
    left_out = ("workspace", "is_private")
    return {
        view: [{key: row[key] for key in row if key not in left_out} for row in rows] for view, rows in taken.items()
    }


def eraser(databases: Databases) -> Eraser:
    return Eraser(databases.store, lambda: databases.settings, lambda _: None)


def assert_nothing_is_left(databases: Databases, session_id: str, sentinel: str) -> None:
    assert files_with(databases.folder / "clickhouse", [sentinel]) == {}
    assert (
        databases.view(
            "transcript", "workspace = 'w' AND kind IN ('user', 'assistant', 'tool_call', 'tool_result') AND text != ''"
        )
        == []
    )
    [session] = databases.view("sessions", "workspace = 'w'")
    assert session["is_private"] is True
    [erasure] = databases.view("erasures")
    assert (erasure["session_id"], erasure["source"], erasure["asked_by"]) == (session_id, "command", "operator")
    assert erasure["asked_at"] < erasure["unreadable_at"] <= erasure["gone_at"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("order", ["before", "after", "between", "same batch"])
def test_whenever_it_is_asked_no_word_is_left_and_no_figure_changes(
    databases: Databases, name: str, order: str
) -> None:
    session_id, sentinel = truth(name)["session_id"], secrets.token_hex(16)
    said = marked(name, sentinel)
    databases.load(said, workspace="open")
    expected = figures(databases, "open")
    assert files_with(databases.folder / "clickhouse", [sentinel]), "or the search finds nothing whatever is there"
    databases.store.execute("TRUNCATE TABLE otel.otel_logs")
    databases.store.execute("TRUNCATE TABLE otel.otel_traces")
    databases.store.execute("ALTER TABLE argus.texts DELETE WHERE 1 SETTINGS mutations_sync = 1")
    half = len(said) // 2
    batches = {
        "before": [[control(session_id)], said],
        "after": [said, [control(session_id)]],
        "between": [said[:half], [control(session_id)], said[half:]],
        "same batch": [[*said[:half], control(session_id), *said[half:]]],
    }[order]
    for batch in batches:
        databases.load(batch, workspace="w")
    assert databases.view("session_text", f"workspace = 'w' AND position(first_prompt, '{sentinel}') > 0") == []
    eraser(databases).erase_pending()
    databases.store.execute("SYSTEM DROP MARK CACHE")
    assert_nothing_is_left(databases, session_id, sentinel)
    assert figures(databases, "w") == expected
    databases.load(said, workspace="w")  # and all of it once more
    assert_nothing_is_left(databases, session_id, sentinel)
    assert figures(databases, "w") == expected


def test_only_the_session_of_the_workspace_is_touched(databases: Databases) -> None:
    session_id, other_id = truth("content-on")["session_id"], truth("resume")["session_id"]
    sentinel = secrets.token_hex(16)
    for workspace in ("w", "other"):
        databases.load([*marked("content-on", sentinel), *marked("resume", sentinel)], workspace=workspace)
    untouched = f"NOT (workspace = 'w' AND session_id = '{session_id}')"
    before = databases.view("transcript", untouched)
    databases.load([control(session_id)], workspace="w")
    eraser(databases).erase_pending()
    assert databases.view("transcript", untouched) == before
    assert any(sentinel in row["text"] for row in before if row["session_id"] == other_id)
    private = databases.view("sessions", "is_private")
    assert [(row["workspace"], row["session_id"]) for row in private] == [("w", session_id)]


def test_rows_are_counted_and_asking_again_counts_nothing(databases: Databases) -> None:
    session_id = truth("content-on")["session_id"]
    databases.load(marked("content-on", secrets.token_hex(16)), workspace="w")
    texts = len(databases.store.rows("SELECT 1 FROM argus.texts FINAL"))
    # Every record of both legs bears an unlisted attribute here, so every one has words.
    landed = sum(len(databases.landed(table, "1")) for table in ("otel_logs", "otel_traces"))
    databases.load([control(session_id)], workspace="w")
    eraser(databases).erase_pending()
    [first] = databases.view("erasures")
    assert first["row_count"] >= texts + landed - 1  # metrics apart; a record before the session has none
    databases.load([control(session_id)], workspace="w")
    [asked_again] = databases.view("erasures")
    assert asked_again["gone_at"] is None, "what came with the second may have words"
    eraser(databases).erase_pending()
    [second] = databases.view("erasures")
    assert second["row_count"] == first["row_count"]
    assert second["asked_at"] == first["asked_at"]


def test_a_session_nobody_has_heard_of_is_private_when_it_comes(databases: Databases) -> None:
    session_id, sentinel = truth("default")["session_id"], secrets.token_hex(16)
    databases.load([control(session_id)], workspace="w")
    assert databases.view("sessions") == []
    eraser(databases).erase_pending()
    databases.load(marked("default", sentinel), workspace="w")
    assert_nothing_is_left(databases, session_id, sentinel)


def test_many_at_once(databases: Databases) -> None:
    """More than one statement's worth, of which one has words."""
    session_id, sentinel = truth("content-on")["session_id"], secrets.token_hex(16)
    databases.load(marked("content-on", sentinel), workspace="w")
    asked = [control(f"session-{number}") for number in range(60)] + [control(session_id)]
    random.Random(7).shuffle(asked)
    databases.load(asked, workspace="w")
    eraser(databases).erase_pending()
    assert files_with(databases.folder / "clickhouse", [sentinel]) == {}
    assert len(databases.view("erasures", "gone_at IS NOT NULL")) == 61


def test_a_stop_leaves_the_work_to_the_next_start(databases: Databases) -> None:
    session_id, sentinel = truth("content-on")["session_id"], secrets.token_hex(16)
    databases.load([*marked("content-on", sentinel), control(session_id)], workspace="w")
    stopped = eraser(databases)
    stopped.start()
    stopped.close()
    eraser(databases).erase_pending()
    assert_nothing_is_left(databases, session_id, sentinel)
