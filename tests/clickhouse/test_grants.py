"""
The least rights, as `argus-otel migrate --print-grants` has them: the engine reads the statements, and with nothing but
them each login does all of its work. The engine knows no GRANT without a server, but it takes users from a file: there its
one user gets exactly these grants, in a process of its own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from argus_otel.schema.grants import ROLES, Grant, Grants
from argus_otel.schema.landing import EVERY_TABLE
from argus_otel.schema.render import SchemaSettings, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argus_otel.store import EmbeddedStore

HERE = Path(__file__).parent
ACCESS_DENIED = "497"
OF_TYPE = {"DateTime": "now()", "Date": "today()", "String": "''"}


def asking(name: str) -> str:
    """Return what reads a row of a table, or of a view with whatever it must be told."""
    told = {statement.target: re.findall(r"\{(\w+):(\w+)", statement.sql) for statement in render(SchemaSettings())}
    values = ", ".join(f"{parameter} = {OF_TYPE[kind]}" for parameter, kind in dict(told.get(name, ())).items())
    return f"SELECT * FROM {name}{f'({values})' if values else ''} LIMIT 1"


def granted(folder: Path, grants: Sequence[Grant]) -> Path:
    """Let the folder's engine have one user with these grants."""
    rights = "".join(f"<query>GRANT {', '.join(grant.rights)} ON {grant.on}</query>" for grant in grants)
    users = folder / "users.xml"
    users.write_text(
        "<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default><password/>"
        "<networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>"
        f"<grants>{rights}</grants></default></users></clickhouse>"
    )
    (folder / "config.xml").write_text(f"<clickhouse><users_config>{users}</users_config></clickhouse>")
    return folder


def run(what: str, folder: Path) -> dict[str, str]:
    told = subprocess.run(
        [sys.executable, str(HERE / "restricted.py"), what, str(folder)],
        capture_output=True,
        text=True,
        timeout=280,
        env={"PYTHONPATH": f"{HERE}:{HERE.parent / 'landing'}:{HERE.parents[1]}", "PATH": "/usr/bin:/bin"},
    )
    assert told.returncode == 0, told.stderr[-3000:]
    answer: dict[str, str] = json.loads(told.stdout)
    return answer


