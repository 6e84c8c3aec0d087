"""Migrating is idempotent, goes on where it stopped, and refuses what it does not know."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from argus_otel.errors import SchemaError, StoreUnavailableError
from argus_otel.schema.migrate import migrate, plan
from argus_otel.schema.render import SchemaSettings, Statement, render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databases import Databases

    from argus_otel.store import EmbeddedStore


class Failing:
    """A store that fails at the n-th statement."""

    def __init__(self, store: EmbeddedStore, fail_at: int) -> None:
        self._store = store
        self._left = fail_at

    def execute(self, sql: str) -> None:
        self._left -= 1
        if self._left < 0:
            raise StoreUnavailableError("gone")
        self._store.execute(sql)

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return self._store.rows(sql, parameters)


class Old:
    """An engine that is too old."""

    def execute(self, sql: str) -> None:
        raise AssertionError(f"nothing may be created, got {sql[:40]}")

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        assert "version()" in sql
        return [{"version": "24.8.14.39"}]


def test_a_second_time_changes_nothing(databases: Databases) -> None:
    assert {step.action for step in migrate(databases.store, databases.settings)} == {"unchanged"}


@pytest.mark.parametrize("fail_at", [1, 4, 25, 70])
def test_half_done_work_goes_on(store: EmbeddedStore, fail_at: int) -> None:
    settings = SchemaSettings(otel_database=f"half_otel_{fail_at}", argus_database=f"half_argus_{fail_at}")
    with pytest.raises(StoreUnavailableError):
        migrate(Failing(store, fail_at), settings)
    migrate(store, settings)
    assert {step.action for step in plan(store, settings)} == {"unchanged"}
    for name in (settings.otel_database, settings.argus_database):
        store.execute(f"DROP DATABASE {name}")


def test_a_table_made_by_another_statement_is_refused(databases: Databases) -> None:
    argus = databases.settings.argus_database
    databases.store.execute(f"INSERT INTO {argus}.schema_migrations (name, checksum) VALUES ('301_facts', 'other')")
    with pytest.raises(SchemaError, match=rf"table {argus}\.facts was made by a different 301_facts\.sql"):
        migrate(databases.store, databases.settings)


def test_a_newer_versions_database_is_refused(databases: Databases) -> None:
    databases.store.execute(
        f"INSERT INTO {databases.settings.argus_database}.schema_migrations (name, checksum) VALUES ('999_new', 'x')"
    )
    with pytest.raises(SchemaError, match="another version"):
        migrate(databases.store, databases.settings)


def test_an_old_engine_is_refused_before_anything_is_created() -> None:
    with pytest.raises(SchemaError, match=r"ClickHouse 24\.8\.14\.39 is too old: at least 25\.8"):
        migrate(Old(), SchemaSettings())


def test_comments_and_layout_are_no_drift() -> None:
    statement = render(SchemaSettings())[0]
    commented = dataclasses.replace(
        statement, sql="-- another comment\n" + statement.sql.replace("\n(", "\n  (") + "\n"
    )
    assert commented.checksum == statement.checksum
    assert dataclasses.replace(statement, sql=statement.sql.replace("UInt64", "UInt32")).checksum != statement.checksum


def test_a_cluster_gets_replicated_tables_on_cluster() -> None:
    statements = {statement.name: statement.sql for statement in render(SchemaSettings(cluster="main"))}
    assert "ON CLUSTER 'main'" in statements["301_facts"]
    assert (
        "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')"
        in statements["301_facts"]
    )
    # What an operator set is one list for all shards.
    assert (
        "ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}')"
        in statements["342_budget_facts"]
    )


def test_every_statement_is_parsed_and_numbered_in_order() -> None:
    names = [statement.name for statement in render(SchemaSettings())]
    assert names == sorted(names)
    assert len(set(names)) == len(names)


def test_a_later_version_changes_a_table_once_and_keeps_its_rows(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    databases = fresh()
    argus, store = databases.settings.argus_database, databases.store
    store.execute(f"INSERT INTO {argus}.facts (session_id) VALUES ('s1')")
    sql = f"ALTER TABLE {argus}.facts ADD COLUMN mood LowCardinality(String)"
    later = [*render(databases.settings), Statement("399_facts_mood", "alteration", f"{argus}.facts", sql)]
    monkeypatch.setattr("argus_otel.schema.migrate.render", lambda _: later)
    assert [step.action for step in migrate(store, databases.settings) if step.action != "unchanged"] == ["create"]
    assert {step.action for step in migrate(store, databases.settings)} == {"unchanged"}
    assert store.rows(f"SELECT session_id, mood FROM {argus}.facts") == [{"session_id": "s1", "mood": ""}]


def test_a_table_is_filled_once_also_if_what_fills_it_changes(fresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    databases = fresh()
    argus, store = databases.settings.argus_database, databases.store
    target = f"{argus}.budget_facts"

    def migrated(name: str) -> list[tuple[str, str]]:
        sql = f"INSERT INTO {target} (scope, name) SELECT 'team', '{name}'"
        later = [*render(databases.settings), Statement("398_fill_budget_facts", "fill", target, sql)]
        monkeypatch.setattr("argus_otel.schema.migrate.render", lambda _: later)
        applied = [step for step in migrate(store, databases.settings) if step.action != "unchanged"]
        return [(step.statement.name, step.action) for step in applied]

    assert migrated("first") == [("398_fill_budget_facts", "create")]
    assert migrated("second") == []
    assert store.rows(f"SELECT name FROM {target}") == [{"name": "first"}]
