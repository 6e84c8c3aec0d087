"""
The server's end: databases beside its own, named after the move, in which all is copied and checked, and from which whole
partitions are attached. They are this move's alone, so whatever is half done in them is done anew.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from argus_otel.moving.errors import MoveError
from argus_otel.moving.tables import CONTROL, SESSIONS, TOTALS, Check, check_of, partitions_of, stored_tables, tables_of
from argus_otel.privacy.redaction import quote
from argus_otel.schema.render import render

if TYPE_CHECKING:
    from argus_otel.moving.tables import Table
    from argus_otel.schema.render import SchemaSettings
    from argus_otel.store import ServerStore

_POLL_S = 0.5
_FORMER_S_MAX = 300.0
"""How long a statement of a killed run may go on in the server."""


class Staging:
    """
    Of one move.

    Args:
        move_id: in the names of the databases.
    """

    def __init__(self, server: ServerStore, settings: SchemaSettings, move_id: str) -> None:
        self._server = server
        self._settings = settings
        self._move_id = move_id
        self.settings = dataclasses.replace(
            settings,
            otel_database=f"{settings.otel_database}_move_{move_id}",
            argus_database=f"{settings.argus_database}_move_{move_id}",
        )
        self._staged = {
            settings.otel_database: self.settings.otel_database,
            settings.argus_database: self.settings.argus_database,
        }

    @property
    def databases(self) -> tuple[str, str]:
        """Return the names of both."""
        return self.settings.otel_database, self.settings.argus_database

    def database_of(self, table: Table) -> str:
        """Return where a table of the server's databases is staged."""
        return self._staged[table.database]

    def exists(self) -> bool:
        """Is there anything of it?"""
        [row] = self._server.rows(
            "SELECT count() AS found FROM system.databases WHERE name IN ({otel:String}, {argus:String})",
            dict(zip(("otel", "argus"), self.databases, strict=True)),
        )
        return bool(row["found"])

    def wait_for_former(self) -> None:
        """
        Wait until no statement of a run that was killed is under way: it would add to what this one does.

        Raises:
            MoveError: one does not end.
        """
        deadline_s = time.monotonic() + _FORMER_S_MAX
        while self._server.rows(
            f"SELECT query_id FROM system.processes WHERE position(query, {quote(f'_move_{self._move_id}')}) > 0"
            " AND position(query, 'system.processes') = 0"
        ):
            if time.monotonic() > deadline_s:
                raise MoveError("the server is still busy with a statement of an earlier run: see system.processes")
            time.sleep(_POLL_S)

    def prepare(self) -> None:
        """
        Make the databases, tables like the server's own, and the views that are summed; what is there stays.

        Raises:
            MoveError: the server's tables are of an engine of which no partition can be moved in so.
        """
        for database in self.databases:
            self._server.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
        for table in stored_tables(render(self._settings)):
            self._copy_of(table)
        for statement in render(self.settings):
            if statement.kind == "view" and statement.target.rpartition(".")[2] in TOTALS:
                self._server.execute(statement.sql)

    def _copy_of(self, table: str) -> None:
        database, _, name = table.partition(".")
        [described] = self._server.rows(
            "SELECT engine, engine_full FROM system.tables WHERE database = {database:String} AND name = {name:String}",
            {"database": database, "name": name},
        )
        if described["engine"].startswith(("Replicated", "Distributed")):
            raise MoveError(
                f"{table} is {described['engine']}: move fills a single server, not a cluster; see docs/operations.md"
            )
        staged = f"{self._staged[database]}.{name}"
        self._server.execute(f"CREATE TABLE IF NOT EXISTS {staged} AS {table}")
        if " TTL " in described["engine_full"]:
            self._server.execute(f"ALTER TABLE {staged} REMOVE TTL")  # what is too old goes once it is attached

    def drop_partition(self, table: Table, partition: str) -> None:
        """Empty one partition of a staged table."""
        self._server.execute(f"ALTER TABLE {table.full_name} DROP PARTITION ID {quote(partition)}")

    def insert(self, table: Table, blocks: bytes) -> None:
        """Insert blocks in Native format into a staged table."""
        self._server.insert_native(table.full_name, table.columns, blocks)

    def check(self, table: Table, partition: str) -> Check:
        """Count and sum one partition of a staged table."""
        return check_of(self._server, table, partition)

    def partitions(self, table: Table) -> dict[str, int]:
        """Return the rows of a staged table by partition id."""
        return partitions_of(self._server, table)

    def attach(self) -> None:
        """Move all that is staged into the server's tables; what was moved before is not there any more."""
        for table in tables_of(self._server, self._settings):
            staged = table.within(self.database_of(table))
            if table.name == SESSIONS:
                self._ask_again(staged)
                self._add_sessions(table, staged)
                continue
            for partition in self.partitions(staged):
                self._server.execute(
                    f"ALTER TABLE {staged.full_name} MOVE PARTITION ID {quote(partition)} TO TABLE {table.full_name}"
                )

    def _ask_again(self, staged_sessions: Table) -> None:
        """Have the server's eraser look at private sessions again: each end may have words of what only the other erased."""
        argus = self._settings.argus_database
        keys = "SELECT workspace, session_id FROM"
        self._server.execute(
            f"""
            INSERT INTO {argus}.{CONTROL} (workspace, session_id, step, source, at, asked_by, row_count)
            SELECT workspace, session_id, 'unreadable', 'command', now64(9), '', 0
            FROM {argus}.{CONTROL}
            WHERE (workspace, session_id) IN ({keys} {staged_sessions.full_name})
                OR (workspace, session_id) IN ({keys} {argus}.{SESSIONS})
            GROUP BY workspace, session_id
            """
        )

    def _add_sessions(self, table: Table, staged: Table) -> None:
        # Merged by minimum, maximum and union, so it may be repeated; the server's clock decides what is summed up anew.
        values = ", ".join("now()" if column == "changed_at" else f"`{column}`" for column in table.columns)
        self._server.execute(
            f"INSERT INTO {table.full_name} ({table.column_list}) SELECT {values} FROM {staged.full_name}"
            " SETTINGS max_partitions_per_insert_block = 0"
        )

    def drop(self) -> None:
        """Drop the databases with all that is in them."""
        for database in self.databases:
            self._server.execute(f"DROP DATABASE IF EXISTS {database} SYNC")
