"""
The steps of a move in their order, each of which may be cut off by a SIGKILL and is then done anew or found done.

    copy ─▶ totals of the views equal at both ends ─▶ engine's folder set aside ─▶ attach ─▶ staging dropped ─▶ record removed

The folder's new name is the point of no return: before it the server's tables are untouched, after it the embedded engine is
not read any more.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from argus_otel.errors import StoreUnavailableError
from argus_otel.moving.errors import MoveError
from argus_otel.moving.record import MoveRecord, aside_folder, remove_record, set_aside, write_record
from argus_otel.moving.staging import Staging
from argus_otel.moving.tables import Check, check_of, partitions_of, stored_tables, tables_of, totals_of
from argus_otel.schema.migrate import migrate, plan
from argus_otel.schema.render import render
from argus_otel.store import EmbeddedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from argus_otel.moving.tables import Table
    from argus_otel.schema.render import SchemaSettings
    from argus_otel.store import ServerStore

logger = logging.getLogger(__name__)

CHUNK_BYTES = 16 << 20
"""Of one INSERT, about: what is held in memory here; a row is never parted."""
_WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Before each further attempt at a partition."""


class Moved(NamedTuple):
    """What came of it."""

    rows: dict[str, int]
    """By table."""

    totals: dict[str, int]
    """Of the views: what was moved."""

    aside: Path
    """The engine's folder, which nothing reads any more."""


