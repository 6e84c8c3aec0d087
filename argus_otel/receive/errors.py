"""Leaves of the tree of errors that only the receiver raises; both pass, so a sender may try again."""

from __future__ import annotations

from argus_otel.errors import RetryableError


class OverloadedError(RetryableError):
    """Too many bytes of requests are in memory."""

    def __init__(self, held_bytes: int, held_bytes_max: int) -> None:
        super().__init__(f"{held_bytes} of at most {held_bytes_max} bytes of requests are in memory: retry later")
        self.held_bytes = held_bytes
        self.held_bytes_max = held_bytes_max


class UnfinishedBodyError(RetryableError):
    """The body did not arrive whole: it took too long, or the sender hung up."""
