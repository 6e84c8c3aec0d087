"""What a hostile or unlucky sender cannot do: fill the memory, wait for ever, or be read before it is known."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from receiving import JSON, METHODS, has_retry_info, receiving, small, status_in

if TYPE_CHECKING:
    from receiving import Receiving

LOGS = METHODS["logs"]
RESOURCE_EXHAUSTED, UNAVAILABLE = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE


def logs_bomb() -> bytes:
    """Ten thousand records that share a resource of 64 KiB: 640 MiB of rows."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.add(key="k").value.string_value = "v" * 65_536
    scope_logs = resource_logs.scope_logs.add()
    for _ in range(10_000):
        scope_logs.log_records.add(severity_number=1)
    return request.SerializeToString()


def metrics_bomb() -> bytes:
    """Ten thousand points of one metric whose description has 64 KiB."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m", description="d" * 65_536)
    for _ in range(10_000):
        metric.sum.data_points.add(as_int=1)
    return request.SerializeToString()


@pytest.mark.parametrize(
    ("signal", "body"), [("logs", logs_bomb()), ("metrics", metrics_bomb())], ids=["logs", "metrics"]
)
def test_few_bytes_that_become_many_rows_are_refused(receiver: Receiving, signal: str, body: bytes) -> None:
    assert len(body) < 1 << 20
    assert receiver.answered(body, signal) == (RESOURCE_EXHAUSTED, False)
    assert receiver.post(f"/v1/{signal}", body)[0] == 413
    assert receiver.accepted == []


def test_expanded_bytes_are_the_sum_over_records(receiver: Receiving) -> None:
    """Two records: each costs 1 KiB and has the resource of 7 bytes (key, 2; value, 5) and the scope of 3 beside it."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add(schema_url="u")
    resource_logs.resource.attributes.add(key="").value.string_value = "abc"
    scope_logs = resource_logs.scope_logs.add(schema_url="uu")
    scope_logs.scope.name = "s"
    scope_logs.log_records.add()
    scope_logs.log_records.add()
    body = request.SerializeToString()
    receiver.export(body)
    resource_bytes, scope_bytes = len(resource_logs.resource.SerializeToString()), len(b"\x0a\x01s")
    beside_bytes = 1024 + resource_bytes + scope_bytes + len("u") + len("uu")
    assert receiver.accepted[0].expanded_bytes == len(body) + 2 * beside_bytes


@pytest.mark.parametrize("count", [20_000, 500_000], ids=["counted", "not even parsed"])
def test_a_flood_of_empty_records_is_refused(receiver: Receiving, count: int) -> None:
    """Two bytes each on the wire, and a row each in the tables."""
    records = b"\x12\x00" * count
    scope = b"\x12" + _length(len(records)) + records
    status, _, body = receiver.post("/v1/logs", b"\x0a" + _length(len(scope)) + scope)
    assert status == 413
    assert b"expands to" in body
    assert not receiver.accepted


