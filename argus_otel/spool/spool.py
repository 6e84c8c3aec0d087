"""
Envelopes in, acknowledged when durable; sealed segments out, oldest first, until they are loaded.

Two locks: `_writing` is held over the disk's slowness, `_changed` never is. Whoever needs both takes `_writing` first.
Source: issue 2, "Spool and load".
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from argus_otel.envelope import encode
from argus_otel.errors import ConfigError, ShuttingDownError, SpoolFullError, SpoolWriteError
from argus_otel.spool.committer import Committer
from argus_otel.spool.disk import Disk
from argus_otel.spool.lock import lock_folder
from argus_otel.spool.recovery import measure, put_right, recover
from argus_otel.spool.segment import SegmentName
from argus_otel.spool.writer import Append, SegmentWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from argus_otel.envelope import Envelope
    from argus_otel.spool.segment import Segment, SpoolSettings

logger = logging.getLogger(__name__)


class Spool:
    """
    A durable queue of segments in one folder, for one process.

    `append` is called from an event loop, `take`, `delete_through` and `put_right` by one loader thread, `adopt` by any
    thread; attributes may be read by any thread at any time. Opening recovers what the last process left.

    Args:
        loaded_through: from the loader's ledger: segments up to this sequence are loaded; they are deleted.
        received_records: from the same ledger: records received until then.
        disk: the system calls; a test fails them here.
        clock: monotonic seconds; ages of segments never follow the wall clock.

    Raises:
        ConfigError: another process has this spool open, or the folder cannot be used.
    """

    def __init__(
        self,
        settings: SpoolSettings,
        *,
        loaded_through: int = 0,
        received_records: int = 0,
        disk: Disk | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._disk = disk or Disk()
        self._clock = clock
        self._lock_file = lock_folder(settings.folder)
        try:
            found = recover(
                settings.folder, self._disk, loaded_through=loaded_through, received_records=received_records
            )
        except OSError as error:
            os.close(self._lock_file)
            raise ConfigError(f"cannot recover spool folder {settings.folder}: {error.strerror}") from error
        self._sealed = deque(found.segments)
        self._used_bytes = sum(segment.size_bytes for segment in found.segments)
        self._waiting_bytes = 0
        self._record_count = sum(segment.record_count for segment in found.segments)
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._is_closed = False
        self._due_at_s = float("inf")
        self._writer = SegmentWriter(
            settings,
            self._disk,
            clock,
            sequence=found.sequence,
            received_records=found.received_records,
        )
        self._committer = Committer(
            self._commit, settings.gather_s, settings.segment_bytes_max, settings.segment_expanded_bytes_max
        )

    # The receiver's side

    async def append(self, envelope: Envelope) -> None:
        """
        Return when the envelope is durable.

        A caller that is cancelled meanwhile may find it in the spool all the same.

        Raises:
            SpoolFullError: retryable; the spool is at its bound.
            SpoolWriteError: retryable; the disk refused, nothing of the envelope is in the spool.
            ShuttingDownError: retryable; `close` was called.
        """
        if len(envelope.request) > self._settings.inline_bytes_max:
            data = await asyncio.to_thread(encode, envelope)
        else:
            data = encode(envelope)
        waiter = asyncio.get_running_loop().create_future()
        self._submit(envelope, data, waiter)
        await waiter

    def append_blocking(self, envelope: Envelope) -> None:
        """As `append`, for a thread without an event loop."""
        waiter: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._submit(envelope, encode(envelope), waiter)
        waiter.result()

    def close(self) -> None:
        """
        Refuse new appends, commit those that wait, seal; may be called twice.

        What is in the spool stays there for the next start. To drain it, close the loader first.
        """
        self._committer.close()
        with self._writing:
            self._writer.seal()
            self._publish()
            if not self._is_closed:
                self._is_closed = True
                # The next start would take what a failed commit left behind for acknowledged.
                for segment in self._sealed:
                    with contextlib.suppress(SpoolWriteError):
                        self._cut(segment)
                os.close(self._lock_file)
        with self._changed:
            self._changed.notify()

    # The loader's side

    def take(self, expanded_bytes_max: int, timeout_s: float) -> list[Segment]:
        """
        Return the oldest sealed segments, which stay in the spool; the same ones again until they are deleted.

        Args:
            expanded_bytes_max: bound of their sum; the first one is returned even if it is larger.
            timeout_s: how long to wait for one; the newest segment is sealed when it reaches its age.

        Returns:
            Segments in order of sequence; empty after `timeout_s`, or at once when the spool is closed and empty.

        Raises:
            SpoolWriteError: retryable; a file cannot be cut to its acknowledged length.
        """
        deadline_s = self._clock() + timeout_s
        while True:
            self._seal_due()
            with self._changed:
                wait_s = min(deadline_s, self._due_at_s) - self._clock()
                if self._sealed or self._is_closed or deadline_s <= self._clock():
                    taken = self._oldest(expanded_bytes_max)
                    break
                self._changed.wait(max(0.0, wait_s))
        for segment in taken:
            self._cut(segment)
        return taken

    def delete_through(self, sequence: int) -> None:
        """Delete the sealed segments up to `sequence`, which are loaded."""
        deleted = []
        with self._changed:
            while self._sealed and self._sealed[0].sequence <= sequence:
                deleted.append(self._sealed.popleft())
            self._used_bytes -= sum(segment.size_bytes for segment in deleted)
            self._record_count -= sum(segment.record_count for segment in deleted)
        for segment in deleted:
            try:
                segment.path.unlink(missing_ok=True)
            except OSError as error:
                logger.warning("cannot delete %s, deleted at the next start: %s", segment.path.name, error.strerror)

    def put_right(self, sequence: int) -> None:
        """Set aside what cannot be read in a sealed segment; the whole envelopes before it stay."""
        with self._changed:
            before = next(segment for segment in self._sealed if segment.sequence == sequence)
        name = SegmentName.parse(before.path.name)
        assert name, "a sealed segment has a segment's name"
        after = put_right(self._settings.folder, name, self._disk, record_count=before.record_count)
        with self._changed:
            index = self._sealed.index(before)
            del self._sealed[index]
            if after:
                self._sealed.insert(index, after)
            self._used_bytes -= before.size_bytes - (after.size_bytes if after else 0)
            self._record_count -= before.record_count - (after.record_count if after else 0)

    def adopt(self, path: Path) -> None:
        """
        Move a file of one or more envelopes back into the spool; they are not received again.

        One rename: the file is either where it was or in the spool, at any instant.

        Raises:
            SpoolFullError: retryable.
            SpoolWriteError, ShuttingDownError: retryable; the file is where it was.
        """
        extent = measure(path.read_bytes())
        self._admit(extent.size_bytes)
        with self._writing:
            if self._is_closed:
                raise ShuttingDownError("the service is shutting down: retry later")
            try:
                self._writer.adopt(path, extent)
            except OSError as error:
                self._publish(waited_bytes=extent.size_bytes)
                raise SpoolWriteError(
                    f"cannot move {path.name} into the spool: {error.strerror}: retry later"
                ) from error
            self._publish(extent.size_bytes, extent.record_count, waited_bytes=extent.size_bytes)

    # What telemetry and the accounting read

    @property
    def used_bytes(self) -> int:
        """Bytes of all segments, the newest included."""
        return self._used_bytes

    @property
    def bytes_max(self) -> int:
        """Bound of `used_bytes` and of what waits."""
        return self._settings.bytes_max

    @property
    def record_count(self) -> int:
        """Records in all segments: durable and not deleted."""
        return self._record_count

    @property
    def received_records(self) -> int:
        """Records made durable in the whole life of this folder."""
        return self._writer.received_records

    @property
    def oldest_received_at_ns(self) -> int | None:
        """Time of receipt of the oldest envelope, ns since the epoch; None when empty."""
        with self._changed:
            return self._sealed[0].oldest_received_at_ns if self._sealed else self._writer.oldest_received_at_ns

    @property
    def sequences(self) -> frozenset[int]:
        """Numbers of the sealed segments."""
        with self._changed:
            return frozenset(segment.sequence for segment in self._sealed)

    def counts(self) -> tuple[int, int]:
        """Return (received_records, record_count) of one instant."""
        with self._writing, self._changed:
            return self._writer.received_records, self._record_count

    def _submit(
        self, envelope: Envelope, data: bytes, waiter: asyncio.Future[None] | concurrent.futures.Future[None]
    ) -> None:
        self._admit(len(data))
        self._committer.submit(Append(envelope, data, waiter))

    def _admit(self, size_bytes: int) -> None:
        # What waits counts too: it is memory now and disk in a moment.
        with self._changed:
            taken_bytes = self._used_bytes + self._waiting_bytes
            if taken_bytes + size_bytes > self._settings.bytes_max:
                raise SpoolFullError(taken_bytes, self._settings.bytes_max)
            self._waiting_bytes += size_bytes

    def _commit(self, appends: Sequence[Append]) -> None:
        size_bytes = sum(len(append.data) for append in appends)
        with self._writing:
            try:
                self._writer.commit(appends)
            except Exception:
                self._publish(waited_bytes=size_bytes)
                raise
            self._publish(size_bytes, sum(append.envelope.record_count for append in appends), waited_bytes=size_bytes)

    def _seal_due(self) -> None:
        if self._clock() >= self._due_at_s:
            with self._writing:
                if self._clock() >= self._due_at_s:
                    self._writer.seal()
                    self._publish()

    def _publish(self, added_bytes: int = 0, added_records: int = 0, *, waited_bytes: int = 0) -> None:
        # Counted and offered at one instant: a segment cannot be deleted before it was counted.
        with self._changed:
            self._used_bytes += added_bytes
            self._record_count += added_records
            self._waiting_bytes -= waited_bytes
            due_at_s, sealed = self._writer.due_at_s, self._writer.sealed
            if sealed or due_at_s != self._due_at_s:
                self._changed.notify()  # a waiting `take` looks again; not at every commit
            self._due_at_s = due_at_s
            self._sealed.extend(sealed)
            sealed.clear()

    def _oldest(self, expanded_bytes_max: int) -> list[Segment]:
        taken: list[Segment] = []
        expanded_bytes = 0
        for segment in self._sealed:
            expanded_bytes += segment.expanded_bytes
            is_over = expanded_bytes > expanded_bytes_max or len(taken) == self._settings.taken_segments_max
            if taken and is_over:
                break
            taken.append(segment)
        return taken

    def _cut(self, segment: Segment) -> None:
        # A failed commit whose bytes could not be cut off: nobody reads them, ClickHouse least of all.
        try:
            if segment.path.stat().st_size > segment.size_bytes:
                self._disk.truncate(segment.path, segment.size_bytes)
        except OSError as error:
            raise SpoolWriteError(f"cannot cut {segment.path.name} to its length: {error.strerror}") from error
