"""
Bring a database to this version's schema: idempotent, resumable, and refusing what it does not know.

Tables are made once; a later version changes one by a file of its own with an ALTER TABLE, applied once. A table whose statement
has changed since is refused, because its rows would be read wrongly. A table is filled once from what was stored before it, and
not again when the rules change by which it is: what is stored stays as it is. Views
and materialized views hold no rows: they are replaced when their rendered text changes, which is how a changed redaction
rule or dropped event takes effect. Each applied statement is recorded with its checksum, so half-done work goes on where
it stopped.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from argus_otel.errors import SchemaError
from argus_otel.privacy.redaction import quote
from argus_otel.schema.render import SchemaSettings, Statement, render

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

MINIMUM_VERSION = (25, 8)
"""The protobuf schema travels with the INSERT from here on."""
LANDING_MINIMUM_VERSION = (24, 8)
"""Of an engine whose landing tables the collector fills."""
LANDING_NAME = "landing"
"""Under which the database of the collector's tables is recorded, beside the statements."""
UNINSTALLING_NAME = "uninstalling"
"""Recorded before the first table is dropped: from then on the other records say what was, not what is."""

Action = Literal["create", "replace", "unchanged"]


class Database(Protocol):
    """What migrating needs of a store."""

    def execute(self, sql: str) -> None: ...

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, str]]: ...


@dataclass(frozen=True, slots=True)
class Step:
    """One statement and what is to be done with it."""

    statement: Statement
    action: Action


def plan(database: Database, settings: SchemaSettings) -> list[Step]:
    """
    Return what `migrate` would do, in order; changes nothing.

    Raises:
        SchemaError: the engine is too old, a table's statement has changed, a newer version was here, an uninstall was
            interrupted, or tables of others have the names of ours.
    """
    _check_version(database, settings)
    applied = applied_checksums(database, settings)
    _check_landing(settings, applied)
    _check_strangers(database, settings)
    statements = render(settings)
    if unknown := sorted(applied.keys() - {LANDING_NAME, *(statement.name for statement in statements)}):
        raise SchemaError(
            f"{settings.argus_database} was migrated by another version of argus-otel (it has {unknown[0]}): "
            "use that version or a newer one"
        )
    return [Step(statement, _action(statement, applied.get(statement.name))) for statement in statements]


def migrate(database: Database, settings: SchemaSettings) -> list[Step]:
    """
    Apply the plan and return it. Safe to repeat and to interrupt.

    Raises:
        SchemaError: as `plan`.
        StoreError: what the engine said of a statement; what was applied before stays.
    """
    _check_version(database, settings)
    _check_landing(settings, applied_checksums(database, settings))
    _check_strangers(database, settings)
    on_cluster = settings.on_cluster
    for name in settings.databases:
        database.execute(f"CREATE DATABASE IF NOT EXISTS {name}{on_cluster}")
    database.execute(_record_table(settings, on_cluster))
    if settings.landing:
        record(database, settings, LANDING_NAME, settings.otel_database)
        database.execute(_backfilled_table(settings))
    steps = plan(database, settings)
    for step in steps:
        if step.action != "unchanged":
            logger.debug("%s %s", step.action, step.statement.target)
            _apply(database, step.statement, on_cluster)
            record(database, settings, step.statement.name, step.statement.checksum)
    if changed := sum(step.action != "unchanged" for step in steps):
        logger.info("schema: %d of %d statements applied", changed, len(steps))
    return steps


def _apply(database: Database, statement: Statement, on_cluster: str) -> None:
    database.execute(statement.sql)
    if statement.kind == "materialized_view":
        # It may have been there, with the query of another configuration.
        database.execute(f"ALTER TABLE {statement.target}{on_cluster} MODIFY QUERY {statement.select}")


def _action(statement: Statement, recorded: str | None) -> Action:
    if recorded == statement.checksum or (recorded is not None and statement.kind == "fill"):
        return "unchanged"
    if recorded is None:
        return "create"
    if statement.kind in ("table", "alteration"):
        raise SchemaError(
            f"table {statement.target} was made by a different {statement.name}.sql: its rows cannot be read by this "
            "version; restore that version, or start an empty database"
        )
    return "replace"


