"""
What was loaded, on disk: two slots that are written in turn, in place.

    <data_dir>/load/ledger          slot 0 │ slot 1      each 512 bytes: one line of JSON, then its CRC-32, then blanks

A slot is one disk sector, and a torn write leaves the other slot. In place, because a full disk must not stop the
ledger: only after it is written may segments be deleted, and deleting them is what frees the disk.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

_SLOT_BYTES = 512


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The state after one load; counts are of the whole life of the data folder."""

    version: int = 1
    generation: int = 0
    loaded_through: int = 0
    """Segments up to this sequence are done with."""
    received_records: int = 0
    """Records received through that segment: an empty spool does not know it."""
    loaded_records: int = 0
    expired_records: int = 0
    """Records of dead letters that are gone for their age, or for want of room."""
    expired_through: tuple[int, int] = (0, -1)
    """Dead letters up to this (sequence, offset) are counted in `expired_records`."""


class Ledger:
    """
    Reads the newest entry when opened; written by one thread only. A missing file is an empty ledger.

    A damaged one is set aside and begun anew: everything loads, and the accounting shows what is missing.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        data = os.pread(self._file, 2 * _SLOT_BYTES, 0)
        entries = [entry for at in (0, _SLOT_BYTES) if (entry := _decode(data[at : at + _SLOT_BYTES]))]
        if data.strip() and not entries:
            path.with_name(path.name + ".damaged").write_bytes(data)
            logger.error("ledger is damaged, kept as %s.damaged and begun anew", path.name)
        self.entry = max(entries, key=lambda entry: entry.generation, default=LedgerEntry())
        if len(data) < 2 * _SLOT_BYTES:
            os.pwrite(self._file, b" " * (2 * _SLOT_BYTES - len(data)), len(data))
            os.fsync(self._file)

    def write(self, entry: LedgerEntry) -> None:
        """
        Make `entry` the ledger's entry, durably; its generation is set here.

        Raises:
            OSError: the entry before is still the ledger's.
        """
        entry = dataclasses.replace(entry, generation=self.entry.generation + 1)
        os.pwrite(self._file, _encode(entry), entry.generation % 2 * _SLOT_BYTES)
        os.fsync(self._file)
        self.entry = entry

    def close(self) -> None:
        """Give up the file."""
        os.close(self._file)


def _encode(entry: LedgerEntry) -> bytes:
    line = json.dumps(dataclasses.asdict(entry), separators=(",", ":")).encode()
    slot = b"%s %08x\n" % (line, zlib.crc32(line))
    assert len(slot) <= _SLOT_BYTES, "the counts of one entry fit into a slot"
    return slot.ljust(_SLOT_BYTES)


def _decode(slot: bytes) -> LedgerEntry | None:
    line, _, checksum = slot.strip().rpartition(b" ")
    if not line or checksum != b"%08x" % zlib.crc32(line):
        return None
    fields = json.loads(line)
    return LedgerEntry(**{**fields, "expired_through": tuple(fields["expired_through"])})
