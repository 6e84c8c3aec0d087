"""OTLP's JSON means what its protobuf means, and nothing that arrives is answered with anything but a mapped status."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from receiving import JSON, METHODS, PROTOBUF, Receiving, text_of

from argus_otel.envelope import Signal
from argus_otel.errors import MalformedBodyError
from argus_otel.receive.signals import SIGNALS
from argus_otel.receive.validate import envelope_of_json, request_as_document

if TYPE_CHECKING:
    from argus_otel.envelope import Envelope

TRACES = next(spec for spec in SIGNALS if spec.signal is Signal.TRACES)
LOGS = next(spec for spec in SIGNALS if spec.signal is Signal.LOGS)


def logs_in_json(document: Any) -> Envelope | None:
    return envelope_of_json(
        LOGS, document if isinstance(document, bytes) else json.dumps(document).encode(), "w", 1, 1 << 30
    )


def log_in_json(record: dict[str, Any]) -> Any:
    envelope = logs_in_json({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})
    assert envelope is not None
    request = LOGS.request()
    request.ParseFromString(envelope.request)
    return request.resource_logs[0].scope_logs[0].log_records[0]


def test_ids_are_hex_of_any_case_and_integers_strings_or_numbers() -> None:
    record = log_in_json(
        {
            "timeUnixNano": "1795390195175000000",
            "observedTimeUnixNano": 1795390195175000000,
            "traceId": "4FB536793BC9BAC525714f6c59183857",
            "spanId": "da176c1d2ac1ba53",
            "severityNumber": 9,
            "attributes": [{"key": "n", "value": {"intValue": 7}}, {"key": "m", "value": {"intValue": "-8"}}],
        }
    )
    assert record.time_unix_nano == record.observed_time_unix_nano == 1795390195175000000
    assert (record.trace_id.hex(), record.span_id.hex()) == ("4fb536793bc9bac525714f6c59183857", "da176c1d2ac1ba53")
    assert [pair.value.int_value for pair in record.attributes] == [7, -8]
    assert record.severity_number == 9


def test_unknown_fields_are_ignored_whatever_they_hold() -> None:
    future = {"traceId": "no hex", "x": [{"spanId": 5}]}
    record = log_in_json(
        {"severityText": "INFO", "fromTheFuture": future, "body": {"stringValue": "b", "traceId": "?"}}
    )
    assert (record.severity_text, record.body.string_value) == ("INFO", "b")


def test_half_a_surrogate_pair_costs_one_character_and_not_the_batch(receiver: Receiving) -> None:
    """JavaScript writes what it cut from a string as an escape of one half, which UTF-8 cannot hold."""
    texts = {
        r"cut \ud83d": "cut �",
        r"\uDE00 cut": "� cut",
        r"whole \ud83d\ude00": "whole 😀",
        r"swapped \ude00\ud83d": "swapped ��",
        r"half, then whole \ud83d\ud83d\ude00": "half, then whole �😀",
        r"no escape \\ud83d": r"no escape \ud83d",
    }
    for escaped in texts:
        document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "TEXT"}}]}]}]}
        body = json.dumps(document).replace("TEXT", escaped)
        assert receiver.post("/v1/logs", body.encode(), JSON)[0] == 200
    assert [text_of(envelope) for envelope in receiver.accepted] == list(texts.values())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"1",
        b"nul",
        b'{"resourceLogs": 1}',
        b'{"resourceLogs": [null]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "xyz"}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "abc"}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"doubleValue": NaN}}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "\xff"}}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": -1}]}]}]}',
        b"[" * 50_000,
        b'{"resourceLogs": ' * 50_000,
    ],
)
def test_json_that_is_no_request_is_malformed(receiver: Receiving, body: bytes) -> None:
    assert receiver.post("/v1/logs", body, JSON)[0] == 400


def test_values_nested_deeper_than_protobuf_allows_are_malformed(receiver: Receiving) -> None:
    value: Any = {"stringValue": "x"}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": value}]}]}]}
    assert receiver.post("/v1/logs", json.dumps(document).encode(), JSON)[0] == 400


def test_a_request_can_be_shown_as_a_document() -> None:
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityText": "INFO"}]}]}]}
    envelope = logs_in_json(document)
    assert envelope is not None
    assert request_as_document(envelope) == document


text = st.text(max_size=5)
scalars = st.one_of(
    text.map(lambda value: AnyValue(string_value=value)),
    st.booleans().map(lambda value: AnyValue(bool_value=value)),
    st.integers(-(1 << 63), (1 << 63) - 1).map(lambda value: AnyValue(int_value=value)),
    st.floats(allow_nan=False).map(lambda value: AnyValue(double_value=value)),
    st.binary(max_size=5).map(lambda value: AnyValue(bytes_value=value)),
    st.just(AnyValue()),
)


def pairs(values: st.SearchStrategy[AnyValue]) -> st.SearchStrategy[list[KeyValue]]:
    return st.lists(st.builds(lambda key, value: KeyValue(key=key, value=value), text, values), max_size=3)


values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: AnyValue(array_value=ArrayValue(values=items)))
        | pairs(inner).map(lambda items: AnyValue(kvlist_value=KeyValueList(values=items)))
    ),
    max_leaves=5,
)
ids = {"trace_id": st.binary(min_size=16, max_size=16), "span_id": st.binary(min_size=8, max_size=8)}
times = st.integers(0, (1 << 64) - 1)
links = st.lists(st.builds(Span.Link, **ids, attributes=pairs(values)), max_size=2)
spans = st.lists(
    st.builds(
        Span,
        **ids,
        parent_span_id=st.just(b"") | ids["span_id"],
        name=text,
        kind=st.integers(0, 5),
        start_time_unix_nano=times,
        end_time_unix_nano=times,
        attributes=pairs(values),
        links=links,
    ),
    min_size=1,
    max_size=3,
)


def as_otlp_json(node: Any, is_upper: bool, are_numbers: bool) -> Any:
    """Return protobuf's JSON document as OTLP writes it: ids in hex, 64-bit integers as strings or numbers."""
    if isinstance(node, list):
        return [as_otlp_json(item, is_upper, are_numbers) for item in node]
    if not isinstance(node, dict):
        return node
    written = {}
    for name, value in node.items():
        if name in ("traceId", "spanId", "parentSpanId"):
            digits = base64.b64decode(value).hex()
            written[name] = digits.upper() if is_upper else digits
        elif are_numbers and name in ("intValue", "startTimeUnixNano", "endTimeUnixNano"):
            written[name] = int(value)
        else:
            written[name] = as_otlp_json(value, is_upper, are_numbers)
    return written


