"""The sum that must hold at every instant, also after a SIGKILL: every record is in exactly one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accounting:
    """
    Records in the whole life of one data folder.

    Each number has a source of its own, so that the sum can fail: received comes from the names of the spool's files,
    loaded from the ledger, dead-lettered from the letters on disk and those that the ledger says expired, spooled from
    the spool's files.
    """

    received: int
    loaded: int
    dead_lettered: int
    spooled: int

    @property
    def missing(self) -> int:
        """Records that are nowhere; above 0: look for `*.damaged` files in the spool, or letters deleted by hand."""
        return self.received - self.loaded - self.dead_lettered - self.spooled
