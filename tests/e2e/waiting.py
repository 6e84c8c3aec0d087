"""Bounded waits: what must become true, is asked for again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Value = TypeVar("_Value")


def eventually(check: Callable[[], _Value], timeout_s: float = 5) -> _Value:
    """Return what `check` returns as soon as it raises no AssertionError; the last one if it goes on for too long."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > deadline_s:
                raise
        time.sleep(0.05)
