"""
Tables that the OpenTelemetry Collector's clickhouseexporter fills -> what the facts read of them.

In this mode argus-otel makes nothing in that database and changes nothing there. Of each record the cheapest test comes
first, so that a table may be shared with other services; their records are never looked at twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from argus_otel.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKSPACE = "if(ResourceAttributes['argus.workspace'] != '', ResourceAttributes['argus.workspace'], 'default')"
"""Of a record in the collector's tables, which have no such column: its resource says it, or nobody does."""

_TIME = "DateTime64(9)"
_NAME = ("LowCardinality(String)", "String")
_MAP = ("Map(LowCardinality(String), String)", "Map(String, String)")
_COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "otel_logs": {
        "Timestamp": (_TIME,),
        "ServiceName": _NAME,
        "ScopeName": _NAME,
        "Body": _NAME,
        "ResourceAttributes": _MAP,
        "LogAttributes": _MAP,
    },
    "otel_traces": {
        "Timestamp": (_TIME,),
        "TraceId": _NAME,
        "SpanId": _NAME,
        "SpanName": _NAME,
        "ServiceName": _NAME,
        "ScopeName": _NAME,
        "ResourceAttributes": _MAP,
        "SpanAttributes": _MAP,
        "Duration": ("UInt64", "Int64"),
        "Events.Name": tuple(f"Array({name})" for name in _NAME),
        "Events.Attributes": tuple(f"Array({attributes})" for attributes in _MAP),
    },
    "otel_metrics_sum": {
        "ResourceAttributes": _MAP,
        "ServiceName": _NAME,
        "MetricName": _NAME,
        "Attributes": _MAP,
        "StartTimeUnix": (_TIME,),
        "TimeUnix": (_TIME,),
        "Value": ("Float64",),
        "AggregationTemporality": ("Int32", "String", "LowCardinality(String)"),
    },
}
"""What facts and texts read, and of which types: more than these no expression of theirs was tried on."""

TIME_COLUMNS = {"otel_logs": "Timestamp", "otel_traces": "Timestamp", "otel_metrics_sum": "TimeUnix"}
"""Of each table that is read: when a record was, as the table knows it."""


class Database(Protocol):
    """What looking needs of a store."""

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Landing:
    """The tables that are there; `has_event_name`: older exporters made otel_logs without that column."""

    tables: frozenset[str]
    has_event_name: bool = True

    def records(self, database: str, table: str, condition: str) -> str:
        """Return what stands for `table` in a FROM: its records of which the condition holds, with their workspace."""
        columns = [*_COLUMNS[table]]
        if table == "otel_logs":
            columns.append("EventName" if self.has_event_name else "'' AS EventName")
        named = ", ".join(f"`{column}`" if "." in column else column for column in columns)
        return f"(SELECT {WORKSPACE} AS workspace, {named} FROM {database}.{table} WHERE {condition})"


EVERY_TABLE = Landing(frozenset({"otel_metrics_gauge", "otel_metrics_histogram", *_COLUMNS}))
"""Whatever is there: of which statements could ever have been made."""


def look(database: Database, name: str) -> Landing:
    """
    Return what the collector made in the database of that name.

    Raises:
        SchemaError: there is no otel_logs, a table is none that every INSERT passes through whole, or its columns are
            other than the exporter's.
        StoreError: what the engine said.
    """
    rows = database.rows(
        "SELECT name, engine FROM system.tables WHERE database = {database:String}"
        " AND (startsWith(name, 'otel_metrics_') OR name IN ('otel_logs', 'otel_traces'))",
        {"database": name},
    )
    engines = {row["name"]: row["engine"] for row in rows}
    if "otel_logs" not in engines:
        raise SchemaError(
            f"there is no table {name}.otel_logs: name the database that the collector's clickhouseexporter fills, "
            "after it has started once"
        )
    for table in sorted(engines.keys() & _COLUMNS.keys()):
        if not engines[table].endswith("MergeTree"):
            raise SchemaError(
                f"{name}.{table} has the engine {engines[table]}: views see what is inserted into a MergeTree; "
                "name the database with the tables behind it"
            )
        if engines[table].startswith("Replicated"):
            _check_replicas(database, name, table)
        _check_columns(_columns_of(database, name, table), name, table)
    return Landing(frozenset(engines), "EventName" in _columns_of(database, name, "otel_logs"))


def _check_replicas(database: Database, name: str, table: str) -> None:
    rows = database.rows(
        "SELECT total_replicas FROM system.replicas WHERE database = {database:String} AND table = {table:String}",
        {"database": name, "table": table},
    )
    if any(int(row["total_replicas"]) > 1 for row in rows):
        raise SchemaError(
            f"{name}.{table} has {rows[0]['total_replicas']} replicas: a view sees only what is inserted on its own, so facts "
            "would be missing; let the exporter fill tables of one replica"
        )


def _columns_of(database: Database, name: str, table: str) -> dict[str, str]:
    rows = database.rows(
        "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String}",
        {"database": name, "table": table},
    )
    return {row["name"]: row["type"] for row in rows}


def _check_columns(found: dict[str, str], name: str, table: str) -> None:
    for column, types in _COLUMNS[table].items():
        # A time zone changes nothing.
        of = found.get(column, "missing")
        if (_TIME if of.startswith("DateTime64(9,") else of) not in types:
            raise SchemaError(
                f"{name}.{table}.{column} is {of}, and the facts read {types[0]}: only tables of the clickhouseexporter "
                "without `json: true` are understood"
            )