class Mover:
    """
    Moves the engine of one data folder, which no service has open, to one server.

    Args:
        tell: told after each partition: table, rows of all that are copied, rows of all.
    """

    def __init__(
        self,
        data_dir: Path,
        server: ServerStore,
        settings: SchemaSettings,
        record: MoveRecord,
        tell: Callable[[str, int, int], None] = lambda _table, _copied, _all: None,
    ) -> None:
        self._data_dir = data_dir
        self._server = server
        self._settings = settings
        self._record = record
        self._tell = tell
        self._staging = Staging(server, settings, record.id)

    @property
    def is_copied(self) -> bool:
        """Is there nothing left to be read from the embedded engine?"""
        return aside_folder(self._data_dir, self._record).exists()

    def prepare_server(self, *, may_migrate: bool, may_hold_data: bool) -> None:
        """
        Make what the server lacks of this version's schema, and see that its tables are empty.

        Raises:
            MoveError: it has another schema, or data, and that was not allowed.
            SchemaError: it is too old, or a newer version was there.
        """
        actions = [step.action for step in plan(self._server, self._settings)]
        # What is only missing is made: it may be all, or what a run that was killed had not come to.
        if (replaced := actions.count("replace")) and not may_migrate:
            raise MoveError(
                f"the server's schema differs from this version's in {replaced} statements: "
                "run `argus-otel migrate --clickhouse URL` first, or move with --migrate"
            )
        if set(actions) != {"unchanged"}:
            migrate(self._server, self._settings)
        if not may_hold_data and (held := self._held()):
            named = ", ".join(f"{table} {count} rows" for table, count in sorted(held.items())[:3])
            raise MoveError(
                f"the server holds data already ({named}): what is moved would come beside it, which is right if it is "
                "of argus-otel too; move with --merge if that is what you want"
            )

    def _held(self) -> dict[str, int]:
        counted = ((name, self._server.rows(f"SELECT count() AS held FROM {name}")) for name in self._stored)
        return {name: int(rows[0]["held"]) for name, rows in counted if int(rows[0]["held"])}

    @property
    def _stored(self) -> list[str]:
        return stored_tables(render(self._settings))

    def copy(self) -> None:
        """
        Copy and check everything, then set the engine's folder aside.

        Raises:
            MoveError: what arrived is not what was sent.
            StoreError: the server or the engine does not go on; run again.
        """
        write_record(self._data_dir, self._record)
        source = EmbeddedStore(self._data_dir / "clickhouse")
        try:
            migrate(source, self._settings)
            self._staging.wait_for_former()
            self._staging.prepare()
            self._copy_tables(source)
            totals = totals_of(source, self._settings.argus_database)
        finally:
            source.close()
        staged = totals_of(self._server, self._staging.settings.argus_database)
        if staged != totals:
            raise MoveError(f"the views differ after copying, nothing was changed: {_differences(totals, staged)}")
        self._record.totals = totals
        write_record(self._data_dir, self._record)
        set_aside(self._data_dir, self._record)

    def _copy_tables(self, source: EmbeddedStore) -> None:
        tables = tables_of(source, self._settings)
        partitions = {table: partitions_of(source, table) for table in tables}
        all_rows = sum(sum(rows.values()) for rows in partitions.values())
        copied_rows = 0
        for table, rows_by_partition in partitions.items():
            staged = table.within(self._staging.database_of(table))
            for gone in self._staging.partitions(staged).keys() - rows_by_partition.keys():
                self._staging.drop_partition(staged, gone)
            for partition, rows in rows_by_partition.items():
                self._tell(table.full_name, copied_rows, all_rows)
                self._copy_unless_done(source, table, staged, partition)
                copied_rows += rows
        self._tell("", all_rows, all_rows)

    def _copy_unless_done(self, source: EmbeddedStore, table: Table, staged: Table, partition: str) -> None:
        check = check_of(source, table, partition)
        done = self._record.copied.setdefault(table.full_name, {})
        if done.get(partition) == list(check):
            return
        self._patiently(lambda: self._copy_partition(source, table, staged, partition, check))
        done[partition] = list(check)
        write_record(self._data_dir, self._record)

    def _copy_partition(self, source: EmbeddedStore, table: Table, staged: Table, partition: str, check: Check) -> None:
        self._staging.drop_partition(staged, partition)
        waiting = bytearray()
        for block in source.stream(table.select(partition)):
            waiting += block
            if len(waiting) >= CHUNK_BYTES:
                self._staging.insert(staged, bytes(waiting))
                waiting.clear()
        if waiting:
            self._staging.insert(staged, bytes(waiting))
        arrived = self._staging.check(staged, partition)
        if arrived != check:
            raise MoveError(
                f"partition {partition} of {table.full_name} has {check.rows} rows here and {arrived.rows} there"
                f"{'' if arrived.rows != check.rows else ', which differ'}: run again, it will be copied anew"
            )

    def _patiently(self, action: Callable[[], None]) -> None:
        for wait_s in (*_WAITS_S, None):
            try:
                return action()
            except StoreUnavailableError as error:
                if wait_s is None:
                    raise
                logger.warning("the server does not take it, again in %.0f s: %s", wait_s, error)
                time.sleep(wait_s)
                self._staging.wait_for_former()
        return None

    def attach(self) -> Moved:
        """
        Move what was copied into the server's tables and tidy up; once this is done the move is.

        Raises:
            MoveError: the staging databases are gone, or the server's views lack something afterwards.
            StoreError: the server does not go on; run again.
        """
        if not self._record.is_attached:
            if not self._staging.exists():
                raise MoveError(
                    f"the server has no {' and '.join(self._staging.databases)}, in which all was copied: rename "
                    f"{aside_folder(self._data_dir, self._record)} back to clickhouse, remove move.json, move again"
                )
            self._staging.wait_for_former()
            self._staging.attach()
            self._check_attached()
            self._record.is_attached = True
            write_record(self._data_dir, self._record)
        self._staging.drop()
        rows = {name: sum(rows for rows, _ in self._record.copied.get(name, {}).values()) for name in self._stored}
        moved = Moved(rows, self._record.totals, aside_folder(self._data_dir, self._record))
        remove_record(self._data_dir)
        return moved

    def _check_attached(self) -> None:
        """Whatever else is there or comes in: the views of the server hold no less than what was moved."""
        found = totals_of(self._server, self._settings.argus_database)
        if lacking := {name: count for name, count in self._record.totals.items() if found[name] < count}:
            raise MoveError(
                f"the server's views lack something of what was moved: {_differences(lacking, found)}. A TTL on its tables does"
                " that, which drops what is old: take it off before a move. What was moved is kept in the data folder"
            )

    def abandon(self) -> None:
        """
        Give up a move that changed nothing yet: drop what was copied.

        Raises:
            MoveError: it has changed something, and can only be finished.
        """
        if self.is_copied:
            raise MoveError("all is copied, and some of it stands in the server's tables already: finish the move")
        self._staging.wait_for_former()
        self._staging.drop()
        remove_record(self._data_dir)


def _differences(expected: Mapping[str, int], found: Mapping[str, int]) -> str:
    return ", ".join(
        f"{name} {found[name]} instead of {count}" for name, count in expected.items() if found[name] != count
    )
