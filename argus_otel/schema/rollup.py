"""
The statements that sum sessions up (sql/rollup/): what is waiting, the sums themselves, and the mark until when all is done.
The views read the sums of all other sessions from the facts (sql/rollup.jinja), so each step may be repeated or left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argus_otel.privacy.redaction import quote
from argus_otel.schema.cluster import in_shards
from argus_otel.schema.render import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from argus_otel.schema.render import SchemaSettings


def session_key(workspace: str, session_id: str) -> str:
    """Return how a statement names one session."""
    return f"({quote(workspace)}, {quote(session_id)})"


class RollupStatements:
    """Of one schema. Times are seconds since the epoch, by the engine's clock; `from_s` and `until_s` half-open."""

    def __init__(self, settings: SchemaSettings) -> None:
        self._templates = environment(settings)
        self.state = self._render("state")
        """One row: now_s, settled_until_s."""
        self.slice = self._render("slice")
        """No row, or one: until_s. Parameters: from_s, until_s, session_count."""
        self.sessions = self._render("sessions")
        """Rows: workspace, session_id. Parameters: from_s, until_s."""
        self.unmark = self._render("unmark")
        sums = in_shards(settings, f"{settings.argus_database}.session_rollup")
        self.synchronize = f"SYSTEM SYNC REPLICA ON CLUSTER '{settings.cluster}' {sums}" if settings.cluster else None
        """What waits until every replica has the sums, None where there is one: a mark says that whoever looks finds them."""

    def roll(self, keys: Sequence[str]) -> str:
        """Return what sums up these sessions, each as `session_key` has it; they stand in it five times."""
        return self._render("roll", among=f"(workspace, session_id) IN ({', '.join(keys)})")

    def mark(self, until_s: int) -> str:
        """Return what tells that all which changed before is summed up."""
        return self._render("mark", until_s=str(until_s))

    def _render(self, name: str, **values: str) -> str:
        return self._templates.get_template(f"rollup/{name}.sql").render(values)