def asked(folder: Path, statements: list[str]) -> dict[str, str]:
    """Return what was refused."""
    (folder / "statements.json").write_text(json.dumps(statements))
    return run("ask", folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the schema, of which the engine is closed."""
    folder = tmp_path_factory.mktemp("granted")
    run("prepare", folder)
    return folder


def test_the_service_does_all_its_work_with_its_grants_alone(made: Path) -> None:
    grants = Grants(SchemaSettings())
    granted(made, [*grants.of("service"), *grants.of_materialized_views()])
    assert run("work", made) == {}
    forbidden = [
        "DROP TABLE argus.facts",
        "TRUNCATE TABLE argus.facts",
        "ALTER TABLE argus.facts DELETE WHERE 1",
        "CREATE TABLE argus.mine (a UInt8) ENGINE = Memory",
        "DROP VIEW argus.sessions",
        "CREATE DATABASE mine",
        "INSERT INTO argus.schema_migrations (name) VALUES ('mine')",
        "SELECT * FROM argus.transcript",
    ]
    refused = asked(made, forbidden)
    assert sorted(refused) == sorted(forbidden)
    assert all(ACCESS_DENIED in said for said in refused.values())
    (made / "config.xml").unlink()
    assert run("found", made) == {"gone": "1", "rolled": "2", "calls": "2", "budgets": "1"}


def test_without_the_rights_that_change_something_the_work_fails(tmp_path: Path) -> None:
    run("prepare", tmp_path)
    grants = Grants(SchemaSettings())
    less = [
        Grant(tuple(right for right in grant.rights if right == "SELECT"), grant.on)
        for grant in grants.of("service")
        if "SELECT" in grant.rights
    ]
    granted(tmp_path, less)
    refused = run("work", tmp_path)
    assert {"load", "load a control", "roll", "set People 0", "set People 1", "set Budget 2", "set Mute 3"} <= set(
        refused
    )
    assert all(ACCESS_DENIED in said for said in refused.values())


def test_the_migrator_makes_the_schema_with_its_grants_alone(tmp_path: Path) -> None:
    granted(tmp_path, Grants(SchemaSettings()).of("migrator"))
    assert run("prepare", tmp_path) == {}
    refused = asked(tmp_path, ["CREATE DATABASE mine", "SELECT * FROM system.users", "DROP DATABASE argus"])
    assert len(refused) == 3
    assert run("take_away", tmp_path) == {"otel (empty)": "left", "argus (empty)": "left"}


@pytest.mark.parametrize("role", ["numbers", "texts"])
def test_a_reader_reads_what_is_its_and_no_more(made: Path, role: Any) -> None:
    grants = Grants(SchemaSettings())
    views = [statement.target for statement in render(SchemaSettings()) if statement.kind == "view"]
    named = {grant.on for grant in grants.of(role)}
    texts = [
        *(view for view in views if view not in {grant.on for grant in grants.of("numbers")}),
        *("argus.texts", "otel.otel_logs", "otel.otel_traces"),
    ]
    assert len(texts) >= 13
    granted(made, grants.of(role))
    readable = asked(made, [asking(name) for name in sorted(named)])
    assert readable == {}
    refused = asked(made, [asking(name) for name in texts])
    written = asked(made, ["INSERT INTO argus.facts (session_id) VALUES ('x')", "TRUNCATE TABLE argus.texts"])
    (made / "config.xml").unlink()
    assert len(refused) == (len(texts) if role == "numbers" else 0)
    assert all(ACCESS_DENIED in said for said in (*refused.values(), *written.values()))
    assert len(written) == 2


def test_on_tables_of_a_collector_migrator_and_readers_need_no_more(tmp_path: Path) -> None:
    landing = SchemaSettings(otel_database="otel_agents", landing=EVERY_TABLE)
    grants, views = Grants(landing), [one.target for one in render(landing) if one.kind == "view"]
    run("collect", tmp_path)
    granted(tmp_path, grants.of("migrator"))
    assert run("land", tmp_path) == {}
    changes = ["TRUNCATE TABLE otel_agents.otel_logs", "DROP TABLE otel_agents.otel_logs"]
    assert sorted(asked(tmp_path, changes)) == sorted(changes)
    granted(tmp_path, grants.of("numbers"))
    numbers = {grant.on for grant in grants.of("numbers")}
    assert asked(tmp_path, [asking(name) for name in sorted(numbers)]) == {}
    texts = [*(view for view in views if view not in numbers), "argus.texts"]
    texts += ["otel_agents.otel_logs", "otel_agents.otel_traces"]
    assert len(texts) >= 10
    refused = asked(tmp_path, [asking(name) for name in texts])
    assert len(refused) == len(texts)
    assert all(ACCESS_DENIED in said for said in refused.values())
    granted(tmp_path, grants.of("texts"))
    assert asked(tmp_path, [asking(grant.on) for grant in grants.of("texts")]) == {}
    assert "argus_service" not in grants.as_sql(), "no service runs there"


@pytest.mark.parametrize("cluster", [None, "main"])
def test_the_engine_reads_every_statement(store: EmbeddedStore, cluster: str | None) -> None:
    statements = Grants(SchemaSettings(cluster=cluster)).as_sql().split(";\n")
    assert len(statements) > 100
    for statement in filter(None, (text.strip().rstrip(";") for text in statements)):
        [row] = store.rows(f"SELECT formatQuery({quoted(statement)}) AS read")
        assert row["read"]


def test_each_role_has_its_own_user() -> None:
    sql = Grants(SchemaSettings()).as_sql()
    assert re.findall(r"^CREATE ROLE IF NOT EXISTS (\w+);$", sql, re.MULTILINE) == [f"argus_{role}" for role in ROLES]
    assert re.findall(r"^GRANT (\w+) TO (\w+);$", sql, re.MULTILINE) == [
        (f"argus_{role}", f"argus_{role}_login") for role in ROLES
    ]


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
