"""The two encodings of OTLP, by content type. Source: OTLP specification, "OTLP/HTTP"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf import json_format

from argus_otel.receive.validate import envelope_of_json, envelope_of_protobuf

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from argus_otel.envelope import Envelope
    from argus_otel.receive.signals import SignalSpec


@dataclass(frozen=True, slots=True)
class Encoding:
    """How requests are read and responses are written."""

    content_type: str
    validate: Callable[[SignalSpec, bytes, str, int, int], Envelope | None]
    encode: Callable[[Message], bytes]
    inline_bytes_max: int
    """Larger bodies are validated in a thread, so that nobody small waits behind them: about a millisecond's worth."""


PROTOBUF = Encoding(
    "application/x-protobuf",
    envelope_of_protobuf,
    lambda message: message.SerializeToString(),
    inline_bytes_max=256 << 10,
)
JSON = Encoding(
    "application/json",
    envelope_of_json,
    lambda message: json_format.MessageToJson(message, indent=None).encode(),
    inline_bytes_max=4 << 10,
)
BY_CONTENT_TYPE = {encoding.content_type: encoding for encoding in (PROTOBUF, JSON)}
