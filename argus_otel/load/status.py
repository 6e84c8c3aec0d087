"""What `doctor` asks about the loader."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoaderStatus:
    """The loader at one instant; times in ns since the epoch. Errors without the values that they quoted."""

    last_success_at_ns: int | None = None
    last_error_at_ns: int | None = None
    last_error_code: int = 0
    last_error: str = ""
    consecutive_failures: int = 0
    is_holding: bool = False
    """Everything of one signal is refused: nothing is dead-lettered until something loads."""