def _check_version(database: Database, settings: SchemaSettings) -> None:
    text = database.rows("SELECT version() AS version")[0]["version"]
    version = tuple(int(part) for part in text.split(".")[:2])
    needed, why = (MINIMUM_VERSION, "to receive OTLP")
    if settings.landing:
        needed, why = (LANDING_MINIMUM_VERSION, "for the views")
    if version < needed:
        raise SchemaError(f"ClickHouse {text} is too old: at least {'.'.join(map(str, needed))} is needed {why}")


def _check_landing(settings: SchemaSettings, applied: Mapping[str, str]) -> None:
    """Refuse to put one kind of facts on another kind of tables, or on what is left of any."""
    if UNINSTALLING_NAME in applied:
        raise SchemaError(
            f"{settings.argus_database} is partly dropped: an --uninstall was interrupted; finish it with migrate --uninstall"
        )
    wanted = settings.otel_database if settings.landing else None
    if settings.landing and settings.cluster:
        raise SchemaError(
            "--landing knows no cluster: facts would not be sharded by session; migrate each shard's server for itself"
        )
    if applied and applied.get(LANDING_NAME) != wanted:
        there = applied.get(LANDING_NAME)
        of = f"the collector's tables in {there} (--landing {there})" if there else "argus-otel's own landing tables"
        raise SchemaError(
            f"{settings.argus_database} holds facts of {of}: give argus_database another name for others, "
            "or take them away with --uninstall"
        )


def _check_strangers(database: Database, settings: SchemaSettings) -> None:
    """Refuse to alter and fill tables that another made under the names of ours."""
    if found := strangers(database, settings):
        raise SchemaError(
            f"{found[0]} is not of argus-otel: give --landing {settings.otel_database} if a collector's clickhouseexporter fills "
            "it, or otel_database another name"
        )


def strangers(database: Database, settings: SchemaSettings) -> list[str]:
    """Return the tables with names of our landing tables that were there before us, told by the column that only ours have."""
    if settings.landing:
        return []
    rows = database.rows(
        "SELECT name FROM system.tables WHERE database = {database:String}"
        " AND (name IN ('otel_logs', 'otel_traces') OR startsWith(name, 'otel_metrics_'))"
        " AND name NOT IN (SELECT table FROM system.columns WHERE database = {database:String} AND name = 'workspace')"
        " ORDER BY name",
        {"database": settings.otel_database},
    )
    return [f"{settings.otel_database}.{row['name']}" for row in rows]


def applied_checksums(database: Database, settings: SchemaSettings) -> dict[str, str]:
    """Return the checksum of each statement that was applied, by its name; none if nothing was."""
    exists = database.rows(
        "SELECT count() AS found FROM system.tables WHERE database = {database:String} AND name = 'schema_migrations'",
        {"database": settings.argus_database},
    )
    if not int(exists[0]["found"]):
        return {}
    rows = database.rows(f"SELECT name, checksum FROM {settings.argus_database}.schema_migrations FINAL")
    return {row["name"]: row["checksum"] for row in rows}


def _record_table(settings: SchemaSettings, on_cluster: str) -> str:
    engine = "ReplacingMergeTree(applied_at)"
    if settings.cluster:
        engine = (
            "ReplicatedReplacingMergeTree('/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}', applied_at)"
        )
    return (
        f"CREATE TABLE IF NOT EXISTS {settings.argus_database}.schema_migrations{on_cluster}"
        f" (name String, checksum String, applied_at DateTime64(9) DEFAULT now64(9)) ENGINE = {engine} ORDER BY name"
    )


def _backfilled_table(settings: SchemaSettings) -> str:
    """Of which spans of time the rows that stood in the collector's tables were read (backfill.py)."""
    return (
        f"CREATE TABLE IF NOT EXISTS {settings.argus_database}.backfilled"
        " (source LowCardinality(String), part String, from_s Int64, until_s Int64, done_at DateTime('UTC') DEFAULT now())"
        " ENGINE = MergeTree ORDER BY (source, part, from_s)"
    )


def record(database: Database, settings: SchemaSettings, name: str, checksum: str) -> None:
    database.execute(
        f"INSERT INTO {settings.argus_database}.schema_migrations (name, checksum)"
        f" SELECT {quote(name)}, {quote(checksum)}"
    )
