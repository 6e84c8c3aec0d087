"""
The files of the spool and their names.

    <data_dir>/spool/                                   folder 0700, files 0600
      .lock                                             flock: one process per spool
      0000000000000041-0000000000012000.seg             sealed: 41st file, 12,000 records received before it
      0000000000000042-0000000000012350.retried.seg     a dead letter on its way back: not received again
      0000000000000043-0000000000012350.seg             the newest: appended to
      0000000000000017-0000000000004100.seg@8192.damaged    bytes from 8192 on that recovery could not read

    ┌──────────┬──────────┬──────────┬─ ─ ─ ─ ─ ┐
    │ envelope │ envelope │ envelope │ torn tail    one file: envelopes as envelope.py draws them, nothing between
    └──────────┴──────────┴──────────┴─ ─ ─ ─ ─ ┘  a tail is torn by a crash before its fdatasync: never acknowledged

The count in the name makes the accounting survive a SIGKILL at any instant without a write of its own: records ever
received = count in the newest name + the records in that file. It also says where the file before it ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from argus_otel.envelope import Envelope, Signal

MIB = 1 << 20

DAMAGED_SUFFIX = ".damaged"
_NAME = re.compile(r"(\d{16})-(\d{16})(\.retried)?\.seg")


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """Where the spool is and how far it may grow."""

    folder: Path
    bytes_max: int = 4096 * MIB
    """Files and waiting appends together; beyond it senders are told to retry. Hours of a busy team's sessions."""
    gather_s: float = 0.004
    """Between the first append of a group and its fdatasync: a busy disk's time, for a third of the CPU of an append."""
    segment_bytes_max: int = 8 * MIB
    """Small enough to hold in memory while a refused batch is bisected; one larger envelope is a segment alone."""
    segment_expanded_bytes_max: int = 64 * MIB
    """Half of a load's bound, so that a batch is never one segment too large."""
    segment_age_s_max: float = 0.2
    """A waiting loader gets the newest segment at this age; data is to be visible within 2 s."""
    taken_segments_max: int = 64
    """Files in one batch: many retried dead letters are many small files."""
    inline_bytes_max: int = 128 << 10
    """Larger requests are encoded in a thread: copying and checksumming 128 KiB takes about 0.1 ms."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One sealed file: whole envelopes, read-only from now on, deleted after its load."""

    path: Path
    sequence: int
    size_bytes: int
    record_count: int
    expanded_bytes: int
    oldest_received_at_ns: int
    received_through: int
    """Records received in the whole life of the spool, those of this segment included."""
    signals: frozenset[Signal]
    """What is in it; an INSERT goes to the tables of these."""


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """What a segment's file name says."""

    sequence: int
    received_before: int
    is_retried: bool = False

    def __str__(self) -> str:
        return f"{self.sequence:016d}-{self.received_before:016d}{'.retried' if self.is_retried else ''}.seg"

    @classmethod
    def parse(cls, name: str) -> SegmentName | None:
        """Return what `name` says; None if it is no segment's name."""
        match = _NAME.fullmatch(name)
        return cls(int(match[1]), int(match[2]), match[3] is not None) if match else None


@dataclass(slots=True)
class Extent:
    """What the whole envelopes of one file add up to."""

    size_bytes: int = 0
    record_count: int = 0
    expanded_bytes: int = 0
    oldest_received_at_ns: int = 0
    signals: set[Signal] = field(default_factory=set)

    def add(self, size_bytes: int, envelope: Envelope) -> None:
        """Count one more envelope, of `size_bytes` in the file."""
        is_first = self.size_bytes == 0
        oldest_ns = envelope.received_at_ns if is_first else min(self.oldest_received_at_ns, envelope.received_at_ns)
        self.oldest_received_at_ns = oldest_ns
        self.size_bytes += size_bytes
        self.record_count += envelope.record_count
        self.expanded_bytes += envelope.expanded_bytes
        self.signals.add(envelope.signal)

    def segment(self, folder: Path, name: SegmentName) -> Segment:
        """Return the sealed segment of this extent."""
        return Segment(
            path=folder / str(name),
            sequence=name.sequence,
            size_bytes=self.size_bytes,
            record_count=self.record_count,
            expanded_bytes=self.expanded_bytes,
            oldest_received_at_ns=self.oldest_received_at_ns,
            received_through=name.received_before + (0 if name.is_retried else self.record_count),
            signals=frozenset(self.signals),
        )
