"""
One thread: sessions that are private and not yet gone -> their words out of the dead letters, then out of the tables, then
a look at the disk, then the note that they are gone.

    pending ─▶ set aside ─▶ ALTER TABLE … (mutations) ─▶ old parts deleted ─▶ erasure_facts: gone

Each step may be repeated, so a SIGKILL between any two means only that the next start begins again. Whatever is loaded
from then on is stripped by the views; a control that is loaded meanwhile starts the work anew. An INSERT that was under
way when its control was loaded, by another receiver on the same server, may still leave words: what became gone in the last
hour is looked at again now and then.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argus_otel.privacy.redaction import quote
from argus_otel.refusal import Refusal
from argus_otel.schema.cluster import on_all_nodes
from argus_otel.schema.erasure import PrivateSession, erasure_statements

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from argus_otel.schema.erasure import ErasureStatement
    from argus_otel.schema.render import SchemaSettings
    from argus_otel.store import Store

    Sessions = Collection[tuple[str, str]]
    """Of (workspace, session id)."""

logger = logging.getLogger(__name__)

_SESSIONS_MAX = 50
"""In one statement: a mutation reads each part that it may touch once, however many sessions it is for."""
_ID_BYTES_MAX = 16_384
"""Of all ids in one statement: the engine takes 256 KiB of SQL."""
_ROUNDS_MAX = 3
"""Rows that come between a look and the change are taken by the next one; then by the next pass."""
_POLL_S = 0.25
_RETRY_S = 5.0
_IDLE_S = 60.0
"""Between two looks when nobody wakes it."""
_AGAIN_S = 3600
_AGAIN_EVERY_S = 600.0
"""A look reads the attributes of whole days."""


class _StoppedError(Exception):
    """`close` was called; what is left to do stands in the tables."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A session that is not gone, and until when it was asked for: ns since the epoch."""

    session: PrivateSession
    asked_until_ns: int


