"""
The first question of clickhouse-go over HTTP, which is Grafana's way -> its answer.

The client names the newest protocol it knows (`client_protocol_version`), reads this one answer as a block of that protocol
and everything after it as blocks of the `revision()` that it is told here. The engine, having no such connection, writes
Native as of no revision at all; so that is what it is told: 0.

Source: clickhouse-go 2.40 and later, conn_http.go, queryHello; ClickHouse, src/Formats/NativeWriter.cpp.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argus_otel.serve.query import Query

DISPLAY_NAME = "argus-otel"

_QUESTION = re.compile(r"SELECT\s+displayName\(\),\s*version\(\),\s*revision\(\),\s*timezone\(\)", re.IGNORECASE)
_COLUMNS = ("displayName()", "version()", "revision()", "timezone()")
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
"""Neither an overflow nor of a bucket."""
_CUSTOM_SERIALIZATION_SINCE = 54454
_NO_REVISION = 0


def is_handshake(query: Query) -> bool:
    """Return whether a query is that first question."""
    return (
        query.protocol_version > 0
        and query.format.lower() == "native"
        and _QUESTION.fullmatch(query.sql.strip().rstrip(";").rstrip()) is not None
    )


def handshake(protocol_version: int, version: str, timezone: str) -> bytes:
    """Return the answer: one block with one row, in the given version of the protocol."""
    values = (_text(DISPLAY_NAME), _text(version), struct.pack("<I", _NO_REVISION), _text(timezone))
    types = ("String", "String", "UInt32", "String")
    is_custom = b"\x00" if protocol_version >= _CUSTOM_SERIALIZATION_SINCE else b""
    columns = (
        _text(name) + _text(kind) + is_custom + value for name, kind, value in zip(_COLUMNS, types, values, strict=True)
    )
    return _BLOCK_INFO + bytes((len(_COLUMNS), 1)) + b"".join(columns)


def _text(value: str) -> bytes:
    data = value.encode()
    assert len(data) < 128, "its length is one byte"
    return bytes((len(data),)) + data
