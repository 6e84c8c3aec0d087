"""
A probe's session is deleted, whole: it was nobody's work, so no count of sessions or calls may have it.

Rows are found by session id within the days in which the probe was sent, so that only their partitions are read. What is left
is its two trace ids in otel_traces_trace_id_ts, which no figure is made of.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from argus_otel.errors import PermanentError
from argus_otel.privacy.redaction import quote
from argus_otel.schema.cluster import in_shards

if TYPE_CHECKING:
    from argus_otel.schema.migrate import Database
    from argus_otel.schema.render import SchemaSettings

SESSION_PREFIX = "argus-otel-probe-"
"""Followed by the second at which it was made and a random part."""
CLIENT_VERSION = "0.0.0-argus-otel-probe"
"""What tells a probe's names of attributes where its session id was lost."""
_SESSION = re.compile(SESSION_PREFIX + r"(\d{10})-[0-9a-f]{12}")
_DAY_S = 86_400

_OTEL_TABLES = {
    "otel_logs": ("Timestamp", "LogAttributes"),
    "otel_traces": ("Timestamp", "SpanAttributes"),
    "otel_metrics_sum": ("TimeUnix", "Attributes"),
}
_ARGUS_TABLES = {
    "facts": "ts",
    "texts": "ts",
    "text_findings": "ts",
    "session_facts": "first_at",
    "attribute_facts": "first_at",
    "session_rollup": "",
}


def erase_probe(store: Database, settings: SchemaSettings, session_id: str) -> int:
    """
    Delete a probe and return in how many tables it was; repeating it deletes what came later.

    Raises:
        PermanentError: the id is no probe's: no other session can be deleted so.
        StoreError: some of it may be left.
    """
    table_count = 0
    for table, condition in _conditions(store, settings, session_id):
        # On a cluster it is looked for in all shards, and deleted in each.
        kept_in = in_shards(settings, table)
        if store.rows(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1"):
            table_count += 1
            store.execute(
                f"ALTER TABLE {kept_in}{settings.on_cluster} DELETE WHERE {condition} SETTINGS mutations_sync = 2"
            )
    return table_count


def left_probes(store: Database, settings: SchemaSettings) -> list[str]:
    """Return the probes of the last month that are there: those that arrived after they were waited for."""
    rows = store.rows(
        f"SELECT DISTINCT session_id FROM {settings.argus_database}.session_facts"
        f" WHERE startsWith(session_id, {quote(SESSION_PREFIX)}) AND first_at > now() - INTERVAL 30 DAY LIMIT 100"
    )
    return [row["session_id"] for row in rows if _SESSION.fullmatch(row["session_id"])]


def _conditions(store: Database, settings: SchemaSettings, session_id: str) -> list[tuple[str, str]]:
    made = _SESSION.fullmatch(session_id)
    if not made:
        raise PermanentError(f"{session_id[:80]!r} is no probe of `argus-otel doctor --through`")
    from_s, until_s = int(made[1]) - _DAY_S, int(made[1]) + _DAY_S
    found = [
        (
            f"{settings.otel_database}.{table}",
            f"{_within(time, from_s, until_s)} AND has(mapValues({attributes}), {quote(session_id)})",
        )
        for table, (time, attributes) in _OTEL_TABLES.items()
    ]
    for table, time in _ARGUS_TABLES.items():
        within = f"{_within(time, from_s, until_s)} AND " if time else ""
        is_its = f"session_id = {quote(session_id)}"
        if table == "attribute_facts":
            is_its = f"({is_its} OR session_id = '' AND client_version = {quote(CLIENT_VERSION)})"
        found.append((f"{settings.argus_database}.{table}", f"{within}{is_its}"))
    there = {
        f"{row['database']}.{row['name']}"
        for row in store.rows(
            "SELECT database, name FROM system.tables"
            f" WHERE database IN ({quote(settings.otel_database)}, {quote(settings.argus_database)})"
        )
    }
    return [(table, condition) for table, condition in found if table in there]


def _within(column: str, from_s: int, until_s: int) -> str:
    return f"{column} >= toDateTime({from_s}) AND {column} < toDateTime({until_s})"