class Eraser:
    """
    Erases until it is closed; `start` and `close` once each.

    Args:
        settings: returns the schema as it is configured.
        strip_aside: takes the words of private sessions out of what was set aside on disk.
    """

    def __init__(self, store: Store, settings: Callable[[], SchemaSettings], strip_aside: Callable[[Sessions], None]):
        self._store = store
        self._settings = settings
        self._strip_aside = strip_aside
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._idle = threading.Event()
        self._told = ""
        self._look_again_at_s = 0.0
        self._thread = threading.Thread(target=self._run, name="erase", daemon=True)

    def start(self) -> None:
        """Begin to erase; what an earlier run left is done first."""
        self._thread.start()

    def wake(self) -> None:
        """Look now: a control was loaded, or something was set aside."""
        self._idle.clear()
        self._woken.set()

    def close(self, drain_s: float = 0.0) -> None:
        """Stop, after at most `drain_s` more of work; a mutation under way goes on in the engine, also after a start."""
        if drain_s and self._thread.is_alive():
            self._idle.wait(drain_s)
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        is_asked = True
        while not self._stopping.is_set():
            try:
                self.erase_pending(also_aside=is_asked)
                self._told = ""
                if not self._woken.is_set():
                    self._idle.set()
                is_asked = self._woken.wait(_IDLE_S)
            except _StoppedError:
                return
            except Exception as error:
                # The engine is away or busy, has no schema yet, or a disk is full: whatever it is, it may pass.
                is_asked = True
                self._tell(Refusal.of(error))
                self._stopping.wait(_RETRY_S)
            self._woken.clear()

    def _tell(self, refusal: Refusal) -> None:
        told = f"code {refusal.code}, {refusal.error}"
        if told != self._told:
            logger.warning("erasing waits: %s", told)
        self._told = told

    def erase_pending(self, *, also_aside: bool = True) -> None:
        """
        Erase whatever is private and not gone, and return when it is.

        Raises:
            StoreError, OSError: what was not finished is pending still.
        """
        self._adopt()
        if time.monotonic() >= self._look_again_at_s:
            self._ask_again()
            self._look_again_at_s = time.monotonic() + _AGAIN_EVERY_S
        if also_aside and (private := self._all_private()):
            self._strip_aside(private)
        done: set[tuple[str, str]] = set()
        while pending := [one for one in self._pending() if one.session.key not in done]:
            self._erase(pending)
            done |= {one.session.key for one in pending}

    def _erase(self, pending: list[_Pending]) -> None:
        row_counts: Counter[tuple[str, str]] = Counter()
        statements = erasure_statements(self._settings(), [one.session for one in pending])
        for statement in statements:
            row_counts += self._apply(statement)
        self._wait_for_old_parts({statement.table for statement in statements})
        for one in pending:
            self._note_gone(one, row_counts[one.session.key])
        logger.info("erased the words of %d sessions, %d rows", len(pending), row_counts.total())

    def _adopt(self) -> None:
        """Take up what records say that no control was made of: those that came before there were any."""
        self._store.execute(
            f"""
            INSERT INTO {self._argus}.erasure_facts (workspace, session_id, step, source, at, asked_by, row_count)
            SELECT workspace, session_id, arrayJoin(['asked', 'unreadable']), 'hook', now64(9), '', 0
            FROM {self._argus}.session_facts
            WHERE is_private AND (workspace, session_id) NOT IN (SELECT workspace, session_id FROM {self._argus}.erasure_facts)
            GROUP BY workspace, session_id
            """
        )

    def _ask_again(self) -> None:
        """Of the sessions that were gone lately, those of which words are there again are pending again."""
        lately = self._sessions(f"maxIf(at, step = 'gone') > now64(9) - {_AGAIN_S}")
        for batch in _batches(lately):
            statements = erasure_statements(self._settings(), [one.session for one in batch])
            left: Counter[tuple[str, str]] = Counter()
            for statement in statements:
                left += self._count(statement)
            for workspace, session_id in left:
                self._note(workspace, session_id, "unreadable", "now64(9)", 0, "1")

    def _all_private(self) -> frozenset[tuple[str, str]]:
        rows = self._rows(f"SELECT DISTINCT workspace, session_id FROM {self._argus}.erasure_facts")
        return _Private((row["workspace"], row["session_id"]) for row in rows)

    def _pending(self) -> list[_Pending]:
        found = self._sessions("maxIf(at, step = 'unreadable') > maxIf(at, step = 'gone')")
        return next(_batches(found), [])

    def _sessions(self, condition: str) -> list[_Pending]:
        rows = self._rows(
            f"""
            SELECT
                workspace, session_id, asked_until_ns,
                toUnixTimestamp64Nano(first_at) AS first_ns, toUnixTimestamp64Nano(last_at) AS last_ns
            FROM
            (
                SELECT workspace, session_id, toUnixTimestamp64Nano(maxIf(at, step = 'unreadable')) AS asked_until_ns
                FROM {self._argus}.erasure_facts
                GROUP BY workspace, session_id
                HAVING {condition}
                ORDER BY asked_until_ns LIMIT 10000
            ) AS asked
            LEFT JOIN
            (
                SELECT workspace, session_id, min(facts.first_at) AS first_at, max(facts.last_at) AS last_at
                FROM {self._argus}.session_facts AS facts
                WHERE (workspace, session_id) IN (SELECT workspace, session_id FROM {self._argus}.erasure_facts)
                GROUP BY workspace, session_id
            ) AS known USING (workspace, session_id)
            ORDER BY asked_until_ns
            """
        )
        return [
            _Pending(
                PrivateSession(row["workspace"], row["session_id"], int(row["first_ns"]), int(row["last_ns"])),
                int(row["asked_until_ns"]),
            )
            for row in rows
        ]

    def _apply(self, statement: ErasureStatement) -> Counter[tuple[str, str]]:
        """Return how many rows it changed, by session."""
        changed: Counter[tuple[str, str]] = Counter()
        for _ in range(_ROUNDS_MAX):
            left = self._count(statement)
            if not left:
                break
            changed = changed or left
            before = self._mutations(statement.table)
            self._store.execute(statement.sql)
            self._wait_for(statement.table, self._mutations(statement.table) - before)
        return changed

    def _count(self, statement: ErasureStatement) -> Counter[tuple[str, str]]:
        rows = self._rows(statement.count)
        return Counter({(row["workspace"], row["session_id"]): int(row["row_count"]) for row in rows})

    def _mutations(self, table: str) -> frozenset[str]:
        rows = self._rows(f"SELECT DISTINCT mutation_id FROM {self._system('mutations')} WHERE {_is_table(table)}")
        return frozenset(row["mutation_id"] for row in rows)

    def _wait_for(self, table: str, mutation_ids: frozenset[str]) -> None:
        where = f"{_is_table(table)} AND mutation_id IN ({', '.join(map(quote, sorted(mutation_ids)))})"
        unfinished = (
            f"SELECT latest_fail_error_code_name FROM {self._system('mutations')}"
            f" WHERE NOT is_done AND NOT is_killed AND {where}"
        )
        while mutation_ids and (rows := self._rows(unfinished)):
            if reason := rows[0]["latest_fail_error_code_name"]:
                self._tell(Refusal(0, f"the engine tries again to change {table}: {reason}"))
            self._pause()

    def _wait_for_old_parts(self, tables: set[str]) -> None:
        """Wait until the files that the parts of this moment replaced are deleted."""
        where = " OR ".join(f"({_is_table(table)})" for table in sorted(tables))
        now_s = int(self._rows("SELECT toUnixTimestamp(now()) AS now_s")[0]["now_s"])
        while int(
            self._rows(
                f"SELECT count() AS parts FROM {self._system('parts')}"
                f" WHERE NOT active AND toUnixTimestamp(remove_time) <= {now_s} AND ({where})"
            )[0]["parts"]
        ):
            self._pause()

    def _note_gone(self, one: _Pending, row_count: int) -> None:
        # Not if its control came again meanwhile: what came with that may have been stored after this work looked. Clocks may
        # differ or be set, so it is gone no earlier than it was asked for.
        self._note(
            one.session.workspace,
            one.session.session_id,
            "gone",
            "greatest(now64(9), maxIf(facts.at, step = 'unreadable'))",
            row_count,
            f"toUnixTimestamp64Nano(maxIf(facts.at, step = 'unreadable')) <= {one.asked_until_ns}",
        )

    def _note(self, workspace: str, session_id: str, step: str, at: str, row_count: int, condition: str) -> None:
        self._store.execute(
            f"""
            INSERT INTO {self._argus}.erasure_facts (workspace, session_id, step, source, at, asked_by, row_count)
            SELECT workspace, session_id, {quote(step)}, argMin(source, facts.at), {at}, '', {row_count}
            FROM {self._argus}.erasure_facts AS facts
            WHERE workspace = {quote(workspace)} AND session_id = {quote(session_id)}
            GROUP BY workspace, session_id
            HAVING {condition}
            """
        )

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        if self._stopping.is_set():
            raise _StoppedError
        return self._store.rows(sql)

    def _pause(self) -> None:
        if self._stopping.wait(_POLL_S):
            raise _StoppedError

    def _system(self, table: str) -> str:
        """Return what tells of every replica, where there are several."""
        return on_all_nodes(self._settings(), f"system.{table}")

    @property
    def _argus(self) -> str:
        return self._settings().argus_database


class _Private(frozenset[tuple[str, str]]):
    """The private sessions; the repr leaves them out."""

    def __repr__(self) -> str:
        return f"{len(self)} private sessions"


def _batches(pending: list[_Pending]) -> Iterator[list[_Pending]]:
    """Yield what fits into one statement each, in order."""
    batch: list[_Pending] = []
    id_bytes = 0
    for one in pending:
        own_bytes = 2 * len(one.session.session_id.encode()) + len(one.session.workspace.encode())
        if batch and (len(batch) == _SESSIONS_MAX or id_bytes + own_bytes > _ID_BYTES_MAX):
            yield batch
            batch, id_bytes = [], 0
        batch.append(one)
        id_bytes += own_bytes
    if batch:
        yield batch


def _is_table(table: str) -> str:
    database, _, name = table.partition(".")
    return f"database = {quote(database)} AND table = {quote(name)}"
