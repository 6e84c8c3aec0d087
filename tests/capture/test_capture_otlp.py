"""The request is one that OTLP's own classes read, with every value in its type."""

from __future__ import annotations

import base64
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from argus_otel import __version__
from argus_otel.capture.otlp import Span, encode, export_request
from argus_otel.capture.replay import replay

DOCUMENT = Path(__file__).parents[2] / "docs" / "semantic-conventions.md"


def parse(body: bytes) -> ExportTraceServiceRequest:
    """Read OTLP-JSON with protobuf's own JSON reader, which has ids in base64 where OTLP has hex."""

    def ids_in_base64(fields: dict[str, Any]) -> dict[str, Any]:
        for name in ("traceId", "spanId", "parentSpanId"):
            if name in fields:
                fields[name] = base64.b64encode(bytes.fromhex(fields[name])).decode()
        return fields

    message = json.loads(body, object_hook=ids_in_base64)
    return json_format.ParseDict(message, ExportTraceServiceRequest())


@pytest.mark.parametrize("name", ["default", "content-on", "resume"])
def test_a_recorded_session_reads_back_span_for_span(name: str) -> None:
    lines = (resources.files("argus_otel") / "demo" / "recordings" / name / "hooks.jsonl").read_bytes().splitlines()
    spans = replay(lines)
    (resource_spans,) = parse(encode(spans)).resource_spans
    (scope_spans,) = resource_spans.scope_spans
    assert len(scope_spans.spans) == len(spans)
    for read, span in zip(scope_spans.spans, spans, strict=True):
        assert (read.trace_id.hex(), read.span_id.hex()) == (span.trace_id, span.span_id)
        assert (read.parent_span_id.hex(), read.name, read.kind) == (
            span.parent_span_id,
            span.name,
            read.SPAN_KIND_INTERNAL,
        )
        assert (read.start_time_unix_nano, read.end_time_unix_nano) == (span.start_ns, span.end_ns)
        values = {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in read.attributes}
        assert values == dict(span.attributes)


def test_resource_and_scope_are_told_from_the_native_leg_by_name() -> None:
    (resource_spans,) = parse(encode([])).resource_spans
    resource = {pair.key: pair.value.string_value for pair in resource_spans.resource.attributes}
    assert resource == {"service.name": "argus-otel-capture", "service.version": __version__}
    (scope_spans,) = resource_spans.scope_spans
    assert (scope_spans.scope.name, scope_spans.scope.version) == ("argus_otel.capture", __version__)


def test_each_value_has_its_type_on_the_wire() -> None:
    span = Span("0" * 31 + "1", "0" * 15 + "1", "", "x", 1, 2, {"text": "é", "whole": 2**60, "yes": True, "no": False})
    (encoded,) = export_request([span])["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [pair["value"] for pair in encoded["attributes"]] == [
        {"stringValue": "é"},
        {"intValue": str(2**60)},
        {"boolValue": True},
        {"boolValue": False},
    ]
    assert "parentSpanId" not in encoded


def test_half_a_surrogate_pair_in_a_name_does_not_lose_the_request() -> None:
    (resource_spans,) = parse(encode([Span("0" * 32, "0" * 16, "", "x", 1, 1, {"agent_id": "\ud800"})])).resource_spans
    (span,) = resource_spans.scope_spans[0].spans
    assert span.attributes[0].value.string_value == "?"


def test_every_attribute_that_is_sent_is_in_the_conventions() -> None:
    package = resources.files("argus_otel.capture")
    sources = [file.read_text() for file in package.iterdir() if file.name.endswith(".py")]
    sent = {name for text in sources for name in re.findall(r'"((?:argus|gen_ai)\.[a-z_.0-9]+)"', text)}
    documented = DOCUMENT.read_text().replace("`argus.skill.*`", "")
    assert {name for name in sent if f"`{name}`" not in documented} == set()
    assert len(sent) > 30
