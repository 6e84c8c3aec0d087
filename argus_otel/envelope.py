"""
One accepted request, as it travels from the receiver through the spool into ClickHouse.

An envelope on disk is one length-delimited protobuf message, `Envelope` of schema/otlp.proto, written by hand around
the request's own bytes, which are never decoded again in Python:

    ┌────────┬───────────────┬──────────────────────────── header ───────────────────────────┬─────────────────────┐
    │ varint │ 1: workspace  │ 2: received_at_ns  3: record_count  4: expanded_bytes  5: crc32 │ 10|11|12: request   │
    │ length │ string        │ fixed64            fixed64          fixed64            fixed32  │ logs|traces|metrics │
    └────────┴───────────────┴───────────────────────────────────────────────────────────────┴─────────────────────┘

A control (field 6) asks something of argus-otel itself; it is as durable as data, and loaded before the data of its batch.

A sequence of them is ClickHouse's `Protobuf` input format. The checksum (zlib.crc32 of the request's bytes) is read by
recovery only; ClickHouse skips fields that the landing table does not name.
"""

from __future__ import annotations

import enum
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_WORKSPACE = "default"


class Signal(enum.Enum):
    """What an envelope holds, a signal of OTLP or a control, and the field of `Envelope` that holds it; loaded in this order."""

    CONTROL = 6
    LOGS = 10
    TRACES = 11
    METRICS = 12


@dataclass(frozen=True, slots=True)
class Envelope:
    """
    One accepted request with what the loader must know about it.

    `request` is a serialized Export{Logs,Trace,Metrics}ServiceRequest, or a Control; `record_count` counts log records,
    spans or data points; `expanded_bytes` bounds what the request becomes in the tables (resource and scope repeated per record).
    """

    signal: Signal
    workspace: str
    received_at_ns: int
    record_count: int
    expanded_bytes: int
    request: bytes

    def __repr__(self) -> str:
        # The request is somebody's content: never in a log.
        return f"Envelope({self.signal.name}, {self.record_count} records, {len(self.request)} bytes)"


class TornEnvelopeError(Exception):
    """Bytes that are not a whole envelope; `offset` is where the last whole one ended."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"no whole envelope at byte {offset}: {reason}")
        self.offset = offset


_HEADER = struct.Struct("<BQBQBQBI")
_TAG_WORKSPACE = 0x0A
_TAG_RECEIVED_AT, _TAG_RECORD_COUNT, _TAG_EXPANDED, _TAG_CRC = 0x11, 0x19, 0x21, 0x2D
_WIRE_TYPE_BYTES = 2


def encode(envelope: Envelope) -> bytes:
    """Return the envelope as one length-delimited protobuf message."""
    workspace = envelope.workspace.encode()
    request = envelope.request
    head = b"".join(
        (
            bytes((_TAG_WORKSPACE,)),
            _varint(len(workspace)),
            workspace,
            _HEADER.pack(
                _TAG_RECEIVED_AT,
                envelope.received_at_ns,
                _TAG_RECORD_COUNT,
                envelope.record_count,
                _TAG_EXPANDED,
                envelope.expanded_bytes,
                _TAG_CRC,
                zlib.crc32(request),
            ),
            _varint(envelope.signal.value << 3 | _WIRE_TYPE_BYTES),
            _varint(len(request)),
        )
    )
    return b"".join((_varint(len(head) + len(request)), head, request))


def decode_all(data: bytes) -> Iterator[tuple[int, int, Envelope]]:
    """
    Yield (start, end, envelope) for each whole envelope in `data`, in order.

    Raises:
        TornEnvelopeError: at the first bytes that are not one; everything yielded before is whole.
    """
    start = 0
    while start < len(data):
        try:
            length, body = _read_varint(data, start)
            end = body + length
            if end > len(data):
                raise ValueError("it ends before its length")
            envelope = _decode_one(data[body:end])
        except (ValueError, IndexError, struct.error) as error:
            raise TornEnvelopeError(start, str(error)) from error
        yield start, end, envelope
        start = end


def _decode_one(message: bytes) -> Envelope:
    if not message or message[0] != _TAG_WORKSPACE:
        raise ValueError("it does not begin with a workspace")
    length, at = _read_varint(message, 1)
    workspace = message[at : at + length].decode()
    at += length
    tag_a, received_at_ns, tag_b, record_count, tag_c, expanded_bytes, tag_d, crc = _HEADER.unpack_from(message, at)
    if (tag_a, tag_b, tag_c, tag_d) != (_TAG_RECEIVED_AT, _TAG_RECORD_COUNT, _TAG_EXPANDED, _TAG_CRC):
        raise ValueError("its header has other fields")
    tag, at = _read_varint(message, at + _HEADER.size)
    length, at = _read_varint(message, at)
    request = message[at:]
    if len(request) != length or zlib.crc32(request) != crc:
        raise ValueError("its checksum does not match")
    return Envelope(Signal(tag >> 3), workspace, received_at_ns, record_count, expanded_bytes, request)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a varint is longer than ten bytes")
