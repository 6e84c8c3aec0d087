"""
Which files of a folder hold a text, looked at byte by byte: as they are, and where ClickHouse compressed them, unpacked.

A compressed file is a sequence of frames: 16 bytes of checksum, the method, the size of what follows with this header of
9 bytes, the size unpacked, what follows. Source: ClickHouse, src/Compression/CompressionInfo.h.
"""

from __future__ import annotations

import struct
import sys
from typing import TYPE_CHECKING

import lz4.block

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd  # comes with clickhouse-connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_CHECKSUM_BYTES = 16
_HEADER = struct.Struct("<BII")
_LZ4, _ZSTD, _NONE, _MULTIPLE = 0x82, 0x90, 0x02, 0x91


def files_with(folder: Path, texts: Iterable[str]) -> dict[str, list[str]]:
    """Return for each text the files below `folder` that hold it, and for a file that holds none, nothing."""
    wanted = {text: text.encode() for text in texts}
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        try:
            data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        except FileNotFoundError:
            continue  # merged away, or erased, in the meantime
        for text in _which(data, wanted):
            found.setdefault(text, []).append(str(path.relative_to(folder)))
    return found


def _which(data: bytes, wanted: dict[str, bytes]) -> list[str]:
    unpacked = b"".join(_frames(data))
    return [text for text, needle in wanted.items() if needle in data or needle in unpacked]


def _frames(data: bytes) -> Iterator[bytes]:
    """Yield the frames of a compressed file, unpacked; of any other file nothing."""
    at = 0
    while at + _CHECKSUM_BYTES + _HEADER.size <= len(data):
        start = at + _CHECKSUM_BYTES
        method, size, unpacked_size = _HEADER.unpack_from(data, start)
        if method not in (_LZ4, _ZSTD, _NONE, _MULTIPLE) or size < _HEADER.size or start + size > len(data):
            return
        packed = data[start + _HEADER.size : start + size]
        if method == _LZ4:
            yield lz4.block.decompress(packed, uncompressed_size=unpacked_size)
        elif method == _ZSTD:
            yield zstd.decompress(packed)
        elif method == _NONE:
            yield packed
        # Several codecs in a row are for numbers and times.
        at = start + size
