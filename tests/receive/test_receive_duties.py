"""The duties of an OTLP receiver over both transports, each over real sockets (OTLP specification, 1.9)."""

from __future__ import annotations

import gzip
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from receiving import JSON, PROTOBUF, receiving, small, status_in, text_of

from argus_otel.demo.recordings import NAMES, requests
from argus_otel.envelope import DEFAULT_WORKSPACE, Signal
from argus_otel.errors import ShuttingDownError, SpoolFullError, SpoolWriteError

if TYPE_CHECKING:
    from receiving import Receiving

RESOURCE_EXHAUSTED, INVALID_ARGUMENT = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT

RECORDS_BY_NAME = {
    "default": {Signal.LOGS: 132, Signal.TRACES: 43, Signal.METRICS: 31},
    "content-on": {Signal.LOGS: 132, Signal.TRACES: 43, Signal.METRICS: 31},
    "resume": {Signal.LOGS: 104, Signal.TRACES: 21, Signal.METRICS: 16},
}
"""Lines `log_records {`, `spans {` and `data_points {` in protobuf's text form of the recordings."""


def counted(receiver: Receiving) -> dict[Signal, int]:
    counts = dict.fromkeys((Signal.LOGS, Signal.TRACES, Signal.METRICS), 0)
    for envelope in receiver.accepted:
        counts[envelope.signal] += envelope.record_count
    return counts


@pytest.mark.parametrize("name", NAMES)
def test_recorded_requests_arrive_whole_over_grpc(receiver: Receiving, name: str) -> None:
    for signal, body in requests(name):
        assert receiver.export(body, signal.name.lower()) == b"", "full success leaves partial_success unset"
    assert [(envelope.signal, envelope.request) for envelope in receiver.accepted] == requests(name)
    assert counted(receiver) == RECORDS_BY_NAME[name]


@pytest.mark.parametrize("name", NAMES)
def test_recorded_requests_arrive_whole_over_http(receiver: Receiving, name: str) -> None:
    for signal, body in requests(name):
        status, headers, answer = receiver.post(f"/v1/{signal.name.lower()}", body)
        assert (status, headers["content-type"], answer) == (200, PROTOBUF, b"")
    assert [(envelope.signal, envelope.request) for envelope in receiver.accepted] == requests(name)
    assert counted(receiver) == RECORDS_BY_NAME[name]


def test_recorded_json_means_what_its_protobuf_means(receiver: Receiving) -> None:
    """The `resume` recording is OTLP-JSON as the SDK sends it: 64-bit integers as numbers, hex ids."""
    folder = resources.files("argus_otel.demo").joinpath("recordings", "resume")
    files = sorted((file for file in folder.iterdir() if file.name[:4].isdigit()), key=lambda file: file.name)
    for file in files:
        signal = file.name[5:].partition(".")[0]
        status, headers, answer = receiver.post(f"/v1/{signal}", file.read_bytes(), JSON)
        assert (status, headers["content-type"], json.loads(answer)) == (200, JSON, {})
    assert [(envelope.signal, envelope.request) for envelope in receiver.accepted] == requests("resume")


def test_the_sdk_exporters_of_all_signals_are_acknowledged(receiver: Receiving) -> None:
    target: dict[str, Any] = {"endpoint": f"http://{receiver.endpoints.grpc}", "insecure": True}
    logs = LoggerProvider()
    logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(**target)))
    logs.get_logger("test").emit(body="hello")
    traces = TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(**target)))
    traces.get_tracer("test").start_span("hello").end()
    metrics = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(**target))])
    metrics.get_meter("test").create_counter("hello").add(1)
    assert metrics.force_flush()
    for provider in (logs, traces, metrics):
        provider.shutdown()
    assert [envelope.signal for envelope in receiver.accepted][:3] == [Signal.LOGS, Signal.TRACES, Signal.METRICS]
    assert all(b"hello" in envelope.request for envelope in receiver.accepted)


