"""A private session: no words of it in any view, any table or any file, whenever they came; every figure as before."""

from __future__ import annotations

import json
import random
import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest
from bytes_on_disk import files_with
from native import api_request, log, prompt
from native import content as content_span
from sentinels import marked

from argus_otel.demo.recordings import NAMES, content, requests, truth
from argus_otel.envelope import Envelope, Signal
from argus_otel.erase import Eraser
from argus_otel.privacy.erasure import ErasureRequest
from argus_otel.receive import without_words

if TYPE_CHECKING:
    from collections.abc import Callable

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


def eraser(databases: Databases, strip_aside: Callable[[Any], None] = lambda _: None) -> Eraser:
    return Eraser(databases.store, lambda: databases.settings, strip_aside)


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


@pytest.mark.parametrize(
    ("name", "order"),
    [(name, "same batch") for name in NAMES] + [("content-on", order) for order in ("before", "after", "between")],
)
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


@pytest.mark.parametrize("leg", ["native", "hook"])
@pytest.mark.parametrize("name", NAMES)
def test_each_leg_alone_keeps_its_figures_merged_or_not(databases: Databases, name: str, leg: str) -> None:
    said = requests(name) if leg == "native" else content(name)
    databases.load(said, workspace="open")
    databases.load([control(truth(name)["session_id"])], workspace="w")
    databases.load(said, workspace="w")
    assert figures(databases, "w") == figures(databases, "open")
    databases.load([*said, control(truth(name)["session_id"]), *said], workspace="w")
    eraser(databases).erase_pending()
    databases.optimize()
    assert figures(databases, "w") == figures(databases, "open")


def test_turns_of_a_native_session_stay_human_or_not(databases: Databases) -> None:
    said = [prompt("p1", "please"), prompt("p2", "<task-notification> done"), api_request("r1", 0.5)]
    for workspace, requests_ in (("open", said), ("w", [control("s1"), *said])):
        databases.load(requests_, workspace=workspace)
    assert [row["is_human"] for row in databases.view("turns", "workspace = 'w'", "prompt_id")] == [True, False]
    assert figures(databases, "w") == figures(databases, "open")


def test_labels_are_the_operators_and_how_it_was_called_is_not(databases: Databases) -> None:
    labels = {"team": "payments", "cost.center": "CC1", "process.command_args": "claude -p secret-plan"}
    said = [log("api_request", {"request_id": "r1", "cost_usd": 0.5, "prompt.id": "p1"}, resource=labels)]
    databases.load([control("s1"), *said], workspace="before")
    databases.load(said, workspace="after")
    databases.load([control("s1")], workspace="after")
    eraser(databases).erase_pending()
    for row in databases.view("sessions"):
        assert row["attributes"] == {"team": "payments", "cost.center": "CC1"}, row["workspace"]
    assert files_with(databases.folder / "clickhouse", ["secret-plan"]) == {}


def test_names_in_the_parameters_of_a_tool_are_kept_only_where_they_are_names(databases: Databases) -> None:
    parameters = json.dumps({"skill_name": "my words", "mcp_server_name": "gh", "mcp_tool_name": "search it all"})
    databases.load([control("s1")])
    for number, tool in enumerate(("mcp_tool", "Skill", "Bash")):
        databases.load(
            [log("tool_result", {"tool_use_id": f"t{number}", "tool_name": tool, "tool_parameters": parameters})]
        )
    kept = [
        row["LogAttributes"] for row in databases.landed("otel_logs", "LogAttributes", "LogAttributes['tool_use_id']")
    ]
    assert [{key: row[key] for key in row if key.startswith("argus.")} for row in kept] == [
        {"argus.mcp.server": "gh"},
        {},
        {},
    ]


def test_the_session_may_stand_on_the_resource_and_others_may_tell_of_it(databases: Databases) -> None:
    sentinel = secrets.token_hex(16)
    of_another = log("query", {"statement": sentinel}, session="s1", at_s=-600, prefix="database.")
    databases.load([api_request("r1", 0.5), of_another])
    databases.load([log("note", {"session.id": "", "said": sentinel}, resource={"session.id": "s1"})])
    databases.load([control("s1")])
    eraser(databases).erase_pending()
    databases.load([log("note", {"session.id": "", "said": sentinel}, resource={"session.id": "s1"})])
    assert files_with(databases.folder / "clickhouse", [sentinel]) == {}


