"""
One request's bytes -> an envelope, or the reason why not. No record is looked at: upb parses, lists are counted.

A protobuf request travels on as the sender's own bytes. A JSON request is translated: OTLP's JSON has hex trace and
span ids where protobuf's JSON mapping has base64 (OTLP specification, "JSON Protobuf Encoding"); unknown fields are
ignored, 64-bit integers may be strings or numbers. What upb lets through and ClickHouse refuses (a known field of
another wire type, a group, a bool above 1) is not looked for, which would double the cost: the loader sets it aside.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from argus_otel.envelope import Envelope
from argus_otel.errors import ExpansionTooLargeError, MalformedBodyError
from argus_otel.receive.signals import SIGNALS

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

    from argus_otel.receive.signals import SignalSpec

RECORD_BYTES = 1024
"""What a record costs in the tables and their making even if it is empty: two bytes on the wire."""

_ID_FIELDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_COMMON_PACKAGE = "opentelemetry.proto.common.v1"
"""Attributes and values: recursive, and without ids."""

_TAG_OF_RECORDS = b"\x12"
"""Before each record, span or metric of a scope; elsewhere too, so its count is a bound from above."""
_PARSED_TIMES_MAX = 8
"""A parsed record is a hundred times an empty one on the wire, so obvious floods are not even parsed. Far above what text
and numbers hold of that byte."""

_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
"""An escape of JSON; the group is half of a surrogate pair alone."""


def envelope_of_protobuf(
    spec: SignalSpec, body: bytes, workspace: str, received_at_ns: int, expanded_bytes_max: int
) -> Envelope | None:
    """
    Return the envelope of a protobuf request; None for one without records.

    Raises:
        MalformedBodyError: permanent; not this message.
        ExpansionTooLargeError: permanent; few bytes that would become more than `expanded_bytes_max` in the tables.
    """
    if body.count(_TAG_OF_RECORDS) * RECORD_BYTES > _PARSED_TIMES_MAX * expanded_bytes_max:
        raise ExpansionTooLargeError(body.count(_TAG_OF_RECORDS) * RECORD_BYTES, expanded_bytes_max)
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
        document = _json_object(body.decode())
        _ids_to_base64(document, _id_places(request.DESCRIPTOR))
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
        resource_bytes = resource.resource.ByteSize() + len(resource.schema_url.encode())
        for scope in spec.scopes(resource):
            count, repeated_bytes = spec.weigh(scope)
            scope_bytes = scope.scope.ByteSize() + len(scope.schema_url.encode())
            record_count += count
            expanded_bytes += count * (RECORD_BYTES + resource_bytes + scope_bytes) + repeated_bytes
    if expanded_bytes > expanded_bytes_max:
        raise ExpansionTooLargeError(expanded_bytes, expanded_bytes_max)
    if record_count == 0:
        return None
    return Envelope(spec.signal, workspace, received_at_ns, record_count, expanded_bytes, body)


def _json_object(text: str) -> dict[str, Any]:
    if r"\ud" in text or r"\uD" in text:
        # JavaScript cuts text between the halves of a pair; one such character must not cost the batch.
        text = _ESCAPE.sub(lambda escape: r"\ufffd" if escape[1] else escape[0], text)
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("no object")  # noqa: TRY004 - the caller catches what json raises
    return document


@cache
def _id_places(message: Descriptor) -> dict[str, Any]:
    """Return where a message's JSON has ids: name -> None for an id, or the places inside the message it names."""
    places: dict[str, Any] = {}
    for field in message.fields:
        inner = field.message_type
        if field.name in _ID_FIELDS:
            places[field.name] = places[field.json_name] = None
        elif inner is not None and inner.file.package != _COMMON_PACKAGE and (inside := _id_places(inner)):
            places[field.name] = places[field.json_name] = inside
    return places


def _ids_to_base64(node: Any, places: dict[str, Any]) -> None:
    """Rewrite the ids in place; what the schema does not know is not looked at."""
    if isinstance(node, list):
        for item in node:
            _ids_to_base64(item, places)
    elif isinstance(node, dict):
        for name in places.keys() & node.keys():
            if places[name] is not None:
                _ids_to_base64(node[name], places[name])
            elif isinstance(node[name], str):
                node[name] = base64.b64encode(binascii.unhexlify(node[name])).decode()
