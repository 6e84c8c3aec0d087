"""The duties of an OTLP receiver (OTLP specification; section 7 of the facts), each over a real socket."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from receiving import EXPORT, SERVICES, Receiving, receiving

from argus_otel.demo.recordings import NAMES, requests
from argus_otel.envelope import Signal
from argus_otel.errors import ConfigError, SpoolFullError, SpoolWriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROTOBUF, JSON = "application/x-protobuf", "application/json"


def small(text: str = "x") -> bytes:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add().body.string_value = text
    return request.SerializeToString()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiving]:
    with receiving(body_bytes_max=1 << 20, expanded_bytes_max=4 << 20) as state:
        yield state


@pytest.fixture(autouse=True)
def _forget(receiver: Receiving) -> None:
    receiver.accepted.clear()
    receiver.error = None


def export(receiver: Receiving, body: bytes, signal: str = "logs", **options: Any) -> bytes:
    assert receiver.endpoints is not None
    with grpc.insecure_channel(receiver.endpoints.grpc) as channel:
        answer: bytes = channel.unary_unary(EXPORT.format(SERVICES[signal]))(body, timeout=30, **options)
    return answer


def refused(receiver: Receiving, body: bytes) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        export(receiver, body)
    return caught.value


def has_retry_info(error: Any) -> bool:
    details = dict(error.trailing_metadata()).get("grpc-status-details-bin")
    if details is None:
        return False
    return any(detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for detail in status_pb2.Status.FromString(details).details)


def status_in(body: bytes, content_type: str) -> status_pb2.Status:
    if content_type == JSON:
        return json_format.Parse(body, status_pb2.Status())
    return status_pb2.Status.FromString(body)


@pytest.mark.parametrize("name", NAMES)
def test_recorded_requests_arrive_whole_over_both_transports(receiver: Receiving, name: str) -> None:
    for signal, body in requests(name):
        assert export(receiver, body, signal.name.lower()) == b"", "full success leaves everything unset"
        status, headers, answer = receiver.post(f"/v1/{signal.name.lower()}", body)
        assert (status, headers["content-type"], answer) == (200, PROTOBUF, b"")
    sent = [body for _, body in requests(name) for _ in range(2)]
    assert [envelope.request for envelope in receiver.accepted] == sent, "the sender's own bytes"


def test_records_are_counted_by_kind(receiver: Receiving) -> None:
    """The counts of the `default` recording: 132 log records, 49 spans and 27 points, counted by protobuf's own text."""
    expected = {Signal.LOGS: 0, Signal.TRACES: 0, Signal.METRICS: 0}
    for signal, body in requests("default"):
        receiver.post(f"/v1/{signal.name.lower()}", body)
        expected[signal] += _counted(signal, body)
    counted = dict.fromkeys(expected, 0)
    for envelope in receiver.accepted:
        counted[envelope.signal] += envelope.record_count
    assert counted == expected


def _counted(signal: Signal, body: bytes) -> int:
    from argus_otel.receive.signals import SIGNALS

    spec = next(spec for spec in SIGNALS if spec.signal is signal)
    text = str(spec.request().FromString(body))
    return text.count({Signal.LOGS: "log_records {", Signal.TRACES: " spans {", Signal.METRICS: "data_points {"}[signal])


def test_a_real_sdk_exporter_is_acknowledged(receiver: Receiving) -> None:
    assert receiver.endpoints is not None
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"http://{receiver.endpoints.grpc}", insecure=True)))
    provider.get_logger("test").emit(body="hello")
    provider.shutdown()
    [envelope] = receiver.accepted
    assert ExportLogsServiceRequest.FromString(envelope.request).resource_logs[0].scope_logs[0].log_records[0].body.string_value == "hello"


def test_an_empty_request_succeeds_and_writes_nothing(receiver: Receiving) -> None:
    assert export(receiver, b"") == b""
    assert receiver.post("/v1/logs", b"")[0] == 200
    assert receiver.post("/v1/logs", b"{}", JSON)[::2] == (200, b"{}")
    assert receiver.accepted == []


