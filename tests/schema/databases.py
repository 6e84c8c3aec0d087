"""Requests in, rows of the views out: what every test of the schema does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argus_otel.envelope import DEFAULT_WORKSPACE, Envelope, Signal, encode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from argus_otel.schema.render import SchemaSettings
    from argus_otel.store import EmbeddedStore

RECEIVED_AT_NS = 1_795_500_000_000_000_000
"""2026-11-24, a day after the recordings."""

VIEWS = ("sessions", "turns", "tool_calls", "api_requests", "session_text", "turn_text", "tool_text", "transcript")


@dataclass(frozen=True, repr=False)
class Databases:
    """One pair of databases of the engine."""

    store: EmbeddedStore
    settings: SchemaSettings
    folder: Path

    def load(
        self,
        requests: Sequence[tuple[Signal, bytes]],
        workspace: str = DEFAULT_WORKSPACE,
        received_at_ns: int = RECEIVED_AT_NS,
    ) -> None:
        """Load requests as the loader does: one segment, one INSERT per signal in it."""
        segment = self.folder / "segment"
        segment.write_bytes(
            b"".join(encode(Envelope(signal, workspace, received_at_ns, 1, 0, body)) for signal, body in requests)
        )
        for signal in sorted({signal for signal, _ in requests}, key=lambda signal: signal.value):
            self.store.insert([segment], f"{self.settings.otel_database}.otlp_{signal.name.lower()}")

    def view(self, name: str, where: str = "1", order: str = "ALL") -> list[dict[str, Any]]:
        """Return the rows of an argus view."""
        return self.store.rows(f"SELECT * FROM {self.settings.argus_database}.{name} WHERE {where} ORDER BY {order}")

    def landed(self, table: str, columns: str = "*", order: str = "ALL") -> list[dict[str, Any]]:
        """Return rows of a landing table."""
        return self.store.rows(f"SELECT {columns} FROM {self.settings.otel_database}.{table} ORDER BY {order}")

    def optimize(self) -> None:
        """Merge everything, as the engine does some day by itself."""
        for table in ("facts", "texts", "session_facts"):
            self.store.execute(f"OPTIMIZE TABLE {self.settings.argus_database}.{table} FINAL")

    def snapshot(self) -> dict[str, bytes]:
        """Return every view as bytes, to be compared whole."""
        argus = self.settings.argus_database
        handle = self.store.connect()
        try:
            return {
                name: handle.query(f"SELECT * FROM {argus}.{name} ORDER BY ALL", "TSVWithNames").bytes()
                for name in VIEWS
            }
        finally:
            handle.close()

    def drop(self) -> None:
        for name in (self.settings.argus_database, self.settings.otel_database):
            self.store.execute(f"DROP DATABASE {name}")