def test_what_an_insert_under_way_left_is_found(databases: Databases) -> None:
    """Another receiver began to store it before the session was private, and ended when it was gone."""
    sentinel = secrets.token_hex(16)
    databases.load([prompt("p1", "to begin with")])
    databases.load([control("s1")])
    eraser(databases).erase_pending()
    databases.store.execute(
        "INSERT INTO otel.otel_logs (Timestamp, ServiceName, Body, LogAttributes)"
        " VALUES (now64(9), 'claude-code', 'claude_code.user_prompt', map('session.id', 's1',"
        f" 'event.name', 'user_prompt', 'prompt.id', 'p2', 'prompt', '{sentinel}'))"
    )
    assert databases.view("transcript", f"position(text, '{sentinel}') > 0") == []
    eraser(databases).erase_pending()
    assert files_with(databases.folder / "clickhouse", [sentinel]) == {}
    [erasure] = databases.view("erasures")
    assert erasure["gone_at"] is not None
    assert erasure["row_count"] >= 3


def test_records_from_before_there_were_controls_are_taken_up(databases: Databases) -> None:
    databases.load([prompt("p1", "long ago"), content_span("private", {})])
    assert databases.view("erasures") == []
    eraser(databases).erase_pending()
    assert [row["session_id"] for row in databases.view("erasures", "gone_at IS NOT NULL")] == ["s1"]
    assert databases.store.rows("SELECT text FROM argus.texts") == []


def test_whatever_goes_wrong_the_work_goes_on(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("argus_otel.erase.eraser._RETRY_S", 0.05)
    databases.load([prompt("p1", "please"), control("s1")])
    troubles: list[Exception] = [OSError(28, "no space left"), RuntimeError("engine"), ValueError("odd")]

    def strip_aside(_: object) -> None:
        if troubles:
            raise troubles.pop()

    running = eraser(databases, strip_aside)
    running.start()
    try:
        deadline_s = time.monotonic() + 60
        while not databases.view("erasures", "gone_at IS NOT NULL"):
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
    finally:
        running.close()
    assert troubles == []


def test_a_clock_that_was_set_back_stops_nothing(databases: Databases) -> None:
    databases.load([prompt("p1", "please"), control("s1")])
    databases.store.execute(
        "INSERT INTO argus.erasure_facts (workspace, session_id, step, source, at)"
        " VALUES ('default', 's1', 'unreadable', 'hook', now64(9) + 3600)"
    )
    eraser(databases).erase_pending()
    [erasure] = databases.view("erasures")
    assert erasure["gone_at"] is not None


def test_ids_of_any_kind(databases: Databases) -> None:
    ids = ["it's", 'a"b', "a\\b", "tab\there", "line\nbreak", "é" * 2048, "x" * 4096, "{p:String}"]
    ids.append("'); DROP TABLE otel.otel_logs --")
    said = [prompt(f"p{number}", "words", session=session_id) for number, session_id in enumerate(ids)]
    databases.load([*said, prompt("p", "other words", session="other"), *map(control, ids)])
    eraser(databases).erase_pending()
    assert [row["text"] for row in databases.store.rows("SELECT text FROM argus.texts")] == ["other words"]
    assert len(databases.view("erasures", "gone_at IS NOT NULL")) == len(ids)


@pytest.mark.parametrize("name", NAMES)
def test_python_strips_what_the_engine_strips(databases: Databases, name: str) -> None:
    sentinel = secrets.token_hex(16)
    said = marked(name, sentinel)
    private = {("w", truth(name)["session_id"])}
    databases.load([control(truth(name)["session_id"]), *said], workspace="w")
    by_engine = [databases.landed(table, f"* EXCEPT (workspace, {types})") for table, types in LANDED.items()]
    databases.store.execute("TRUNCATE TABLE otel.otel_logs")
    databases.store.execute("TRUNCATE TABLE otel.otel_traces")
    stripped = [(signal, without_words(Envelope(signal, "w", 1, 1, 0, body), private).request) for signal, body in said]
    assert not any(sentinel.encode() in body for _, body in stripped)
    databases.load(stripped, workspace="open")
    by_python = [databases.landed(table, f"* EXCEPT (workspace, {types})") for table, types in LANDED.items()]
    assert by_python == by_engine


LANDED = {
    "otel_logs": "LogAttributeTypes, BodyType",
    "otel_traces": "SpanAttributeTypes, EventAttributeTypes, LinkAttributeTypes",
}
"""Besides the types of values, which no word stands in."""