def _length(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


BOMB = """
import resource, sys, threading, zlib
sys.path[:0] = sys.argv[1:]
from receiving import receiving
packer = zlib.compressobj(9, zlib.DEFLATED, 31)
bomb = b"".join([packer.compress(bytes(1 << 20)) for _ in range(1024)] + [packer.flush()])
with receiving(body_bytes_max=8 << 20, held_bytes_max=8 << 20) as state:
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for content_type in ("application/x-protobuf", "application/json"):
        assert state.post("/v1/logs", bomb, content_type, {"Content-Encoding": "gzip"})[0] == 413
    print(state.endpoints.grpc, flush=True)
    sys.stdin.readline()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib)
"""


def test_a_gzip_bomb_is_never_inflated_past_the_limit() -> None:
    """1 GiB over HTTP and 256 MiB over gRPC, as 1 MB and less; the process may not grow by more than 64 MiB."""
    here = Path(__file__).parent
    command = [sys.executable, "-c", BOMB, str(here), str(here.parents[1])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        options = [("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(address, options) as channel, pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(LOGS)(bytes(256 << 20), timeout=60, compression=grpc.Compression.Gzip)
        assert (caught.value.code(), has_retry_info(caught.value)) == (RESOURCE_EXHAUSTED, False)
        grown_kib, _ = process.communicate("done\n", timeout=60)
    assert int(grown_kib) < 64 << 10


def test_a_token_is_required_where_one_is_set() -> None:
    with receiving(token="secret-token") as state:
        for wrong in ("", "Bearer wrong", "Bearer", "secret-token", "Basic secret-token", "Bearer secret-token2"):
            status, headers, body = state.post("/v1/logs", b"{}", JSON, {"Authorization": wrong})
            assert (status, headers["www-authenticate"], headers["content-type"]) == (401, "Bearer", JSON)
            assert status_in(body, JSON).code == grpc.StatusCode.UNAUTHENTICATED.value[0]
            metadata = (("authorization", wrong),)
            assert state.answered(small(), metadata=metadata) == (grpc.StatusCode.UNAUTHENTICATED, False)
        assert state.answered(small()) == (grpc.StatusCode.UNAUTHENTICATED, False)
        assert state.post("/v1/logs", small())[0] == 401
        assert state.post("/v1/logs", small(), headers={"Authorization": "Bearer secret-token"})[0] == 200
        assert state.export(small(), metadata=(("authorization", "bearer secret-token"),)) == b""
        assert len(state.accepted) == 2


def never_sent(release: threading.Event) -> Any:
    release.wait()
    yield from ()


def test_the_token_is_checked_before_the_body_is_read() -> None:
    """The sender is refused although it has not sent a byte of its body."""
    release = threading.Event()
    with receiving(token="secret-token") as state, grpc.insecure_channel(state.endpoints.grpc) as channel:
        connection = http.client.HTTPConnection(state.endpoints.http, timeout=30)
        connection.putrequest("POST", "/v1/logs")
        connection.putheader("Content-Length", "1000000")
        connection.endheaders()
        response = connection.getresponse()
        assert (response.status, bool(response.read())) == (401, True)
        connection.close()
        with pytest.raises(grpc.RpcError) as caught:
            channel.stream_unary(LOGS)(never_sent(release), timeout=30)
        release.set()
        assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    release = threading.Event()
    with (
        receiving(body_timeout_s=0.2, grpc_reads_max=1) as state,
        grpc.insecure_channel(state.endpoints.grpc) as channel,
    ):
        connection = http.client.HTTPConnection(state.endpoints.http, timeout=30)
        connection.putrequest("POST", "/v1/logs")
        connection.putheader("Content-Type", JSON)
        connection.putheader("Content-Length", "100")
        connection.endheaders(b"{")
        response = connection.getresponse()
        assert (response.status, bool(response.read())) == (503, True)
        assert (response.getheader("retry-after"), response.getheader("connection")) == ("1", "close")
        connection.close()
        stalled = channel.stream_unary(LOGS).future(never_sent(release), timeout=30)
        assert channel.unary_unary(LOGS)(small(), timeout=30) == b"", "the next one is read after the stalled one"
        with pytest.raises(grpc.RpcError) as caught:
            stalled.result()
        release.set()
        assert (caught.value.code(), has_retry_info(caught.value)) == (UNAVAILABLE, True)


def test_a_sender_that_hangs_up_leaves_nothing_behind(receiver: Receiving) -> None:
    host, _, port = receiver.endpoints.http.partition(":")
    before = receiver.counted("argus_otel_refused_requests_total", reason="unfinished_body")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: 100\r\n\r\n{{"
        connection.sendall(head.encode())
    # The next request is served after the hang-up was seen, for both are the same loop's.
    while receiver.counted("argus_otel_refused_requests_total", reason="unfinished_body") == before:
        assert receiver.post("/v1/logs", small())[0] == 200


def test_over_the_bound_of_memory_senders_are_told_to_retry() -> None:
    """One request of more than half the bound waits for the spool; the next does not fit, and does once it is gone."""
    large = small("x" * 600_000)
    with receiving(body_bytes_max=1_000_000, held_bytes_max=1_000_000) as state:
        state.gate.clear()
        with grpc.insecure_channel(state.endpoints.grpc) as channel:
            first = channel.unary_unary(LOGS).future(large, timeout=30)
            assert state.arrived.wait(30)
            status, headers, _ = state.post("/v1/logs", large)
            assert (status, headers["retry-after"]) == (503, "1")
            assert state.answered(large) == (UNAVAILABLE, True)
            assert state.answered(small("x" * 1_000_000)) == (RESOURCE_EXHAUSTED, False), "it will never fit"
            state.gate.set()
            assert first.result() == b""
        assert state.post("/v1/logs", large)[0] == 200
        assert state.export(large) == b""
