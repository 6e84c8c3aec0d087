"""Envelopes that can be told apart, and disks that fail."""

from __future__ import annotations

import errno
import threading
from typing import TYPE_CHECKING

from argus_otel.envelope import Envelope, Signal, decode_all
from argus_otel.spool import Disk, Segment, Spool, SpoolSettings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def envelope(number: int, *, record_count: int = 1, size_bytes: int = 40, expanded_bytes: int = 100) -> Envelope:
    """An envelope whose request begins with its number."""
    request = f"{number}|".encode().ljust(size_bytes, b".")
    return Envelope(Signal.LOGS, "default", 1_000 + number, record_count, expanded_bytes, request)


def number_of(found: Envelope) -> int:
    return int(found.request.partition(b"|")[0])


def numbers_in(segments: Iterable[Segment]) -> list[int]:
    """The numbers of all envelopes in sealed segments, read as a loader would: the files as they are."""
    return [number_of(found) for s in segments for _, _, found in decode_all(s.path.read_bytes())]


def settings(folder: Path, **changes: float) -> SpoolSettings:
    return SpoolSettings(folder / "spool", **{"segment_age_s_max": 0.0, **changes})  # type: ignore[arg-type]


def drain(spool: Spool) -> list[int]:
    """Take and delete all that is there; return its numbers in order."""
    numbers = []
    while segments := spool.take(1 << 40, 0.0):
        numbers += numbers_in(segments)
        spool.delete_through(segments[-1].sequence)
    return numbers


class FailingDisk(Disk):
    """Fails the next call of each kind named in `failing`; a failing write leaves half of its bytes."""

    def __init__(self, *failing: str) -> None:
        self.failing = set(failing)
        self.sync_count = 0

    def _fail(self, kind: str) -> None:
        if kind in self.failing:
            self.failing.remove(kind)
            raise OSError(errno.EIO if "sync" in kind else errno.ENOSPC, "made to fail")

    def create(self, path: Path) -> int:
        self._fail("create")
        return super().create(path)

    def write(self, file: int, data: bytes, offset: int) -> None:
        if "write" in self.failing:
            super().write(file, data[: len(data) // 2], offset)
        self._fail("write")
        super().write(file, data, offset)

    def sync(self, file: int) -> None:
        self.sync_count += 1
        self._fail("sync")
        super().sync(file)

    def truncate(self, file: int | Path, size_bytes: int) -> None:
        self._fail("truncate")
        super().truncate(file, size_bytes)

    def sync_folder(self, folder: Path) -> None:
        self._fail("sync_folder")
        super().sync_folder(folder)


class SlowDisk(FailingDisk):
    """A disk whose sync waits for `go`; `is_syncing` tells that one has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.is_syncing = threading.Event()

    def sync(self, file: int) -> None:
        self.is_syncing.set()
        assert self.go.wait(60)
        super().sync(file)
