"""
Private sessions -> the statements that take their words out of the tables (sql/erasure/), each with the count of what it
would change. Repeating one changes nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argus_otel.privacy.redaction import quote
from argus_otel.schema.cluster import in_shards
from argus_otel.schema.landing import WORKSPACE
from argus_otel.schema.render import environment, statement_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argus_otel.schema.render import SchemaSettings


_DAY_NS = 86_400_000_000_000
_LAST_NS = 9_200_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class PrivateSession:
    """Whose words are to go, and when its agents' records began and ended: ns since the epoch, 0 if there are none."""

    workspace: str
    session_id: str
    first_ns: int
    last_ns: int

    @property
    def key(self) -> tuple[str, str]:
        """Return (workspace, session id)."""
        return self.workspace, self.session_id


@dataclass(frozen=True, slots=True)
class ErasureStatement:
    """One change of one table, and the query of how many rows it would change, per workspace and session_id."""

    table: str
    sql: str
    count: str


def erasure_statements(settings: SchemaSettings, sessions: Sequence[PrivateSession]) -> list[ErasureStatement]:
    """Return the statements in the order in which they are to be applied."""
    templates = environment(settings)
    templates.globals["sessions"] = [
        {
            "workspace": quote(session.workspace),
            "id": quote(session.session_id),
            # Others may have told of the session before and after; of one that no agent told of, no time is known.
            "first_ns": session.first_ns - _DAY_NS if session.first_ns else 0,
            "last_ns": session.last_ns + _DAY_NS if session.last_ns else _LAST_NS,
        }
        for session in sessions
    ]
    rendered = [templates.get_template(f"erasure/{file}").render() for file in statement_files("erasure")]
    statements = [_statement(settings, sql) for sql in rendered]
    return [statement for statement in statements if _is_there(settings, statement)]


def _is_there(settings: SchemaSettings, statement: ErasureStatement) -> bool:
    database, _, table = statement.table.partition(".")
    return settings.landing is None or database != settings.otel_database or table in settings.landing.tables


def _statement(settings: SchemaSettings, sql: str) -> ErasureStatement:
    head, _, condition = sql.partition("\nWHERE ")
    table = next(word for word in head.split("ALTER TABLE ", 1)[1].split() if "." in word)
    session_id = _SESSION_IDS[table.rpartition(".")[2]]
    is_collectors = settings.landing is not None and table.startswith(f"{settings.otel_database}.")
    workspace = f"{WORKSPACE} AS workspace" if is_collectors else "workspace"
    count = f"SELECT {workspace}, {session_id} AS session_id, count() AS row_count FROM {table} WHERE {condition} GROUP BY ALL"
    # On a cluster the rows are counted in all shards, and changed in each.
    kept_in = in_shards(settings, table)
    return ErasureStatement(kept_in, sql.replace(f"ALTER TABLE {table} ", f"ALTER TABLE {kept_in} "), count)


def _or_of_resource(attributes: str) -> str:
    return f"if({attributes}['session.id'] != '', {attributes}['session.id'], ResourceAttributes['session.id'])"


_SESSION_IDS = {
    "texts": "session_id",
    "text_findings": "session_id",
    "otel_logs": _or_of_resource("LogAttributes"),
    "otel_traces": _or_of_resource("SpanAttributes"),
}
