"""
A migration -> nothing: what was recorded as applied is dropped, and what others put into the same databases stays.

The materialized views go first, so that nobody's INSERT meets one whose table is gone. Of tables that the collector fills
nothing was ever made or changed, so they are as they were found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argus_otel.errors import SchemaError, StoreError
from argus_otel.schema.migrate import LANDING_NAME, UNINSTALLING_NAME, applied_checksums, record, strangers
from argus_otel.schema.render import render

if TYPE_CHECKING:
    from argus_otel.schema.migrate import Database
    from argus_otel.schema.render import SchemaSettings

_OF_MIGRATION = ("backfilled", "schema_migrations")
"""Tables of argus that no statement makes; the record goes last: until then a migration is refused and this goes on."""
_ACCESS_DENIED = 497
_ORDER = {"materialized_view": 0, "view": 1, "table": 2}


@dataclass(frozen=True, slots=True)
class Doomed:
    """What would be dropped: `database.table`, whether it is a view, and how many rows it has."""

    name: str
    kind: str
    row_count: int


def landed_in(database: Database, settings: SchemaSettings) -> str | None:
    """Return the database of the collector's tables that the facts were made of; None: of our own."""
    return applied_checksums(database, settings).get(LANDING_NAME)


def doomed(database: Database, settings: SchemaSettings) -> list[Doomed]:
    """
    Return what `uninstall` would drop, in order; changes nothing.

    Raises:
        SchemaError: nothing is there, or another version made some of it.
    """
    applied = applied_checksums(database, settings)
    if not applied:
        raise SchemaError(f"{settings.argus_database} has nothing of argus-otel")
    statements = {statement.name: statement for statement in render(settings)}
    if unknown := sorted(applied.keys() - statements.keys() - {LANDING_NAME, UNINSTALLING_NAME}):
        raise SchemaError(
            f"{settings.argus_database} was migrated by another version of argus-otel (it has {unknown[0]}): "
            "uninstall with that version or a newer one"
        )
    # A statement that was interrupted is not recorded, and what it made is there.
    made = [statement for statement in statements.values() if statement.kind in _ORDER]
    made.sort(key=lambda statement: _ORDER[statement.kind])
    there = _tables(database, settings)
    for name in strangers(database, settings):  # earlier versions migrated over them
        there.pop(name, None)
    names = [(statement.target, statement.kind) for statement in made]
    names += [(f"{settings.argus_database}.{name}", "table") for name in _OF_MIGRATION]
    return [Doomed(name, kind, there[name]) for name, kind in names if name in there]


def uninstall(database: Database, settings: SchemaSettings) -> list[str]:
    """
    Drop what `doomed` names, then the databases that are empty, and return what is left: of others, or not ours to drop.
    Interrupted, it must be done again before anything else is.

    Raises:
        SchemaError: as `doomed`.
        StoreError: what the engine said; what was dropped before is gone.
    """
    tables = doomed(database, settings)
    record(database, settings, UNINSTALLING_NAME, "")
    # A table that is dropped later keeps its replica's name in the keeper, and a new one cannot have it.
    now = " SYNC" if settings.cluster else ""
    for one in tables:
        # On a cluster a view of all shards is a Distributed table.
        what = "TABLE" if one.kind == "table" or settings.cluster else "VIEW"
        database.execute(f"DROP {what} IF EXISTS {one.name}{settings.on_cluster}{now}")
    left = sorted(_tables(database, settings))
    for name in settings.databases:
        if not any(table.startswith(f"{name}.") for table in left):
            try:
                database.execute(f"DROP DATABASE IF EXISTS {name}{settings.on_cluster}{now}")
            except StoreError as error:
                if error.code != _ACCESS_DENIED:
                    raise
                left.append(f"{name} (empty)")  # the migrator's grants end at tables
    return left


def _tables(database: Database, settings: SchemaSettings) -> dict[str, int]:
    rows: list[dict[str, Any]] = []
    for name in settings.databases:
        rows += database.rows(
            "SELECT concat(database, '.', name) AS name, toUInt64(ifNull(total_rows, 0)) AS row_count"
            " FROM system.tables WHERE database = {database:String}",
            {"database": name},
        )
    return {row["name"]: int(row["row_count"]) for row in rows}