@settings(max_examples=100, deadline=None)
@given(spans=spans, is_upper=st.booleans(), are_numbers=st.booleans())
def test_a_message_is_the_same_from_json_as_from_protobuf(spans: list[Span], is_upper: bool, are_numbers: bool) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend(spans)
    document = json_format.MessageToDict(request, use_integers_for_enums=True)
    body = json.dumps(as_otlp_json(document, is_upper, are_numbers)).encode()
    envelope = envelope_of_json(TRACES, body, "w", 1, 1 << 30)
    assert envelope is not None
    assert ExportTraceServiceRequest.FromString(envelope.request) == request
    assert envelope.record_count == len(spans)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text | st.sampled_from(["1", "NaN", "\ud800", "1e999"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=4,
)


@st.composite
def almost_requests(draw: st.DrawFn) -> tuple[Any, Any]:
    """A signal, and a document of its schema with something in it that may not belong there."""
    spec = draw(st.sampled_from(SIGNALS))
    path, message = [], spec.request.DESCRIPTOR  # type: ignore[attr-defined] # a generated class
    while message is not None and draw(st.integers(0, 7)):
        one = draw(st.sampled_from(list(message.fields)))
        path.append(one)
        message = one.message_type
    document = draw(JUNK)
    for one in reversed(path):
        document = {one.json_name: [document] if one.is_repeated and draw(st.integers(0, 7)) else document}
    return spec, document


@settings(max_examples=300, deadline=None)
@given(almost=almost_requests())
def test_almost_a_request_is_a_request_or_malformed(almost: tuple[Any, Any]) -> None:
    spec, document = almost
    with suppress(MalformedBodyError):
        envelope_of_json(spec, json.dumps(document).encode(), "w", 1, 1 << 30)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    signal=st.sampled_from(sorted(METHODS)),
    body=st.binary(max_size=200) | text.map(str.encode) | JUNK.map(lambda junk: json.dumps(junk).encode()),
    content_type=st.sampled_from([PROTOBUF, JSON, "text/plain", ""]),
    coding=st.sampled_from(["", "gzip", "deflate"]),
)
def test_no_body_gets_an_answer_that_otlp_does_not_know(
    receiver: Receiving, signal: str, body: bytes, content_type: str, coding: str
) -> None:
    status, _, _ = receiver.post(f"/v1/{signal}", body, content_type, {"Content-Encoding": coding})
    assert status in {200, 400, 415}
    assert receiver.answered(body, signal)[0] in {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
