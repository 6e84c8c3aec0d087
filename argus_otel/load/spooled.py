"""A segment's file in, the place of each envelope in it out: what bisection and dead letters work on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from argus_otel.envelope import decode_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from argus_otel.envelope import Signal


class LoadableSegment(Protocol):
    """A file of whole envelopes, as the queue hands it out; nobody changes it until it is deleted."""

    @property
    def path(self) -> Path: ...
    @property
    def sequence(self) -> int: ...
    @property
    def record_count(self) -> int: ...
    @property
    def received_through(self) -> int: ...
    @property
    def signals(self) -> frozenset[Signal]: ...


@dataclass(frozen=True, slots=True)
class SpooledEnvelope:
    """One envelope by its place; its bytes stay in the file."""

    path: Path
    sequence: int
    start: int
    end: int
    signal: Signal
    workspace: str
    record_count: int
    received_at_ns: int
    request_bytes: int


def envelopes_of(segment: LoadableSegment) -> list[SpooledEnvelope]:
    """
    Return the envelopes of a segment in order.

    Raises:
        TornEnvelopeError: the file was damaged since it was written.
    """
    return [
        SpooledEnvelope(
            segment.path,
            segment.sequence,
            start,
            end,
            envelope.signal,
            envelope.workspace,
            envelope.record_count,
            envelope.received_at_ns,
            len(envelope.request),
        )
        for start, end, envelope in decode_all(segment.path.read_bytes())
    ]


def read_all(envelopes: Iterable[SpooledEnvelope]) -> Iterator[bytes]:
    """Yield the envelopes' bytes, length included; one file is in memory at a time."""
    for path, group in groupby(envelopes, key=lambda envelope: envelope.path):
        data = path.read_bytes()
        for envelope in group:
            yield data[envelope.start : envelope.end]
