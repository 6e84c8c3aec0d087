"""Which of several servers that hold the same is asked: the one that answered last, unless it failed just now."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_AVOIDED_S = 5.0
_AVOIDED_S_MAX = 300.0


@dataclass(slots=True)
class _Health:
    failures: int = 0
    avoided_until_s: float = 0.0


class Replicas:
    """
    The health of `count` servers, by index; may be used from any thread.

    Whoever answers is asked first from then on, so that what is read is what was written. Whoever fails is asked last, for
    5 s, twice as long with each further failure, at most 5 minutes.
    """

    def __init__(self, count: int, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._health = [_Health() for _ in range(count)]
        self._preferred = 0
        self._clock_s = clock_s
        self._lock = threading.Lock()

    def in_order(self) -> list[int]:
        """Return all, the likeliest to answer first."""
        with self._lock:
            now_s = self._clock_s()
            count = len(self._health)
            # The next in turn after the preferred one, so that what it did is spread over no two others at random.
            turn = [(self._preferred + offset) % count for offset in range(count)]
            return sorted(turn, key=lambda index: max(self._health[index].avoided_until_s - now_s, 0.0))

    def answered(self, index: int) -> None:
        """Note that it works."""
        with self._lock:
            self._health[index] = _Health()
            self._preferred = index

    def failed(self, index: int) -> None:
        """Note that it does not."""
        with self._lock:
            health = self._health[index]
            avoided_s = min(_AVOIDED_S * 2**health.failures, _AVOIDED_S_MAX)
            health.failures = min(health.failures + 1, 10)
            health.avoided_until_s = self._clock_s() + avoided_s
