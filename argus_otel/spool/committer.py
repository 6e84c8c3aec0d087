"""
Group commit: many waiting appends in, one write and one fdatasync, then all of them are woken at once.

While one commit waits for the disk, the next appends gather; so the number of fdatasyncs adapts to the load by itself.
An event loop is woken once per commit, not once per append.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING

from argus_otel.errors import ShuttingDownError, SpoolWriteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from argus_otel.spool.writer import Append

logger = logging.getLogger(__name__)


class Committer:
    """
    A thread that commits what is submitted, in order of submission.

    Args:
        commit: makes a non-empty group durable, or raises SpoolWriteError and leaves none of it.
        gather_s: how long the first append of a group waits for others.
        group_bytes_max, group_expanded_bytes_max: bounds of one group; a larger append is a group alone.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Append]], None],
        gather_s: float,
        group_bytes_max: int,
        group_expanded_bytes_max: int,
    ) -> None:
        self._commit = commit
        self._gather_s = gather_s
        self._group_bytes_max = group_bytes_max
        self._group_expanded_bytes_max = group_expanded_bytes_max
        self._waiting: deque[Append] = deque()
        self._changed = threading.Condition()
        self._is_idle = False
        self._is_closing = False
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name="spool-commit", daemon=True)
        self._thread.start()

    def submit(self, append: Append) -> None:
        """
        Queue one append; its waiter is resolved after the commit. Never blocks on the disk.

        Raises:
            ShuttingDownError: retryable; the committer is closing.
        """
        with self._changed:
            if self._is_closing:
                raise ShuttingDownError("the service is shutting down: retry later")
            self._waiting.append(append)
            if self._is_idle:
                self._changed.notify()

    def close(self) -> None:
        """Commit what waits and end the thread; may be called twice."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            _wake(group, self._failure_of(group))

    def _next_group(self) -> list[Append]:
        with self._changed:
            self._is_idle = True
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            self._is_idle = False
        if self._waiting:
            time.sleep(self._gather_s)
        with self._changed:
            group: list[Append] = []
            size_bytes = expanded_bytes = 0
            while self._waiting:
                size_bytes += len(self._waiting[0].data)
                expanded_bytes += self._waiting[0].envelope.expanded_bytes
                is_over = size_bytes > self._group_bytes_max or expanded_bytes > self._group_expanded_bytes_max
                if group and is_over:
                    break
                group.append(self._waiting.popleft())
            return group

    def _failure_of(self, group: Sequence[Append]) -> str | None:
        try:
            self._commit(group)
        except SpoolWriteError as error:
            failure: str | None = str(error)
        except Exception as error:
            # A bug of ours: its waiters get an answer, and the thread lives on for the next ones.
            logger.exception("commit failed")
            failure = f"cannot write to the spool: {type(error).__name__}: retry later"
        else:
            failure = None
        self._log_change(failure)
        return failure

    def _log_change(self, failure: str | None) -> None:
        # A full disk fails every commit: one line when it begins and one when it ends, or the log fills it further.
        if failure and not self._is_failing:
            logger.error("%s", failure)
        elif self._is_failing and not failure:
            logger.info("the spool takes writes again")
        self._is_failing = failure is not None


def _wake(group: Iterable[Append], failure: str | None) -> None:
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = defaultdict(list)
    for append in group:
        if isinstance(append.waiter, asyncio.Future):
            by_loop[append.waiter.get_loop()].append(append.waiter)
        elif failure is None:
            append.waiter.set_result(None)
        else:
            append.waiter.set_exception(SpoolWriteError(failure))
    for loop, waiters in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, waiters, failure)
        except RuntimeError:
            logger.warning("%d appends finished after their event loop was closed", len(waiters))


def _resolve(waiters: Iterable[asyncio.Future[None]], failure: str | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue  # its caller went away
        if failure is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(SpoolWriteError(failure))
