"""Summing up, and time that passes, as tests need them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argus_otel.errors import StoreUnavailableError
from argus_otel.roll import Roller, RollSettings
from argus_otel.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from databases import Databases

    from argus_otel.store import EmbeddedStore

SUMMARIES = (
    "session_labels",
    "session_list",
    "cost_hourly",
    "tools_hourly",
    "activity_hourly",
    "api_errors_hourly",
    "rebuilds_hourly",
    "daily_users",
    "versions",
)
HOUR_S = 3600


def summaries(databases: Databases) -> dict[str, bytes]:
    """Return every summary as bytes, to be compared whole."""
    argus = databases.settings.argus_database
    handle = databases.store.connect()
    try:
        return {
            name: handle.query(f"SELECT * FROM {argus}.{name} ORDER BY ALL", "TSVWithNamesAndTypes").bytes()
            for name in SUMMARIES
        }
    finally:
        handle.close()


def empty(databases: Databases) -> None:
    """Forget all that was loaded and summed up."""
    for table in ("facts", "session_facts", "session_rollup", "rollup_marks"):
        databases.store.execute(f"TRUNCATE TABLE {databases.settings.argus_database}.{table}")


def age(databases: Databases, by_s: int = HOUR_S) -> None:
    """Let time pass: everything that the engine has dated is so much older."""
    argus = databases.settings.argus_database
    for table, column in (("session_facts", "changed_at"), ("rollup_marks", "settled_until")):
        databases.store.execute(
            f"ALTER TABLE {argus}.{table} UPDATE {column} = {column} - {by_s} WHERE {column} > 0 SETTINGS mutations_sync = 1"
        )
    # The engine updates no column by which it replaces rows.
    for statement in (
        "CREATE TABLE {argus}.aged AS {argus}.session_rollup",
        "INSERT INTO {argus}.aged SELECT * REPLACE (rolled_at - {by_s} AS rolled_at) FROM {argus}.session_rollup",
        "EXCHANGE TABLES {argus}.session_rollup AND {argus}.aged",
        "DROP TABLE {argus}.aged",
    ):
        databases.store.execute(statement.format(argus=argus, by_s=by_s))


def roller(databases: Databases, store: Any = None, **settings: int) -> Roller:
    # Loads are over when they return, so no margin is needed but the second in which one began.
    return Roller(
        store or databases.store,
        lambda: databases.settings,
        Telemetry(),
        RollSettings(**{"margin_s": 0, "pause_s": 0, **settings}),
    )


def roll(databases: Databases, **settings: int) -> int:
    """Sum up what was loaded, an hour later."""
    age(databases)
    return roller(databases, **settings).roll_settled()


def fresh_sessions(databases: Databases) -> set[str]:
    return {row["session_id"] for row in databases.view("fresh_sessions")}


@dataclass
class FailingStore:
    """A store that refuses what `is_refused` says; as a SIGKILL does if it says so from some statement on."""

    store: EmbeddedStore
    is_refused: Callable[[str], bool]
    code: int = 210

    def execute(self, sql: str) -> None:
        if self.is_refused(sql):
            raise StoreUnavailableError("refused", self.code)
        self.store.execute(sql)

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return self.store.rows(sql, parameters)
