"""Every acknowledged record is in the views exactly once, whatever happens to the service."""

from __future__ import annotations

import http.client
import http.server
import itertools
import random
import socketserver
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import grpc
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from services import Service, serving

from argus_otel.demo.recordings import NAMES, content, requests
from argus_otel.envelope import Signal, decode_all

if TYPE_CHECKING:
    from collections.abc import Iterator

COST_USD = 0.001
VIEWS = ("sessions", "turns", "tool_calls", "api_requests", "session_text", "turn_text", "tool_text", "transcript")


def calls(numbers: list[int], session: str = "s1", padding: str = "") -> bytes:
    """Return a request of one api_request event per number."""
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    scope_logs.scope.name = "com.anthropic.claude_code.events"
    for number in numbers:
        record = scope_logs.log_records.add(time_unix_nano=1_795_400_000_000_000_000 + number)
        record.body.string_value = "claude_code.api_request"
        for key, value in (
            ("session.id", session),
            ("event.name", "api_request"),
            ("request_id", f"r{number}"),
            ("padding", padding),
        ):
            record.attributes.add(key=key).value.string_value = value
        record.attributes.add(key="cost_usd").value.double_value = COST_USD
    return request.SerializeToString()


class Sender(threading.Thread):
    """Sends batches as fast as they are acknowledged, until the service is gone."""

    def __init__(self, service: Service, numbers: Iterator[int]) -> None:
        super().__init__()
        self.service = service
        self.numbers = numbers
        self.acknowledged: list[int] = []
        self.unsure: list[int] = []

    def run(self) -> None:
        while True:
            batch = list(itertools.islice(self.numbers, 20))
            try:
                self.service.send(Signal.LOGS, calls(batch))
            except (grpc.RpcError, ValueError):
                self.unsure += batch  # it may have been durable before the answer was lost
                return
            self.acknowledged += batch


def test_twenty_kills_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    chance, numbers = random.Random(7), itertools.count()
    acknowledged: set[int] = set()
    unsure: set[int] = set()
    for _ in range(20):
        service = Service(tmp_path / "data")
        sender = Sender(service, numbers)
        sender.start()
        time.sleep(chance.uniform(0.05, 1.2))
        service.kill()
        sender.join()
        acknowledged |= set(sender.acknowledged)
        unsure |= set(sender.unsure)
    with serving(tmp_path / "data") as service:
        sums = service.wait_until_loaded()
        [row] = service.rows("SELECT api_request_count, cost_usd FROM argus.sessions")
        metered = service.metric("argus_otel_accounting_records")
        stored = {int(row["request_id"][1:]) for row in service.rows("SELECT request_id FROM argus.api_requests")}
    assert len(acknowledged) > 500, "the kills must have hit a working service"
    assert acknowledged <= stored <= acknowledged | unsure
    cost_nanousd = round(row["cost_usd"] * 1e9)
    assert (int(row["api_request_count"]), cost_nanousd) == (len(stored), len(stored) * round(COST_USD * 1e9))
    assert (sums["missing"], sums["spooled"], sums["dead_lettered"]) == (0, 0, 0)
    assert sums["received"] == sums["loaded"] == len(stored)
    assert metered == {"received": len(stored), "loaded": len(stored), "dead_lettered": 0, "spooled": 0, "missing": 0}


