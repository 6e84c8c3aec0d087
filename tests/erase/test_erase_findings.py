"""What was found in the words of a private session goes with the words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bytes_on_disk import files_with
from native import log, prompt

from argus_otel.envelope import Signal
from argus_otel.erase import Eraser
from argus_otel.privacy.erasure import ErasureRequest

if TYPE_CHECKING:
    from databases import Databases

    from argus_otel.schema.migrate import Database

ASKED_AT_NS = 1_795_500_000_500_000_000
RULES = ["administrator_rights", "aws_access_key_id", "folder_deleted"]


def said(session: str) -> list[tuple[Signal, bytes]]:
    command = json.dumps({"command": f"sudo rm -rf plans-of-{session}"})
    return [
        log("tool_result", {"tool_use_id": "t1", "tool_name": "Bash", "tool_input": command}, session=session),
        prompt("p1", "with AKIAIOSFODNN7EXAMPLE", session=session),
    ]


def control(session: str) -> tuple[Signal, bytes]:
    asked = ErasureRequest(session, "command", "operator", ASKED_AT_NS)
    return Signal.CONTROL, asked.envelope("default", ASKED_AT_NS).request


def stored(database: Database) -> list[tuple[str, str]]:
    rows = database.rows("SELECT session_id, toString(rule) AS rule FROM argus.text_findings FINAL ORDER BY ALL")
    return [(row["session_id"], row["rule"]) for row in rows]


def test_findings_go_with_the_words_they_were_found_in(databases: Databases) -> None:
    databases.load([*said("s1"), *said("s2")])
    assert stored(databases.store) == [(session, rule) for session in ("s1", "s2") for rule in RULES]
    databases.load([control("s1")])
    assert {row["session_id"] for row in databases.view("findings")} == {"s2"}, "at once"
    eraser = Eraser(databases.store, lambda: databases.settings, lambda _: None)
    eraser.erase_pending()
    assert stored(databases.store) == [("s2", rule) for rule in RULES]
    databases.load(said("s1"))  # once more: stripped before anything is stored
    eraser.erase_pending()
    assert stored(databases.store) == [("s2", rule) for rule in RULES]
    assert files_with(databases.folder / "clickhouse", ["plans-of-s1"]) == {}
    [erasure] = databases.view("erasures")
    # Two texts, two records with words, and three findings.
    assert (erasure["row_count"], erasure["gone_at"] is None) == (2 + 2 + len(RULES), False)
