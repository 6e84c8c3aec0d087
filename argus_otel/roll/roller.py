"""
One thread: sessions that changed since the mark, but not just now -> their sums, then the mark.

       mark ─▶ slice, the oldest changes first ─▶ INSERT of some sessions, again and again ─▶ mark at its end
                          ▲                                                                      │
                          └──────────────────────────────────────────────────────────────────────┘

What changed within the margin is left alone: an INSERT is dated when it begins and seen when it ends, so only what is older
than the longest INSERT is known to be whole. Each step may be repeated, so a SIGKILL between any two means only that some
sessions are summed up again, and two rollers on one ClickHouse do the same work twice.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from argus_otel.refusal import Refusal
from argus_otel.schema.rollup import RollupStatements, session_key
from argus_otel.telemetry import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from argus_otel.schema.render import SchemaSettings
    from argus_otel.store import Store
    from argus_otel.telemetry import Telemetry

logger = logging.getLogger(__name__)

_KEYS_BYTES_MAX = 49_152
"""Of the sessions in one statement: they stand in it four times, and the engine takes 256 KiB of SQL."""
_MEMORY_LIMIT_EXCEEDED = 241


@dataclass(frozen=True, slots=True)
class RollSettings:
    """
    When and how much.

    Args:
        margin_s: longer than any INSERT may take; what changed since then is not summed up yet.
        interval_s: between two looks.
        pause_s: before each mark: a query that sees the mark has looked for the sums before, and must have found them.
        slice_sessions: after about so many the mark advances; those of one second are never parted.
        batch_sessions: at most so many in one INSERT.
    """

    margin_s: int = 600
    interval_s: float = 60.0
    pause_s: float = 10.0
    slice_sessions: int = 20_000
    batch_sessions: int = 1_000


class _StoppedError(Exception):
    """`close` was called; what is left to do stands in the tables."""


class Roller:
    """
    Sums up until it is closed; `start` and `close` once each.

    Args:
        schema: returns the schema as it is configured.
    """

    def __init__(
        self, store: Store, schema: Callable[[], SchemaSettings], telemetry: Telemetry, settings: RollSettings
    ) -> None:
        self._store = store
        self._schema = schema
        self._telemetry = telemetry
        self._settings = settings
        self._batch_sessions = settings.batch_sessions
        self._stopping = threading.Event()
        self._told = ""
        self._done_at_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="roll", daemon=True)
        telemetry.observe(Metric.ROLLUP_AGE_SECONDS, lambda: time.monotonic() - self._done_at_s)

    def start(self) -> None:
        """Begin to sum up; what an earlier run left is done first."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the INSERT under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.roll_settled()
                self._told = ""
            except _StoppedError:
                return
            except Exception as error:
                # The engine is away or busy, or has no schema yet: whatever it is, it may pass, and the views are right without.
                self._tell(Refusal.of(error))
            self._stopping.wait(self._settings.interval_s)

    def _tell(self, refusal: Refusal) -> None:
        told = f"code {refusal.code}, {refusal.error}"
        if told != self._told:
            logger.warning("summing up waits: %s", told)
        self._told = told

    def roll_settled(self) -> int:
        """
        Sum up what changed since the mark and before the margin, and return how many sessions that were.

        Raises:
            StoreError: what was not finished is waiting still.
        """
        began_s = time.monotonic()
        statements = RollupStatements(self._schema())
        [state] = self._rows(statements.state)
        now_s, from_s = int(state["now_s"]), int(state["settled_until_s"])
        if from_s > now_s:
            # The clock was set back: what comes now is dated before the mark.
            self._execute(statements.unmark)
            from_s = 0
        rolled_count = 0
        for until_s in self._slices(statements, from_s, now_s - self._settings.margin_s):
            slice_count = self._roll_slice(statements, from_s, until_s)
            if slice_count:
                if statements.synchronize:
                    self._execute(statements.synchronize)
                self._stopping.wait(self._settings.pause_s)
                self._execute(statements.mark(until_s))
            rolled_count += slice_count
            from_s = until_s
        self._done_at_s = time.monotonic()
        if rolled_count:
            self._telemetry.record(Metric.ROLLUP_SECONDS, self._done_at_s - began_s)
        return rolled_count

    def _slices(self, statements: RollupStatements, from_s: int, until_s: int) -> Iterator[int]:
        """Yield where each slice ends; the last ends at `until_s`."""
        while from_s < until_s:
            limits = {"until_s": str(until_s), "session_count": str(self._settings.slice_sessions)}
            rows = self._rows(statements.slice, {"from_s": str(from_s), **limits})
            from_s = int(rows[0]["until_s"]) if rows else until_s
            yield from_s

    def _roll_slice(self, statements: RollupStatements, from_s: int, until_s: int) -> int:
        rows = self._rows(statements.sessions, {"from_s": str(from_s), "until_s": str(until_s)})
        waiting = [session_key(row["workspace"], row["session_id"]) for row in rows]
        while waiting:
            batch = self._first(waiting)
            try:
                self._execute(statements.roll(batch))
            except Exception as error:
                if getattr(error, "code", 0) != _MEMORY_LIMIT_EXCEEDED or len(batch) == 1:
                    raise
                self._batch_sessions = len(batch) // 2  # long sessions; for good, the next are likely no shorter
                continue
            self._telemetry.add(Metric.ROLLED_SESSIONS, len(batch))
            del waiting[: len(batch)]
        return len(rows)

    def _first(self, keys: list[str]) -> list[str]:
        """Return what fits into one statement, at least one."""
        ends = itertools.accumulate(len(key.encode()) for key in keys[: self._batch_sessions])
        count = sum(end <= _KEYS_BYTES_MAX for end in ends)
        return keys[: max(count, 1)]

    def _rows(self, sql: str, parameters: dict[str, str] | None = None) -> list[dict[str, Any]]:
        self._check_stopping()
        return self._store.rows(sql, parameters)

    def _execute(self, sql: str) -> None:
        self._check_stopping()
        self._store.execute(sql)

    def _check_stopping(self) -> None:
        if self._stopping.is_set():
            raise _StoppedError
