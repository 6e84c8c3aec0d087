"""
Private sessions -> the statements that take their words out of the tables (sql/erasure/), each with the count of what it
would change. Repeating one changes nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argus_otel.privacy.redaction import quote
from argus_otel.schema.render import environment, statement_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argus_otel.schema.render import SchemaSettings


@dataclass(frozen=True, slots=True)
class PrivateSession:
    """Whose words are to go; the times bound its records, as ClickHouse writes DateTime64(9)."""

    workspace: str
    session_id: str
    first_at: str
    last_at: str


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
            "first_at": f"toDateTime64({quote(session.first_at)}, 9, 'UTC')",
            "last_at": f"toDateTime64({quote(session.last_at)}, 9, 'UTC')",
        }
        for session in sessions
    ]
    return [_statement(templates.get_template(f"erasure/{file}").render()) for file in statement_files("erasure")]


def _statement(sql: str) -> ErasureStatement:
    head, _, condition = sql.partition("\nWHERE ")
    table = next(word for word in head.split("ALTER TABLE ", 1)[1].split() if "." in word)
    session_id = _SESSION_ID[table.rpartition(".")[2]]
    count = f"SELECT workspace, {session_id} AS session_id, count() AS row_count FROM {table} WHERE {condition} GROUP BY ALL"
    return ErasureStatement(table, sql, count)


_SESSION_ID = {
    "texts": "session_id",
    "otel_logs": "LogAttributes['session.id']",
    "otel_traces": "SpanAttributes['session.id']",
}
