"""
The statements of one server -> those of a cluster: the same SQL, each shard a server of its own for its sessions.

    otel, argus                 on every node: landing and materialized views, Distributed tables, views over all sessions
    otel_shard, argus_shard     on every node: the replicated tables of its shard, and the views of which a row is one session's

A row goes to the shard of its session, `cityHash64(workspace, session_id)`, whichever node received it, so whatever is grouped by
a session is grouped where its rows are, and the nodes send each other what is left: sessions, not facts. What operators set, and
until when all is summed up, is the same on all shards: one table, of which every node is a replica.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from argus_otel.schema.render import SchemaSettings, Statement

SHARD_SUFFIX = "_shard"
DISTRIBUTED_SUFFIX = "_distributed"
READING_SETTINGS = {
    "distributed_product_mode": "global",  # a join of two sharded tables is asked of all shards
    "distributed_foreground_insert": "1",  # what is answered is stored, not queued on the node that answered
    "optimize_skip_unused_shards": "1",  # of one session one shard is asked
    "optimize_distributed_group_by_sharding_key": "1",
}
"""What a login on a cluster needs in its profile: `argus-otel migrate --print-grants` has it."""
_KEY = "cityHash64(workspace, session_id)"


def shard_of(database: str) -> str:
    """Return the database of a shard's own tables."""
    return database + SHARD_SUFFIX


def clustered(settings: SchemaSettings, statements: Sequence[Statement]) -> list[Statement]:
    """Return the statements of the cluster, in order."""
    sharded = {statement.target: _sharding_key(statement) for statement in statements if _is_sharded(statement)}
    in_shard = _Names(settings, frozenset(sharded))
    made: list[Statement] = []
    for statement in statements:
        if statement.target not in sharded or statement.kind in ("materialized_view", "fill"):
            made.append(statement)
            continue
        local = in_shard.moved(statement)
        made.append(local)
        made += _distributed(settings, statement, local, sharded[statement.target])
    return made


def in_shards(settings: SchemaSettings, table: str) -> str:
    """Return the name under which a sharded table's rows are kept."""
    database, _, name = table.partition(".")
    return f"{shard_of(database)}.{name}" if settings.cluster else table


def on_all_nodes(settings: SchemaSettings, table: str) -> str:
    """Return what reads a table of `system` on every replica of every shard."""
    return f"clusterAllReplicas('{settings.cluster}', {table})" if settings.cluster else table


def missing_settings(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Return which of READING_SETTINGS a login has otherwise, by its rows of system.settings (name, value)."""
    values = {row["name"]: row["value"] for row in rows}
    return [f"{name} = {value}" for name, value in READING_SETTINGS.items() if values.get(name) != value]


class _Names:
    """Names of sharded things, as a shard has them."""

    def __init__(self, settings: SchemaSettings, sharded: frozenset[str]) -> None:
        databases = f"{settings.otel_database}|{settings.argus_database}"
        # Literals and comments are passed over: they may look like names.
        self._pattern = re.compile(rf"--[^\n]*|'(?:[^'\\]|\\.)*'|\b({databases})\.(\w+)")
        self._sharded = sharded

    def moved(self, statement: Statement) -> Statement:
        """Return the statement with its target, and whatever it reads of its shard, in the shard's database."""
        database, _, name = statement.target.partition(".")
        return dataclasses.replace(
            statement, target=f"{shard_of(database)}.{name}", sql=self._pattern.sub(self._in_shard, statement.sql)
        )

    def _in_shard(self, match: re.Match[str]) -> str:
        if match[1] is None or f"{match[1]}.{match[2]}" not in self._sharded:
            return match[0]
        return f"{shard_of(match[1])}.{match[2]}"


def _is_sharded(statement: Statement) -> bool:
    if statement.kind == "table":
        return "/clickhouse/tables/{shard}/" in statement.sql
    return statement.kind == "view" and _is_of_sessions(statement)


def _is_of_sessions(view: Statement) -> bool:
    """Is each row one session's? Then it says whose, and is asked for without parameters."""
    columns = view.select.split("\nFROM", 1)[0]
    while (flat := re.sub(r"\([^()]*\)", "", columns)) != columns:
        columns = flat  # without what only counts sessions
    return bool(re.search(r"\bsession_id\b", columns)) and not re.search(r"\{\w+:\w+", view.sql)


def _sharding_key(statement: Statement) -> str:
    if statement.kind == "view" or re.search(r"^ +session_id ", statement.sql, re.MULTILINE):
        return _KEY
    for attributes in ("LogAttributes", "SpanAttributes", "Attributes"):
        if re.search(rf"^ +{attributes} Map", statement.sql, re.MULTILINE):
            session_id = (
                f"if({attributes}['session.id'] != '', {attributes}['session.id'], ResourceAttributes['session.id'])"
            )
            return _KEY.replace("session_id", session_id)
    columns = re.findall(r"^ORDER BY \(?([\w, ]+)", statement.sql, re.MULTILINE)[0]
    return f"cityHash64({columns})"


def _distributed(settings: SchemaSettings, statement: Statement, local: Statement, key: str) -> Iterator[Statement]:
    """Yield what makes of the shards' tables, or views, one."""
    name = f"{statement.name}{DISTRIBUTED_SUFFIX}"
    if statement.kind == "alteration":
        if "MODIFY SETTING" not in statement.sql:  # that is of how rows are kept
            yield dataclasses.replace(statement, name=name)
        return
    database, _, table = local.target.partition(".")
    engine = f"ENGINE = Distributed('{settings.cluster}', {database}, {table}, {key})"
    create = "CREATE TABLE IF NOT EXISTS"
    if statement.kind == "view":
        # Its columns are those of the view at this moment, so it is made again with each other text of the view.
        create = "CREATE OR REPLACE TABLE"
        engine += f" COMMENT 'of view {hashlib.sha256(local.checksum.encode()).hexdigest()[:16]}'"
    sql = f"{create} {statement.target} ON CLUSTER '{settings.cluster}' AS {local.target} {engine}"
    yield dataclasses.replace(statement, name=name, sql=sql)
