"""
Appends in, sealed segments out: the newest file of the spool and what happens when the disk refuses.

A failed commit ends its file: the file is cut back to its last acknowledged byte and sealed, and the next commit begins
another one. A file whose fdatasync failed is so never appended to again: the kernel may have dropped its dirty pages
and report success the next time (https://www.postgresql.org/docs/current/runtime-config-error-handling.html,
data_sync_retry). Nothing here locks: the caller lets in one thread at a time.
"""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from argus_otel.errors import SpoolWriteError
from argus_otel.spool.segment import Extent, SegmentName

if TYPE_CHECKING:
    import asyncio
    import concurrent.futures
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from argus_otel.envelope import Envelope
    from argus_otel.spool.disk import Disk
    from argus_otel.spool.segment import Segment, SpoolSettings

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Append:
    """One envelope on its way to the disk, encoded as `data`, and who waits for it."""

    envelope: Envelope
    data: bytes
    waiter: asyncio.Future[None] | concurrent.futures.Future[None]


@dataclass(slots=True)
class _Active:
    name: SegmentName
    file: int
    opened_at_s: float
    extent: Extent = field(default_factory=Extent)


class SegmentWriter:
    """
    The only writer of segment files.

    Segments that are complete gather in `sealed`, in order of sequence; the caller takes them out.

    Args:
        clock: monotonic seconds.
    """

    def __init__(
        self,
        settings: SpoolSettings,
        disk: Disk,
        clock: Callable[[], float],
        *,
        sequence: int,
        received_records: int,
    ) -> None:
        self._settings = settings
        self._disk = disk
        self._clock = clock
        self._sequence = sequence
        self._active: _Active | None = None
        self.received_records = received_records
        self.sealed: list[Segment] = []

    @property
    def due_at_s(self) -> float:
        """When the newest segment reaches its age, by the monotonic clock; infinite without one."""
        active = self._active  # another thread may seal it meanwhile
        return active.opened_at_s + self._settings.segment_age_s_max if active else float("inf")

    @property
    def oldest_received_at_ns(self) -> int | None:
        """Of the newest segment; None without one."""
        active = self._active
        return active.extent.oldest_received_at_ns if active and active.extent.size_bytes else None

    def commit(self, appends: Sequence[Append]) -> None:
        """
        Make all of `appends` durable: one write, one fdatasync.

        Raises:
            SpoolWriteError: retryable; none of them is in the spool.
        """
        data = b"".join([append.data for append in appends])
        expanded_bytes = sum(append.envelope.expanded_bytes for append in appends)
        if self._active and self._would_overflow(self._active.extent, len(data), expanded_bytes):
            self.seal()
        try:
            active = self._active = self._active or self._create()
            self._disk.write(active.file, data, active.extent.size_bytes)
            self._disk.sync(active.file)
        except OSError as error:
            self._abandon()
            reason = os.strerror(error.errno) if error.errno else type(error).__name__
            raise SpoolWriteError(
                f"cannot write to the spool: {reason}: free or repair the disk; retry later"
            ) from error
        for append in appends:
            active.extent.add(len(append.data), append.envelope)
            self.received_records += append.envelope.record_count
        if self._would_overflow(active.extent, 1, 1):
            self.seal()

    def seal(self) -> None:
        """End the newest segment, if there is one."""
        active, self._active = self._active, None
        if active is not None:
            os.close(active.file)
            self.sealed.append(active.extent.segment(self._settings.folder, active.name))

    def adopt(self, path: Path, extent: Extent) -> None:
        """
        Move a file of whole envelopes, received before, into the spool as a segment, by one rename.

        Raises:
            OSError: the file is where it was.
        """
        # Sequences are sealed in order: loaded through one means that all below it are loaded.
        self.seal()
        self._sequence += 1
        name = SegmentName(self._sequence, self.received_records, is_retried=True)
        path.rename(self._settings.folder / str(name))
        self.sealed.append(extent.segment(self._settings.folder, name))
        # Not durable at once is no harm: after a power cut the file is in the one folder or in the other.
        with contextlib.suppress(OSError):
            self._disk.sync_folder(self._settings.folder)
            self._disk.sync_folder(path.parent)

    def _would_overflow(self, extent: Extent, size_bytes: int, expanded_bytes: int) -> bool:
        return (
            extent.size_bytes + size_bytes > self._settings.segment_bytes_max
            or extent.expanded_bytes + expanded_bytes > self._settings.segment_expanded_bytes_max
        )

    def _create(self) -> _Active:
        # Also a number whose file could not be created is used up: a leftover of it is never met again.
        self._sequence += 1
        name = SegmentName(self._sequence, self.received_records)
        path = self._settings.folder / str(name)
        file = self._disk.create(path)
        try:
            self._disk.sync_folder(self._settings.folder)
        except OSError:
            os.close(file)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return _Active(name, file, self._clock())

    def _abandon(self) -> None:
        active, self._active = self._active, None
        if active is None:
            return
        size_bytes, name = active.extent.size_bytes, active.name
        try:
            self._disk.truncate(active.file, size_bytes)
            self._disk.sync(active.file)
        except OSError as error:
            # Whoever takes the segment cuts it first, and recovery knows its end from the next file's name.
            logger.warning("cannot cut %s back to %d bytes: %s", name, size_bytes, error.strerror)
        with contextlib.suppress(OSError):
            os.close(active.file)
        if size_bytes:
            self.sealed.append(active.extent.segment(self._settings.folder, name))
        else:
            with contextlib.suppress(OSError):
                (self._settings.folder / str(name)).unlink()