def test_an_envelope_says_when_and_for_whom() -> None:
    with receiving(clock_ns=lambda: 1_795_390_195_175_000_001) as state:
        state.export(small())
        state.post("/v1/logs", small())
    assert {(envelope.received_at_ns, envelope.workspace) for envelope in state.accepted} == {
        (1_795_390_195_175_000_001, DEFAULT_WORKSPACE)
    }


@pytest.mark.parametrize("body", [b"", b"\x0a\x00", b"\x0a\x04\x12\x02\x0a\x00"])
def test_a_request_without_records_succeeds_and_writes_nothing(receiver: Receiving, body: bytes) -> None:
    """Nothing; a resource without scopes; a scope without records."""
    assert receiver.export(body) == b""
    assert receiver.post("/v1/logs", body)[::2] == (200, b"")
    assert receiver.post("/v1/logs", b"{}", JSON)[::2] == (200, b"{}")
    assert receiver.accepted == []


def test_an_acknowledgement_waits_for_the_spool(receiver: Receiving) -> None:
    receiver.gate.clear()
    with grpc.insecure_channel(receiver.endpoints.grpc) as channel:
        method = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
        call = channel.unary_unary(method).future(small(), timeout=30)
        assert receiver.arrived.wait(30)
        assert not call.done()
        receiver.gate.set()
        assert call.result() == b""
    assert len(receiver.accepted) == 1


def test_gzip_in_one_or_more_members_and_in_chunks(receiver: Receiving) -> None:
    body = small("a" * 10_000)
    members = gzip.compress(body[:99]) + gzip.compress(b"") + gzip.compress(body[99:])
    for sent in (gzip.compress(body), members):
        assert receiver.post("/v1/logs", sent, headers={"Content-Encoding": "gzip"})[0] == 200
        pieces = (sent[at : at + 1] for at in range(len(sent)))
        assert receiver.post("/v1/logs", pieces, headers={"Content-Encoding": "GZIP"})[0] == 200
    assert receiver.export(body, compression=grpc.Compression.Gzip) == b""
    assert [envelope.request for envelope in receiver.accepted] == [body] * 5


def test_a_body_of_almost_the_limit_is_accepted(receiver: Receiving) -> None:
    text = "é" * ((1 << 19) - 50)
    receiver.export(small(text))
    receiver.post("/v1/logs", small(text))
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": text}}]}]}]}
    receiver.post("/v1/logs", json.dumps(document, ensure_ascii=False).encode(), JSON)
    assert [text_of(envelope) for envelope in receiver.accepted] == [text] * 3


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON, "application/json; charset=utf-8"])
@pytest.mark.parametrize(
    ("sent", "headers", "status", "code"),
    [
        (b"\xff\xff\xff", {}, 400, INVALID_ARGUMENT),
        (small("\ue000").replace("\ue000".encode(), b"\xff\xfe\xfd"), {}, 400, INVALID_ARGUMENT),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400, INVALID_ARGUMENT),
        (gzip.compress(small())[:-9], {"Content-Encoding": "gzip"}, 400, INVALID_ARGUMENT),
        (gzip.compress(small())[:-8] + b"\0" * 8, {"Content-Encoding": "gzip"}, 400, INVALID_ARGUMENT),
        (gzip.compress(small()) + b"tail", {"Content-Encoding": "gzip"}, 400, INVALID_ARGUMENT),
        (small(), {"Content-Encoding": "br"}, 415, INVALID_ARGUMENT),
        (b"x" * ((1 << 20) + 1), {}, 413, RESOURCE_EXHAUSTED),
        (gzip.compress(b"\0" * (8 << 20)), {"Content-Encoding": "gzip"}, 413, RESOURCE_EXHAUSTED),
    ],
    ids=["malformed", "not-utf-8", "no-gzip", "cut-off", "wrong-checksum", "tail", "br", "large", "large-inflated"],
)
def test_bad_requests_are_refused_in_their_own_encoding(
    receiver: Receiving, content_type: str, sent: bytes, headers: dict[str, str], status: int, code: grpc.StatusCode
) -> None:
    got, got_headers, body = receiver.post("/v1/logs", sent, content_type, headers)
    plain_type = content_type.partition(";")[0]
    assert (got, got_headers["content-type"]) == (status, plain_type)
    assert "retry-after" not in got_headers
    parsed = status_in(body, plain_type)
    assert (parsed.code, bool(parsed.message)) == (code.value[0], True)
    assert receiver.accepted == []


