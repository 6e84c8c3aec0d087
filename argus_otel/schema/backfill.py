"""
Rows that stood in the collector's tables before the views -> facts, in batches.

The views come first, so what arrives meanwhile is theirs. A row that both take is one fact: a fact is a pure function of its
record, and its table keeps one row per key. Each batch that is done is noted, so that an interrupted run goes on; what is
noted is a span of time in one partition, so that it does not matter how the next run cuts what is left.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argus_otel.errors import SchemaError
from argus_otel.privacy.redaction import quote
from argus_otel.schema.landing import TIME_COLUMNS
from argus_otel.schema.render import landing_views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from argus_otel.schema.migrate import Database
    from argus_otel.schema.render import SchemaSettings

ROWS_MAX = 500_000
"""Of a batch, in whole hours: about what the engine holds in memory at once."""
_IN_FLIGHT_S = 600.0
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one partition of a table, from an hour until another: seconds since the epoch."""

    table: str
    partition: str
    from_s: int
    until_s: int
    row_count: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: rows of the collector's tables, of other services too."""

    batch: Batch
    rows_done: int
    rows_all: int


def backfill(
    database: Database,
    settings: SchemaSettings,
    *,
    rows_max: int = ROWS_MAX,
    again: bool = False,
    tell: Callable[[Progress], None] = lambda _: None,
) -> int:
    """
    Fill the facts from what is stored, and return how many rows were looked at. Safe to repeat and to interrupt.

    Args:
        again: also what was done before: where the facts lost something, by an INSERT that ignored a view's error say.

    Raises:
        SchemaError: INSERTs that began before the views have not ended.
        StoreError: what the engine said; the batches before it are done.
    """
    _wait_for_earlier_inserts(database)
    if again:
        database.execute(f"TRUNCATE TABLE {settings.argus_database}.backfilled{settings.on_cluster}")
    batches = list(_batches(_hours_left(database, settings), rows_max))
    rows_all = sum(batch.row_count for batch in batches)
    rows_done = 0
    for batch in batches:
        _fill(database, settings, batch)
        rows_done += batch.row_count
        tell(Progress(batch, rows_done, rows_all))
    return rows_done


def _fill(database: Database, settings: SchemaSettings, batch: Batch) -> None:
    time_column = TIME_COLUMNS[batch.table]
    among = (
        f"_partition_id = {quote(batch.partition)}"
        f" AND toInt64(toUnixTimestamp64Nano({time_column})) >= {batch.from_s * 10**9}"
        f" AND toInt64(toUnixTimestamp64Nano({time_column})) < {batch.until_s * 10**9}"
    )
    for view in landing_views(settings, batch.table, among):
        columns = _columns_of(database, view.target)
        database.execute(
            f"INSERT INTO {view.into} ({', '.join(columns)})\nSELECT {', '.join(columns)} FROM ({view.select}\n)"
            "\nSETTINGS max_partitions_per_insert_block = 0"
        )
    database.execute(
        f"INSERT INTO {settings.argus_database}.backfilled (source, part, from_s, until_s) SELECT"
        f" {quote(batch.table)}, {quote(batch.partition)}, {batch.from_s}, {batch.until_s}"
    )


def _hours_left(database: Database, settings: SchemaSettings) -> Iterator[Batch]:
    """Yield the hours that have rows and are not noted, in order."""
    assert settings.landing is not None
    noted = database.rows(f"SELECT source, part, from_s, until_s FROM {settings.argus_database}.backfilled")
    done: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in noted:
        done.setdefault((row["source"], row["part"]), []).append((int(row["from_s"]), int(row["until_s"])))
    for table in sorted(TIME_COLUMNS.keys() & settings.landing.tables):
        seconds = f"intDiv(toInt64(toUnixTimestamp64Nano({TIME_COLUMNS[table]})), 1000000000)"
        rows = database.rows(
            f"SELECT _partition_id AS part, toInt64(floor({seconds} / 3600)) AS hour, count() AS row_count"
            f" FROM {settings.otel_database}.{table} GROUP BY part, hour ORDER BY part, hour"
        )
        for row in rows:
            # An hour before 1970 too: rounded towards zero, its last second is the hour's before.
            from_s = int(row["hour"]) * 3600
            spans = done.get((table, row["part"]), [])
            if not any(since_s <= from_s < until_s for since_s, until_s in spans):
                yield Batch(table, row["part"], from_s, from_s + 3600, int(row["row_count"]))


def _batches(hours: Iterator[Batch], rows_max: int) -> Iterator[Batch]:
    """Yield hours that follow each other in a partition as one, up to so many rows."""
    batch: Batch | None = None
    for hour in hours:
        if batch is None:
            batch = hour
            continue
        row_count = batch.row_count + hour.row_count
        is_next = (batch.table, batch.partition) == (hour.table, hour.partition) and batch.until_s == hour.from_s
        if is_next and row_count <= rows_max:
            batch = Batch(batch.table, batch.partition, batch.from_s, hour.until_s, row_count)
        else:
            yield batch
            batch = hour
    if batch is not None:
        yield batch


def _wait_for_earlier_inserts(database: Database) -> None:
    """An INSERT that began before a view was made passes it by, and its rows may be seen only later than a batch is read."""
    started = time.monotonic()
    waited_s = 0.0
    while int(
        database.rows(
            "SELECT count() AS inserts FROM system.processes"
            f" WHERE query_kind IN ('Insert', 'AsyncInsertFlush') AND elapsed >= {waited_s:.3f}"
        )[0]["inserts"]
    ):
        waited_s = time.monotonic() - started
        if waited_s > _IN_FLIGHT_S:
            raise SchemaError("an INSERT runs since before the views were made: when it has ended, migrate again")
        time.sleep(_POLL_S)


def _columns_of(database: Database, view: str) -> list[str]:
    name, _, table = view.partition(".")
    rows = database.rows(
        "SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String} ORDER BY position",
        {"database": name, "table": table},
    )
    return [row["name"] for row in rows]
