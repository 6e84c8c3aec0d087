"""
One request's bytes -> an envelope, or the reason why not. No record is looked at; upb parses, lists are counted.

A protobuf request travels on as the sender's own bytes. A JSON request is translated: OTLP's JSON has hex trace and
span ids where protobuf's JSON mapping has base64 (OTLP specification, "JSON Protobuf Encoding"); unknown fields are
ignored, 64-bit integers may be strings or numbers.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from argus_otel.envelope import Envelope
from argus_otel.errors import ExpansionTooLargeError, MalformedBodyError
from argus_otel.receive.signals import SIGNALS

if TYPE_CHECKING:
    from argus_otel.receive.signals import SignalSpec

_HEX_IDS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})
_JSON_DEPTH_MAX = 100
"""As upb has for protobuf; deeper is no telemetry."""


def envelope_of_protobuf(
    spec: SignalSpec, body: bytes, workspace: str, received_at_ns: int, expanded_bytes_max: int
) -> Envelope | None:
    """
    Return the envelope of a protobuf request; None for one without records.

    Raises:
        MalformedBodyError: permanent; not this message.
        ExpansionTooLargeError: permanent; see DESIGN 3.
    """
    request = spec.request()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise MalformedBodyError(f"body is no {request.DESCRIPTOR.name}: send OTLP as protobuf") from error
    return _envelope(spec, request, body, workspace, received_at_ns, expanded_bytes_max)


def envelope_of_json(
    spec: SignalSpec, body: bytes, workspace: str, received_at_ns: int, expanded_bytes_max: int
) -> Envelope | None:
    """As `envelope_of_protobuf`, for OTLP's JSON."""
    request = spec.request()
    try:
        document = json.loads(body)
        if not isinstance(document, dict):
            raise MalformedBodyError("body is no JSON object: send OTLP as JSON")
        _ids_to_base64(document, 0)
        json_format.ParseDict(document, request, ignore_unknown_fields=True)
    except (ValueError, json_format.ParseError, RecursionError) as error:
        raise MalformedBodyError(f"body is no {request.DESCRIPTOR.name}: send OTLP as JSON") from error
    return _envelope(spec, request, request.SerializeToString(), workspace, received_at_ns, expanded_bytes_max)


def request_as_document(envelope: Envelope) -> Any:
    """Return an envelope's request as protobuf's JSON document, for people; ids are base64."""
    spec = next(spec for spec in SIGNALS if spec.signal is envelope.signal)
    request = spec.request()
    try:
        request.ParseFromString(envelope.request)
    except DecodeError:
        return "the request cannot be parsed"
    return json_format.MessageToDict(request)


def _envelope(
    spec: SignalSpec, request: Any, body: bytes, workspace: str, received_at_ns: int, expanded_bytes_max: int
) -> Envelope | None:
    record_count, expanded_bytes = 0, len(body)
    for resource in spec.resources(request):
        resource_bytes = resource.resource.ByteSize()
        for scope in spec.scopes(resource):
            count = spec.count(scope)
            record_count += count
            expanded_bytes += count * (resource_bytes + scope.scope.ByteSize())
    if expanded_bytes > expanded_bytes_max:
        raise ExpansionTooLargeError(expanded_bytes, expanded_bytes_max)
    if record_count == 0:
        return None
    return Envelope(spec.signal, workspace, received_at_ns, record_count, expanded_bytes, body)


def _ids_to_base64(node: Any, depth: int) -> None:
    if depth > _JSON_DEPTH_MAX:
        raise MalformedBodyError(f"body nests deeper than {_JSON_DEPTH_MAX} levels")
    if isinstance(node, list):
        for item in node:
            _ids_to_base64(item, depth + 1)
    elif isinstance(node, dict):
        for key, item in node.items():
            if key in _HEX_IDS and isinstance(item, str):
                node[key] = _hex_to_base64(key, item)
            else:
                _ids_to_base64(item, depth + 1)


def _hex_to_base64(key: str, text: str) -> str:
    try:
        return base64.b64encode(binascii.unhexlify(text)).decode()
    except ValueError as error:
        raise MalformedBodyError(f"{key} is not hexadecimal: OTLP's JSON has hex ids") from error