EVERYTHING = [item for name in NAMES for item in [*requests(name), *content(name)]]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every view as it is when each request came once, in order."""
    with serving(tmp_path_factory.mktemp("reference") / "data") as service:
        for kind, body in EVERYTHING:
            service.send(kind, body)
        service.wait_until_loaded()
        return snapshot(service)


def snapshot(service: Service) -> dict[str, bytes]:
    return {view: service.query(f"SELECT * FROM argus.{view} ORDER BY ALL", "TSVWithNames") for view in VIEWS}


@settings(max_examples=4, deadline=None, phases=[Phase.generate])
@given(
    times=st.lists(st.integers(1, 3), min_size=len(EVERYTHING), max_size=len(EVERYTHING)),
    chance=st.randoms(use_true_random=False),
    ends=st.lists(st.sampled_from(["kill", "stop"]), max_size=3),
)
def test_order_repetition_transport_and_restarts_change_no_byte(
    reference: dict[str, bytes], times: list[int], chance: random.Random, ends: list[str]
) -> None:
    shuffled = [item for item, count in zip(EVERYTHING, times, strict=True) for _ in range(count)]
    chance.shuffle(shuffled)
    restarts = dict(zip(chance.sample(range(len(shuffled)), len(ends)), ends, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder) / "data")
        try:
            for index, (kind, body) in enumerate(shuffled):
                chance.choice([service.send, service.post])(kind, body)
                if index in restarts:
                    getattr(service, restarts[index])()
                    service = Service(Path(folder) / "data")
            service.wait_until_loaded()
            found = snapshot(service)
        finally:
            service.kill()
    for view in VIEWS:
        assert found[view] == reference[view], view


class Double(http.server.BaseHTTPRequestHandler):
    """
    ClickHouse at the HTTP level: the questions of a client that connects and of `plan` are answered by a real engine,
    INSERTs are refused, hung up on or taken.
    """

    protocol_version = "HTTP/1.1"
    mode: ClassVar[str] = "refuse"
    inserted: ClassVar[list[bytes]] = []
    engine: ClassVar[str] = ""

    def do_POST(self) -> None:
        body = self._body()
        if not body.startswith(b"INSERT INTO otel.otlp_"):
            self._forward(body)
        elif type(self).mode == "refuse":
            self._answer(
                500,
                b"Code: 241. DB::Exception: Memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)",
                {"X-ClickHouse-Exception-Code": "241"},
            )
        elif type(self).mode == "hang up":
            self.close_connection = True
        elif type(self).mode == "redirect" and not self.path.startswith("/elsewhere"):
            self._answer(307, b"", {"Location": f"/elsewhere{self.path}"})
        else:
            type(self).inserted.append(body.partition(b"\n")[2])
            self._answer(200, b"", {})

    def do_GET(self) -> None:
        self._forward(b"")

    def _forward(self, body: bytes) -> None:
        connection = http.client.HTTPConnection(type(self).engine, timeout=30)
        headers = {
            key: value
            for key, value in self.headers.items()
            if key.lower() not in ("host", "content-length", "transfer-encoding", "authorization")
        }
        connection.request(self.command, self.path, body, headers)
        response = connection.getresponse()
        self._answer(
            response.status,
            response.read(),
            {
                key: value
                for key, value in response.getheaders()
                if key.lower().startswith(("x-clickhouse", "content-encoding"))
            },
        )
        connection.close()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def double(tmp_path: Path) -> Iterator[tuple[str, type[Double]]]:
    engine = Service(tmp_path / "engine")
    handler = type(
        "FreshDouble", (Double,), {"inserted": [], "mode": "refuse", "engine": engine.addresses["clickhouse_http"]}
    )
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}", handler
    server.shutdown()
    server.server_close()
    thread.join()
    engine.kill()


def test_a_clickhouse_that_fails_for_a_while_costs_nothing_but_time(
    tmp_path: Path, double: tuple[str, type[Double]]
) -> None:
    """The server behind the service refuses for want of memory, hangs up, sends elsewhere, then takes everything."""
    address, handler = double
    with serving(tmp_path / "data", "--clickhouse", f"http://{address}") as service:
        for number, mode in enumerate(("refuse", "hang up", "redirect", "take")):
            handler.mode = mode
            service.send(Signal.LOGS, calls([number]))
            time.sleep(0.5)
        sums = service.wait_until_loaded()
        assert (sums["loaded"], sums["dead_lettered"], sums["missing"]) == (4, 0, 0), (
            "none of these codes is the data's fault"
        )
    envelopes = [envelope for body in handler.inserted for _, _, envelope in decode_all(body)]
    assert sorted(envelope.request for envelope in envelopes) == sorted(calls([number]) for number in range(4))


def test_while_clickhouse_is_away_records_wait_and_senders_are_told_at_the_bound(tmp_path: Path) -> None:
    options = ("--clickhouse", "http://127.0.0.1:1", "--config", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text(f"spool_bytes_max = {16 << 20}\n")
    service = Service(tmp_path / "data", *options)
    sent = 0
    with pytest.raises(grpc.RpcError) as caught:
        for number in range(100):
            service.send(Signal.LOGS, calls([number], padding="x" * (1 << 20)))
            sent += 1
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert 10 <= sent < 17, "the spool's bound of 16 MiB"
    sums = service.accounting()
    assert (sums["received"], sums["spooled"], sums["missing"]) == (sent, sent, 0)
    service.kill()
    with serving(tmp_path / "data") as embedded:
        embedded.wait_until_loaded()
        assert len(embedded.rows("SELECT request_id FROM argus.api_requests")) == sent


def test_a_poisonous_payload_is_set_aside_alone(tmp_path: Path) -> None:
    """Bytes that upb never let in, as a defect of ours or of a disk would leave them: one envelope among a thousand."""
    from argus_otel.envelope import Envelope, encode

    with serving(tmp_path / "data") as service:
        service.send(Signal.LOGS, calls([0]))
        service.wait_until_loaded()
    poison = encode(Envelope(Signal.LOGS, "default", 1, 1, 0, b"\x0a\x05\xff\xff\xff"))
    good = [encode(Envelope(Signal.LOGS, "default", 1, 1, 0, calls([number]))) for number in range(1, 1000)]
    (tmp_path / "data" / "spool" / "0000000000009000-0000000000000001.seg").write_bytes(
        b"".join([*good[:400], poison, *good[400:]])
    )
    with serving(tmp_path / "data") as service:
        sums = service.wait_until_loaded()
        assert (sums["received"], sums["loaded"], sums["dead_lettered"], sums["missing"]) == (1001, 1000, 1, 0)
        assert len(service.rows("SELECT request_id FROM argus.api_requests")) == 1000
