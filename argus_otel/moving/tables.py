"""Which tables are moved, in which order, and how one partition of one is asked for, counted and summed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from argus_otel.privacy.redaction import quote
from argus_otel.schema.render import render

if TYPE_CHECKING:
    from argus_otel.schema.render import SchemaSettings, Statement
    from argus_otel.store import Store

DERIVED = frozenset({"session_rollup", "rollup_marks"})
"""Sums of what is moved: the server's roller makes them anew."""

CONTROL = "erasure_facts"
"""First, so that no text is readable before it is known to be private."""

SESSIONS = "session_facts"
"""Last, and with the time of its arrival: by that the server's roller sees which sessions to sum up."""

TOTALS = {
    "sessions": (
        "count()",
        "sum(cost_nanousd)",
        "sum(input_tokens)",
        "sum(output_tokens)",
        "sum(turn_count)",
        "sum(tool_call_count)",
    ),
    "turns": ("count()", "sum(api_request_count)"),
    "tool_calls": ("count()", "countIf(success = false)"),
    "api_requests": ("count()", "sum(toInt64(round(cost_usd * 1e9)))"),
}
"""What is asked of the views at both ends; they are made of tables that are moved, and of each other."""


class Check(NamedTuple):
    """What must be equal at both ends."""

    rows: int
    hash: int
    """The sum of the rows' hashes, as UInt64: of the same rows in any order it is the same."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table that holds rows."""

    database: str
    name: str
    is_merging: bool
    """Repeated rows are one: read as they will be once they are merged."""

    columns: tuple[str, ...]
    unordered: frozenset[str]
    """Columns with arrays that the engine keeps in any order."""

    @property
    def full_name(self) -> str:
        """Return DATABASE.NAME."""
        return f"{self.database}.{self.name}"

    def within(self, database: str) -> Table:
        """Return the same table of another database."""
        return dataclasses.replace(self, database=database)

    @property
    def column_list(self) -> str:
        """Return the columns that are stored as they are given."""
        return ", ".join(f"`{column}`" for column in self.columns)

    def select(self, partition: str) -> str:
        """Return the query of the rows of one partition."""
        return f"SELECT {self.column_list} {self._of(partition)}"

    def check(self, partition: str) -> str:
        """Return the query of a partition's `Check`."""
        columns = ", ".join(
            f"arraySort(`{column}`)" if column in self.unordered else f"`{column}`" for column in self.columns
        )
        # As bytes of a format: what the engine hashes in a map or a tuple differs between versions.
        return (
            f"SELECT count() AS checked_rows, sum(cityHash64(formatRow('RowBinary', {columns}))) AS checked_hash"
            f" {self._of(partition)}"
        )

    def _of(self, partition: str) -> str:
        final = " FINAL" if self.is_merging else ""
        return f"FROM {self.full_name}{final} WHERE _partition_id = {quote(partition)}"


def stored_tables(statements: list[Statement]) -> list[str]:
    """Return the full names of the tables that hold rows which nobody can make anew, in the order of moving."""
    names = [
        statement.target
        for statement in statements
        if statement.kind == "table"
        and "ENGINE = Null" not in statement.sql
        and statement.target.rpartition(".")[2] not in DERIVED
    ]
    return sorted(names, key=lambda name: _rank(name.rpartition(".")[2]))


def _rank(name: str) -> int:
    return {CONTROL: 0, SESSIONS: 2}.get(name, 1)


def tables_of(store: Store, settings: SchemaSettings) -> list[Table]:
    """Return the tables as the engine has them, in the order of moving."""
    return [_table(store, name) for name in stored_tables(render(settings))]


def _table(store: Store, full_name: str) -> Table:
    database, _, name = full_name.partition(".")
    of_table = {"database": database, "table": name}
    [described] = store.rows(
        "SELECT engine FROM system.tables WHERE database = {database:String} AND name = {table:String}", of_table
    )
    columns = store.rows(
        "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String}"
        " AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY position",
        of_table,
    )
    return Table(
        database,
        name,
        described["engine"] != "MergeTree",
        tuple(column["name"] for column in columns),
        frozenset(column["name"] for column in columns if "groupUniqArrayArray" in column["type"]),
    )


def partitions_of(store: Store, table: Table) -> dict[str, int]:
    """Return the rows on disk by partition id, the oldest first."""
    rows = store.rows(
        "SELECT partition_id, sum(rows) AS row_count FROM system.parts WHERE active AND database = {database:String}"
        " AND table = {table:String} GROUP BY partition_id ORDER BY partition_id",
        {"database": table.database, "table": table.name},
    )
    return {row["partition_id"]: int(row["row_count"]) for row in rows}


def check_of(store: Store, table: Table, partition: str) -> Check:
    """Count and sum one partition."""
    [row] = store.rows(table.check(partition))
    return Check(int(row["checked_rows"]), int(row["checked_hash"]))


def totals_of(store: Store, argus: str) -> dict[str, int]:
    """Return the totals of the views, as they are once repeated rows are merged."""
    totals: dict[str, int] = {}
    for view, sums in TOTALS.items():
        columns = ", ".join(f"{expression} AS total_{index}" for index, expression in enumerate(sums))
        [row] = store.rows(f"SELECT {columns} FROM (SELECT * FROM {argus}.{view} SETTINGS final = 1)")
        totals |= {f"{view} {expression}": int(row[f"total_{index}"] or 0) for index, expression in enumerate(sums)}
    return totals
