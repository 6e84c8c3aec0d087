"""
argus-otel's own metrics -> its own front door, at an interval and once more at the end: so they stand beside everyone
else's, and the dashboard argus-pipeline asks the same data source as all others.

They are received, spooled and loaded like any request, so the accounting holds, and a loader that stands still shows on
a service that nobody sends to. What cannot be taken waits here, for an hour at an interval of a minute.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from argus_otel.errors import ArgusError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)

_WAITING_MAX = 60


class OwnMetrics:
    """
    A task of the event loop that starts it; `stop` without `start` does nothing.

    Args:
        collect: what changed since the last call, as an OTLP request; may wait for the disk.
        accept: makes it durable, or raises.
        interval_s: 0 for never.
    """

    def __init__(
        self, collect: Callable[[], bytes], accept: Callable[[bytes], Awaitable[None]], interval_s: float
    ) -> None:
        self._collect = collect
        self._accept = accept
        self._interval_s = interval_s
        self._waiting: deque[bytes] = deque(maxlen=_WAITING_MAX)
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first interval starts now."""
        if self._interval_s > 0:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Hand over what changed since the last time, and end; never fails."""
        self._stopping.set()
        if self._task is not None:
            await self._task
            await self._hand_over()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await asyncio.wait_for(self._stopping.wait(), self._interval_s)
            except TimeoutError:
                await self._hand_over()

    async def _hand_over(self) -> None:
        try:
            self._waiting.append(await asyncio.to_thread(self._collect))
            while self._waiting:
                await self._accept(self._waiting[0])
                self._waiting.popleft()
        except ArgusError as error:
            logger.debug("own metrics wait: %s", error)  # the spool's trouble is told elsewhere
        except Exception:
            logger.exception("own metrics wait")
