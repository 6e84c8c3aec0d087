"""`argus-otel migrate --landing` and `--uninstall`, as a user types them, against the HTTP interface of an engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from clickhouse_double import ClickHouse
from exporter import insert, log, make_tables
from typer.testing import CliRunner

from argus_otel.cli import app

if TYPE_CHECKING:
    from argus_otel.store import EmbeddedStore


def run(*words: str, answer: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, ["migrate", *words], input=answer)
    return result.exit_code, result.output


def test_migrate_backfill_and_take_away(store: EmbeddedStore) -> None:
    make_tables(store, "agents")
    said = {"session.id": "s", "event.name": "api_request", "request_id": "r", "cost_usd": "0.5"}
    insert(store, "agents.otel_logs", [log(), log(ServiceName="claude-code", LogAttributes=said)])
    with ClickHouse(store) as server:
        on = ("--landing", "agents", "--clickhouse", server.url)
        code, told = run(*on, "--list", "--format", "json")
        assert code == 0, told
        assert {row["action"] for row in json.loads(told)} == {"create"}
        assert not any(row["target"].startswith("agents.") for row in json.loads(told))
        code, told = run(*on, "--dry-run")
        assert code == 0, told
        assert "FROM agents.otel_logs WHERE" in told
        assert "argus" not in {row["name"] for row in store.rows("SELECT name FROM system.databases")}

        code, told = run(*on)
        assert code == 0, told
        assert "2 of 2 rows" in told
        assert store.rows("SELECT cost_usd FROM argus.sessions") == [{"cost_usd": 0.5}]
        examined = CliRunner().invoke(app, ["doctor", "--clickhouse", server.url, "--format", "json"])
        [schema] = [row for row in json.loads(examined.output) if row["check"] == "schema"]
        assert (schema["state"], "the collector's tables in agents" in schema["finding"]) == ("ok", True)
        code, told = run("--clickhouse", server.url)
        assert code == 1
        assert "holds facts of the collector's tables in agents" in told

        away = ("--uninstall", "--clickhouse", server.url)
        assert run(*away, "--landing", "others")[0] == 2
        code, told = run(*away, answer="n\n")
        assert code == 1
        assert "agents stays as it is" in told
        assert store.rows("SELECT cost_usd FROM argus.sessions") == [{"cost_usd": 0.5}]
        assert run(*away, "--dry-run")[0] == 0
        code, told = run(*away, "--yes")
        assert code == 0, told
        assert "argus" not in {row["name"] for row in store.rows("SELECT name FROM system.databases")}
        assert store.rows("SELECT count() AS rows FROM agents.otel_logs") == [{"rows": 2}]
    store.execute("DROP DATABASE agents")


def test_what_cannot_be_is_said(store: EmbeddedStore) -> None:
    with ClickHouse(store) as server:
        code, told = run("--landing", "nowhere", "--clickhouse", server.url)
        assert (code, "there is no table nowhere.otel_logs" in told) == (1, True)
        code, told = run("--landing", "argus", "--clickhouse", server.url)
        assert (code, "facts need a database of their own" in told) == (2, True)
        code, told = run("--uninstall", "--clickhouse", server.url)
        assert (code, "nothing of argus-otel" in told) == (1, True)
    code, told = run("--uninstall", "--yes")
    assert (code, "--clickhouse URL" in told) == (2, True)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--backfill-again",), "say which, --landing DATABASE"),
        (("--uninstall", "--list"), "--uninstall and --list do not go together"),
        (("--print-grants", "--uninstall"), "--print-grants and --uninstall do not go together"),
        (("--landing", "agents", "--list", "--backfill-again"), "--list and --backfill-again do not go together"),
        (("--landing", "agents", "--clickhouse", "http://a:1,http://b:1"), "--landing takes the URL of one server"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_asked(words: tuple[str, ...], reason: str) -> None:
    code, told = run("--clickhouse", "http://127.0.0.1:1", *words)
    assert (code, reason in " ".join(told.split())) == (2, True), told
