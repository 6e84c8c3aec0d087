"""
The folder as a crash left it in, sealed segments and the accounting's numbers out.

A torn tail was never acknowledged and is dropped. Bytes that should be readable and are not are set aside in a
`*.damaged` file for a person to look at; every whole envelope before them is kept. Neither stops the start.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from argus_otel.envelope import TornEnvelopeError, decode_all
from argus_otel.spool.segment import DAMAGED_SUFFIX, Extent, SegmentName

if TYPE_CHECKING:
    from pathlib import Path

    from argus_otel.spool.disk import Disk
    from argus_otel.spool.segment import Segment

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found: segments in order of sequence, the highest number in use, records ever received."""

    segments: tuple[Segment, ...]
    sequence: int
    received_records: int


def recover(folder: Path, disk: Disk, *, loaded_through: int, received_records: int) -> Recovered:
    """
    Put the folder right and return what it holds.

    Args:
        loaded_through: files up to this sequence are loaded and deleted here.
        received_records: as known when that sequence was loaded; an empty folder still knows it.
    """
    names = sorted(name for path in folder.iterdir() if (name := SegmentName.parse(path.name)))
    sequence = max([loaded_through, *(name.sequence for name in names)])
    for name in names:
        if name.sequence <= loaded_through:
            (folder / str(name)).unlink()
    names = [name for name in names if name.sequence > loaded_through]
    found = [
        put_right(folder, name, disk, record_count=_records_until(name, following))
        for name, following in zip_longest(names, names[1:])
    ]
    segments = tuple(segment for segment in found if segment)
    # Of a removed last file its name still counts.
    received = [received_records, *(name.received_before for name in names), *(s.received_through for s in segments)]
    return Recovered(segments, sequence, max(received))


def put_right(folder: Path, name: SegmentName, disk: Disk, *, record_count: int | None = None) -> Segment | None:
    """
    Cut a segment's file to its whole, acknowledged envelopes; remove it if there are none.

    Args:
        record_count: the acknowledged records in it, if known; else unfinished bytes at its end count as torn.

    Returns:
        The sealed segment, or None if nothing in it is whole.
    """
    path = folder / str(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        logger.error("cannot read %s, set aside whole: %s", name, error.strerror)  # noqa: TRY400 - the trace says no more
        path.rename(folder / f"{name}@0{DAMAGED_SUFFIX}")
        return None
    extent = measure(data, record_count)
    rest = data[extent.size_bytes :]
    if rest and _is_damaged(name, extent, rest, record_count):
        _set_aside(folder / f"{name}@{extent.size_bytes}{DAMAGED_SUFFIX}", rest, disk)
    elif rest:
        logger.warning("dropped %d bytes at the end of %s that were never acknowledged", len(rest), name)
    if extent.size_bytes == 0:
        path.unlink()
        return None
    if rest:
        disk.truncate(path, extent.size_bytes)
    return extent.segment(folder, name)


def measure(data: bytes, record_count_max: int | None = None) -> Extent:
    """Add up the whole envelopes at the beginning of `data`, up to the one that would exceed `record_count_max`."""
    extent = Extent()
    try:
        for start, end, envelope in decode_all(data):
            if record_count_max is not None and extent.record_count + envelope.record_count > record_count_max:
                break
            extent.add(end - start, envelope)
    except TornEnvelopeError:
        pass  # the extent ends where the last whole one did
    return extent


def _records_until(name: SegmentName, following: SegmentName | None) -> int | None:
    if following is None or name.is_retried:
        return None
    return following.received_before - name.received_before


def _is_damaged(name: SegmentName, extent: Extent, rest: bytes, record_count: int | None) -> bool:
    if record_count is not None:
        return extent.record_count < record_count
    # A retried file came here whole, by a rename; only the newest file can have been cut off while it was written.
    return name.is_retried or not _is_unfinished(rest)


def _is_unfinished(rest: bytes) -> bool:
    """Whether a write was cut off: it ends before its own length, or its space was given but never filled."""
    if not any(rest):
        return True
    length = 0
    for index, byte in enumerate(rest[:10]):
        length |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return index + 1 + length > len(rest)
    return len(rest) < 10


def _set_aside(path: Path, rest: bytes, disk: Disk) -> None:
    logger.error(
        "%d damaged bytes set aside in %s: their records are missing from the accounting", len(rest), path.name
    )
    path.unlink(missing_ok=True)
    file = disk.create(path)
    with open(file, "wb") as out:  # noqa: PTH123 - a descriptor has no path
        out.write(rest)
        out.flush()
        disk.sync(out.fileno())