def test_a_chunked_body_over_the_limit_is_refused(receiver: Receiving) -> None:
    assert receiver.post("/v1/logs", (b"x" * 65_536 for _ in range(17)))[0] == 413


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
@pytest.mark.parametrize("size_bytes", [1 << 20, 3 << 20])
def test_grpc_refuses_large_bodies_for_good(receiver: Receiving, size_bytes: int, compression: Any) -> None:
    """Just above the limit, where the message is ours, and far above, where gRPC stops reading."""
    assert receiver.answered(small("x" * size_bytes), compression=compression) == (RESOURCE_EXHAUSTED, False)


@pytest.mark.parametrize("signal", ["logs", "traces", "metrics"])
def test_grpc_refuses_malformed_bodies_for_good(receiver: Receiving, signal: str) -> None:
    assert receiver.answered(b"\xff\xff\xff", signal) == (INVALID_ARGUMENT, False)


@pytest.mark.parametrize(
    "error", [SpoolFullError(9, 9), SpoolWriteError("disk full"), ShuttingDownError("draining"), OSError("surprise")]
)
def test_trouble_that_may_pass_is_retryable_and_never_500(receiver: Receiving, error: Exception) -> None:
    receiver.error = error
    assert receiver.answered(small()) == (grpc.StatusCode.UNAVAILABLE, True)
    for content_type, body in ((PROTOBUF, small()), (JSON, JSON_REQUEST)):
        status, headers, answer = receiver.post("/v1/logs", body, content_type)
        assert (status, headers["retry-after"], headers["content-type"]) == (503, "1", content_type)
        assert status_in(answer, content_type).code == grpc.StatusCode.UNAVAILABLE.value[0]
    receiver.error = None
    assert receiver.export(small()) == b"", "the same request succeeds once the trouble has passed"


JSON_REQUEST = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": 9}]}]}]}).encode()


def test_the_text_of_an_unexpected_error_goes_nowhere(receiver: Receiving, caplog: pytest.LogCaptureFixture) -> None:
    """It may quote content; the log has the error's class and place."""
    receiver.error = ValueError("what somebody wrote")
    body = receiver.post("/v1/logs", small())[2]
    receiver.answered(small())
    assert "somebody" not in status_in(body, PROTOBUF).message + caplog.text
    assert "unexpected ValueError in logs over http at http_listener.py:" in caplog.text


def test_wrong_paths_methods_and_types(receiver: Receiving) -> None:
    assert receiver.post("/v1/profiles", small())[0] == 404
    assert receiver.post("/v1/logs", None, method="GET")[0] == 405
    status, headers, _ = receiver.post("/v1/logs", small(), "text/plain")
    assert (status, headers["content-type"]) == (415, PROTOBUF)
    with pytest.raises(grpc.RpcError) as caught, grpc.insecure_channel(receiver.endpoints.grpc) as channel:
        channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Import")(small())
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_what_was_received_and_refused_is_counted(receiver: Receiving) -> None:
    body = small()
    sums = (
        ("argus_otel_received_records_total", {"signal": "logs"}, 1),
        ("argus_otel_received_bytes_total", {"signal": "logs"}, len(body)),
        ("argus_otel_acknowledge_duration_seconds_count", {"signal": "logs"}, 1),
        ("argus_otel_refused_requests_total", {"signal": "logs", "reason": "malformed_body"}, 1),
    )
    for transport in ("http", "grpc"):
        before = [receiver.counted(metric, transport=transport, **labels) for metric, labels, _ in sums]
        if transport == "http":
            receiver.post("/v1/logs", body)
            receiver.post("/v1/logs", b"\xff\xff\xff")
        else:
            receiver.export(body)
            receiver.answered(b"\xff\xff\xff")
        after = [receiver.counted(metric, transport=transport, **labels) for metric, labels, _ in sums]
        assert [one - other for one, other in zip(after, before, strict=True)] == [grown for _, _, grown in sums]
