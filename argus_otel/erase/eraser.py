"""
One thread: sessions that are private and not yet gone -> their words out of the dead letters, then out of the tables, then
a look at the disk, then the note that they are gone.

    pending ─▶ dead letters ─▶ ALTER TABLE … (mutations) ─▶ old parts deleted ─▶ erasure_facts: gone

Each step may be repeated, so a SIGKILL between any two means only that the next start begins again. Whatever is loaded
from then on is stripped by the views; a control that is loaded meanwhile starts the work anew.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from argus_otel.errors import ArgusError
from argus_otel.privacy.redaction import quote
from argus_otel.schema.erasure import PrivateSession, erasure_statements

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from argus_otel.schema.erasure import ErasureStatement
    from argus_otel.schema.render import SchemaSettings
    from argus_otel.store import Store

    Sessions = Container[tuple[str, str]]
    """Of (workspace, session id)."""

logger = logging.getLogger(__name__)

_SESSIONS_MAX = 50
"""In one statement: a mutation reads each part that it may touch once, however many sessions it is for."""
_POLL_S = 0.25
_IDLE_S = 60.0
"""Between two looks when nobody wakes it: another receiver on the same server may have left something."""


class _StoppedError(Exception):
    """`close` was called; what is left to do stands in the tables."""


class Eraser:
    """
    Erases until it is closed; `start` and `close` once each.

    Args:
        settings: returns the schema as it is configured.
        strip_letters: takes the words of private sessions out of the dead letters.
    """

    def __init__(self, store: Store, settings: Callable[[], SchemaSettings], strip_letters: Callable[[Sessions], None]):
        self._store = store
        self._settings = settings
        self._strip_letters = strip_letters
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="erase", daemon=True)

    def start(self) -> None:
        """Begin to erase; what an earlier run left is done first."""
        self._thread.start()

    def wake(self) -> None:
        """Look now: a control was loaded, or a dead letter written."""
        self._woken.set()

    def close(self) -> None:
        """Stop; a mutation under way goes on in the engine and is waited for at the next start."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.erase_pending()
                self._woken.wait(_IDLE_S)
            except _StoppedError:
                return
            except ArgusError as error:
                # The engine is away or busy, or has no schema yet.
                logger.warning("erasing waits: %s", error)
                self._stopping.wait(_IDLE_S / 12)
            self._woken.clear()

    def erase_pending(self) -> None:
        """
        Erase whatever is private and not gone, and return when it is.

        Raises:
            StoreError: what was not finished is pending still.
        """
        self._strip_letters(_Private(self._all_private()))
        while pending := self._pending():
            started_at = self._now()
            statements = erasure_statements(self._settings(), pending)
            row_counts: Counter[tuple[str, str]] = Counter()
            for statement in statements:
                row_counts += self._apply(statement)
            self._wait_for_old_parts({statement.table for statement in statements}, self._now())
            for session in pending:
                self._note_gone(session, started_at, row_counts[session.workspace, session.session_id])
            logger.info("erased the words of %d sessions, %d rows", len(pending), row_counts.total())

    def _all_private(self) -> Iterable[tuple[str, str]]:
        rows = self._rows(f"SELECT DISTINCT workspace, session_id FROM {self._argus}.erasure_facts")
        return ((row["workspace"], row["session_id"]) for row in rows)

    def _pending(self) -> list[PrivateSession]:
        # Of a session without facts no time is known: then all of a table is looked at.
        rows = self._rows(
            f"""
            SELECT workspace, session_id, toString(first_at) AS first_at, toString(last_at) AS last_at
            FROM
            (
                SELECT workspace, session_id FROM {self._argus}.erasure_facts
                GROUP BY workspace, session_id
                HAVING maxIf(at, step = 'unreadable') > maxIf(at, step = 'gone')
                ORDER BY min(at) LIMIT {_SESSIONS_MAX}
            ) AS pending
            LEFT JOIN
            (
                SELECT workspace, session_id, min(facts.first_at) AS first_at, max(facts.last_at) AS last_at
                FROM {self._argus}.session_facts AS facts
                WHERE (workspace, session_id) IN (SELECT workspace, session_id FROM {self._argus}.erasure_facts)
                GROUP BY workspace, session_id
            ) AS known USING (workspace, session_id)
            """
        )
        return [
            PrivateSession(row["workspace"], row["session_id"], row["first_at"], row["last_at"])
            if not row["last_at"].startswith("1970-01-01")
            else PrivateSession(row["workspace"], row["session_id"], "1970-01-01 00:00:00", "2261-01-01 00:00:00")
            for row in rows
        ]

    def _apply(self, statement: ErasureStatement) -> Counter[tuple[str, str]]:
        """Return how many rows it changed, by session; waits until no row is left to change."""
        changed = left = self._count(statement)
        while left:
            self._store.execute(statement.sql)
            self._wait_for_mutations(statement.table)
            left = self._count(statement)
        return changed

    def _count(self, statement: ErasureStatement) -> Counter[tuple[str, str]]:
        rows = self._rows(statement.count)
        return Counter({(row["workspace"], row["session_id"]): int(row["row_count"]) for row in rows})

    def _wait_for_mutations(self, table: str) -> None:
        where = _is_table(table)
        while rows := self._rows(
            f"SELECT latest_fail_reason FROM system.mutations WHERE NOT is_done AND NOT is_killed AND {where}"
        ):
            if reason := rows[0]["latest_fail_reason"]:
                logger.warning("erasing from %s is retried by the engine: %s", table, reason)
            self._pause()

    def _wait_for_old_parts(self, tables: Iterable[str], replaced_at: str) -> None:
        """Wait until the files that the parts of this moment replaced are deleted."""
        where = " OR ".join(f"({_is_table(table)})" for table in sorted(tables))
        while int(
            self._rows(
                "SELECT count() AS parts FROM system.parts"
                f" WHERE NOT active AND remove_time <= toDateTime({quote(replaced_at)}, 'UTC') AND ({where})"
            )[0]["parts"]
        ):
            self._pause()

    def _note_gone(self, session: PrivateSession, started_at: str, row_count: int) -> None:
        # Not if its control came again meanwhile: what came with that may have been stored after this work looked.
        self._store.execute(
            f"""
            INSERT INTO {self._argus}.erasure_facts (workspace, session_id, step, source, at, asked_by, row_count)
            SELECT workspace, session_id, 'gone', argMin(source, facts.at), now64(9), '', {row_count}
            FROM {self._argus}.erasure_facts AS facts
            WHERE workspace = {quote(session.workspace)} AND session_id = {quote(session.session_id)}
            GROUP BY workspace, session_id
            HAVING maxIf(facts.at, step = 'unreadable') <= toDateTime64({quote(started_at)}, 9, 'UTC')
            """
        )

    def _now(self) -> str:
        return str(self._rows("SELECT toString(now64(9, 'UTC')) AS now")[0]["now"])

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        if self._stopping.is_set():
            raise _StoppedError
        return self._store.rows(sql)

    def _pause(self) -> None:
        if self._stopping.wait(_POLL_S):
            raise _StoppedError

    @property
    def _argus(self) -> str:
        return self._settings().argus_database


class _Private(frozenset[tuple[str, str]]):
    """The private sessions; the repr leaves them out."""

    def __repr__(self) -> str:
        return f"{len(self)} private sessions"


def _is_table(table: str) -> str:
    database, _, name = table.partition(".")
    return f"database = {quote(database)} AND table = {quote(name)}"