def test_json_means_what_protobuf_means(receiver: Receiving) -> None:
    record: dict[str, Any] = {
        "timeUnixNano": "1795390195175000000",
        "observedTimeUnixNano": 1795390195175000000,
        "traceId": "4FB536793BC9BAC525714f6c59183857",
        "spanId": "da176c1d2ac1ba53",
        "attributes": [{"key": "n", "value": {"intValue": 7}}, {"key": "m", "value": {"intValue": "8"}}],
        "fromTheFuture": {"x": [1]},
    }
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    assert receiver.post("/v1/logs", json.dumps(document).encode(), "application/json; charset=utf-8")[0] == 200
    parsed = ExportLogsServiceRequest.FromString(receiver.accepted[0].request).resource_logs[0].scope_logs[0].log_records[0]
    assert parsed.time_unix_nano == parsed.observed_time_unix_nano == 1795390195175000000
    assert (parsed.trace_id.hex(), parsed.span_id.hex()) == ("4fb536793bc9bac525714f6c59183857", "da176c1d2ac1ba53")
    assert [pair.value.int_value for pair in parsed.attributes] == [7, 8]


def test_gzip_in_one_or_more_members_and_in_chunks(receiver: Receiving) -> None:
    body = small("a" * 10_000)
    halves = gzip.compress(body[:99]) + gzip.compress(body[99:])
    for sent in (gzip.compress(body), halves):
        assert receiver.post("/v1/logs", sent, headers={"Content-Encoding": "gzip"})[0] == 200
        pieces = (sent[at : at + 7] for at in range(0, len(sent), 7))
        assert receiver.post("/v1/logs", pieces, headers={"Content-Encoding": "gzip"})[0] == 200
    assert export(receiver, body, compression=grpc.Compression.Gzip) == b""
    assert [envelope.request for envelope in receiver.accepted] == [body] * 5


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
@pytest.mark.parametrize(
    ("sent", "headers", "status", "code"),
    [
        (b"\xff\xff\xff", {}, 400, grpc.StatusCode.INVALID_ARGUMENT),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400, grpc.StatusCode.INVALID_ARGUMENT),
        (gzip.compress(small())[:-9], {"Content-Encoding": "gzip"}, 400, grpc.StatusCode.INVALID_ARGUMENT),
        (gzip.compress(small()) + b"tail", {"Content-Encoding": "gzip"}, 400, grpc.StatusCode.INVALID_ARGUMENT),
        (small(), {"Content-Encoding": "br"}, 415, grpc.StatusCode.INVALID_ARGUMENT),
        (b"x" * ((1 << 20) + 1), {}, 413, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (gzip.compress(b"\0" * (8 << 20)), {"Content-Encoding": "gzip"}, 413, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_bad_requests_are_refused_in_their_own_encoding(receiver: Receiving, content_type: str, sent: bytes, headers: dict[str, str], status: int, code: grpc.StatusCode) -> None:
    got, got_headers, body = receiver.post("/v1/logs", sent, content_type, headers)
    assert (got, got_headers["content-type"]) == (status, content_type)
    assert "retry-after" not in got_headers
    parsed = status_in(body, content_type)
    assert (parsed.code, bool(parsed.message)) == (code.value[0], True)
    assert receiver.accepted == []


@pytest.mark.parametrize("document", ["[]", "1", '{"resourceLogs": 1}', '{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "xyz"}]}]}]}', "[" * 5000])
def test_json_that_is_no_request_is_malformed(receiver: Receiving, document: str) -> None:
    assert receiver.post("/v1/logs", document.encode(), JSON)[0] == 400


def test_grpc_says_what_a_sender_may_do(receiver: Receiving) -> None:
    malformed = refused(receiver, b"\xff\xff\xff")
    assert (malformed.code(), has_retry_info(malformed)) == (grpc.StatusCode.INVALID_ARGUMENT, False)
    for size in ((1 << 20) + 1, 3 << 20):
        large = refused(receiver, small("x" * size))
        assert (large.code(), has_retry_info(large)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, False)


@pytest.mark.parametrize("error", [SpoolFullError(9, 9), SpoolWriteError("disk full"), OSError("surprise")])
def test_trouble_that_may_pass_is_retryable_and_never_500(receiver: Receiving, error: Exception) -> None:
    receiver.error = error
    unavailable = refused(receiver, small())
    assert (unavailable.code(), has_retry_info(unavailable)) == (grpc.StatusCode.UNAVAILABLE, True)
    status, headers, body = receiver.post("/v1/logs", small())
    assert (status, headers["retry-after"]) == (503, "1")
    assert "surprise" not in status_in(body, PROTOBUF).message, "the text of an unexpected error may hold content"


def test_few_bytes_that_become_many_rows_are_refused(receiver: Receiving) -> None:
    """Ten thousand records that share a resource of 64 KiB are 640 MiB of rows."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.add(key="k").value.string_value = "v" * 65_536
    scope_logs = resource_logs.scope_logs.add()
    for _ in range(10_000):
        scope_logs.log_records.add(severity_number=1)
    body = request.SerializeToString()
    assert len(body) < 1 << 20
    bomb = refused(receiver, body)
    assert (bomb.code(), has_retry_info(bomb)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, False)
    assert receiver.post("/v1/logs", body)[0] == 413


def test_wrong_paths_and_methods(receiver: Receiving) -> None:
    assert receiver.post("/v1/profiles", small())[0] == 404
    assert receiver.post("/v1/logs", None, method="GET")[0] == 405
    assert receiver.post("/v1/logs", small(), "text/plain")[0] == 415


def test_health_is_serving(receiver: Receiving) -> None:
    assert receiver.endpoints is not None
    with grpc.insecure_channel(receiver.endpoints.grpc) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", "opentelemetry.proto.collector.logs.v1.LogsService"):
            assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == health_pb2.HealthCheckResponse.SERVING


def test_the_refusals_are_counted_by_reason(receiver: Receiving) -> None:
    receiver.post("/v1/logs", b"\xff\xff\xff")
    text = receiver.metrics.prometheus().decode()
    assert 'reason="malformed_body"' in text


def test_a_token_is_required_where_one_is_set() -> None:
    with receiving(token="secret-token") as state:
        assert state.endpoints is not None
        assert state.post("/v1/logs", small())[0] == 401
        assert state.post("/v1/logs", small(), headers={"Authorization": "Bearer wrong"})[0] == 401
        assert state.post("/v1/logs", small(), headers={"Authorization": "Bearer secret-token"})[0] == 200
        with grpc.insecure_channel(state.endpoints.grpc) as channel:
            call = channel.unary_unary(EXPORT.format(SERVICES["logs"]))
            with pytest.raises(grpc.RpcError) as caught:
                call(small(), metadata=(("authorization", "Bearer nope"),))
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
            assert call(small(), metadata=(("authorization", "Bearer secret-token"),)) == b""
        assert len(state.accepted) == 2


def test_tls_on_both_listeners(tmp_path: Path) -> None:
    import ssl
    import urllib.request

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("the openssl command is not installed")
    with receiving(tls_certificate=certificate, tls_key=key) as state:
        assert state.endpoints is not None
        context = ssl.create_default_context(cafile=str(certificate))
        request = urllib.request.Request(f"https://{state.endpoints.http}/v1/logs", small(), {"Content-Type": PROTOBUF})
        with urllib.request.urlopen(request, context=context) as response:
            assert response.status == 200
        with grpc.secure_channel(state.endpoints.grpc, grpc.ssl_channel_credentials(certificate.read_bytes())) as channel:
            assert channel.unary_unary(EXPORT.format(SERVICES["logs"]))(small()) == b""


def test_an_address_that_is_taken_is_a_configuration_error(receiver: Receiving) -> None:
    assert receiver.endpoints is not None
    for settings in ({"http_address": receiver.endpoints.http}, {"grpc_address": receiver.endpoints.grpc}):
        with pytest.raises(ConfigError, match="cannot listen on"), receiving(**settings):
            pass


def test_a_gzip_bomb_is_never_inflated_past_the_limit() -> None:
    """1 GiB of zeros in 1 MB; the process may not grow by more than its limit and some."""
    script = """
import resource, sys, zlib
sys.path.insert(0, sys.argv[1])
from receiving import receiving
packer = zlib.compressobj(9, zlib.DEFLATED, 31)
bomb = b"".join([packer.compress(bytes(1 << 20)) for _ in range(1024)] + [packer.flush()])
with receiving(body_bytes_max=8 << 20) as state:
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(3):
        assert state.post("/v1/logs", bomb, headers={"Content-Encoding": "gzip"})[0] == 413
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib)
"""
    from pathlib import Path

    done = subprocess.run([sys.executable, "-c", script, str(Path(__file__).parent)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 64 << 10
