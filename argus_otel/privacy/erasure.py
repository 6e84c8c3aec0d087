"""
What asks for a session to be forgotten -> a control envelope, as durable as data and loaded before it.

The message is `Control` of schema/otlp.proto, which ClickHouse reads; it holds ids and times, never content.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from argus_otel.envelope import Envelope, Signal

Source = Literal["hook", "native", "command"]

SESSION_ID_BYTES_MAX = 4096
"""A session of a longer id cannot be made private; Claude Code's have 36."""

_TAG_SESSION_ID, _TAG_SOURCE, _TAG_ASKED_BY, _TAG_ASKED_AT = 0x0A, 0x12, 0x1A, 0x21


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """One session to be forgotten: who asked, by what way, and when (ns since the epoch)."""

    session_id: str
    source: Source
    asked_by: str
    asked_at_ns: int

    def envelope(self, workspace: str, received_at_ns: int) -> Envelope:
        """Return it as an envelope of one record."""
        message = b"".join(
            (
                _text(_TAG_SESSION_ID, self.session_id),
                _text(_TAG_SOURCE, self.source),
                _text(_TAG_ASKED_BY, self.asked_by),
                struct.pack("<BQ", _TAG_ASKED_AT, self.asked_at_ns),
            )
        )
        return Envelope(Signal.CONTROL, workspace, received_at_ns, 1, len(message), message)


def _text(tag: int, text: str) -> bytes:
    data = text.encode()
    assert len(data) < 1 << 14, "a varint of two bytes says how long it is; the door lets in no longer ids"
    return bytes((tag, len(data) & 0x7F | 0x80, len(data) >> 7)) + data
