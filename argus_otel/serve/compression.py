"""
ClickHouse's native block compression, as clients ask for it with `compress=1` or send it with `decompress=1`.

    ┌────────────────────┬────────┬─────────────────┬───────────────────┬──────────┐
    │ CityHash128 of the │ method │ compressed size │ uncompressed size │ LZ4      │   sizes: little-endian uint32; the
    │ rest, two u64      │ 0x82   │ + 9             │                   │ block    │   first counts the 9 bytes of header
    └────────────────────┴────────┴─────────────────┴───────────────────┴──────────┘

Source: ClickHouse, src/Compression/CompressionInfo.h; CityHash 1.0.2, which no later version is compatible with.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import lz4.block
from clickhouse_cityhash.cityhash import CityHash128

from argus_otel.serve.exceptions import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BLOCK_BYTES = 1 << 20
_HEADER = struct.Struct("<BII")
_CHECKSUM = struct.Struct("<QQ")
_LZ4 = 0x82
_BLOCK_BYTES_MAX = 64 << 20


def compress_blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield each chunk as compressed blocks of at most 1 MiB."""
    for chunk in chunks:
        for at in range(0, len(chunk), _BLOCK_BYTES):
            data = chunk[at : at + _BLOCK_BYTES]
            packed = lz4.block.compress(data, store_size=False)
            block = _HEADER.pack(_LZ4, len(packed) + _HEADER.size, len(data)) + packed
            yield _checksum(block) + block


def decompress_blocks(data: bytes) -> bytes:
    """
    Return what `compress_blocks` was given.

    Raises:
        QueryError: 271 for a method other than LZ4, 40 for a wrong checksum, 3 for data that is cut off.
    """
    out, at = [], 0
    while at < len(data):
        block_at = at + 16
        if len(data) < block_at + _HEADER.size:
            raise QueryError(3, "compressed block is cut off", "UNEXPECTED_END_OF_FILE")
        method, packed_bytes, plain_bytes = _HEADER.unpack_from(data, block_at)
        block = data[block_at : block_at + packed_bytes]
        if method != _LZ4 or plain_bytes > _BLOCK_BYTES_MAX:
            raise QueryError(271, "only LZ4 blocks are understood", "CANNOT_DECOMPRESS")
        if _checksum(block) != data[at:block_at]:
            raise QueryError(40, "checksum does not match", "CHECKSUM_DOESNT_MATCH")
        out.append(lz4.block.decompress(block[_HEADER.size :], uncompressed_size=plain_bytes))
        at = block_at + packed_bytes
    return b"".join(out)


def _checksum(block: bytes) -> bytes:
    """The hash's halves, the first one first; the library has it on top of its number."""
    first, second = divmod(CityHash128(block), 1 << 64)
    return _CHECKSUM.pack(first, second)
