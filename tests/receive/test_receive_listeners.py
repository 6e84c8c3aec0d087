"""Both listeners from start to stop: addresses, TLS, health, connection age, draining."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from receiving import METHODS, PROTOBUF, SETTINGS, receiving, small
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from argus_otel.errors import ConfigError
from argus_otel.receive import Receiver, ReceiveSettings
from argus_otel.telemetry import Telemetry

if TYPE_CHECKING:
    from pathlib import Path

    from receiving import Receiving
    from starlette.requests import Request

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = ("", *(method.split("/")[1] for method in METHODS.values()))


def test_health_is_serving(receiver: Receiving) -> None:
    with grpc.insecure_channel(receiver.endpoints.grpc) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        assert [check(health_pb2.HealthCheckRequest(service=name)).status for name in SERVICES] == [SERVING] * 4


def wait_until_refused(state: Receiving) -> None:
    """Return once neither listener takes a new connection."""
    for address in (state.endpoints.http, state.endpoints.grpc):
        host, _, port = address.partition(":")
        with suppress(ConnectionRefusedError):
            while True:
                socket.create_connection((host, int(port)), timeout=30).close()
                time.sleep(0.01)


def test_a_stop_says_so_and_finishes_what_is_under_way() -> None:
    answers: list[int] = []
    with receiving() as state, grpc.insecure_channel(state.endpoints.grpc) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=30)
        assert next(watch).status == SERVING
        state.gate.clear()
        call = channel.unary_unary(METHODS["logs"]).future(small("grpc"), timeout=30)
        assert state.arrived.wait(30)
        state.arrived.clear()
        poster = threading.Thread(target=lambda: answers.append(state.post("/v1/logs", small("http"))[0]))
        poster.start()
        assert state.arrived.wait(30)
        state.stop()
        assert next(watch).status == NOT_SERVING
        wait_until_refused(state)
        state.gate.set()
        assert call.result() == b""
        poster.join()
        watch.cancel()
    assert answers == [200]
    assert len(state.accepted) == 2
    with pytest.raises(ConnectionRefusedError):
        state.post("/v1/logs", small())
    with pytest.raises(grpc.RpcError) as caught:
        state.export(small())
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_a_stop_without_a_start_is_harmless() -> None:
    telemetry = Telemetry()

    async def accept(envelope: object) -> None:
        raise AssertionError

    async def stop() -> None:
        await Receiver(ReceiveSettings(), accept, telemetry).stop(1)

    asyncio.run(stop())
    telemetry.close()


def test_connections_end_at_their_age_and_calls_go_on() -> None:
    with receiving(connection_age_s_max=1) as state, grpc.insecure_channel(state.endpoints.grpc) as channel:
        states: list[grpc.ChannelConnectivity] = []
        ended = threading.Event()

        def note(connectivity: grpc.ChannelConnectivity) -> None:
            states.append(connectivity)
            if connectivity is grpc.ChannelConnectivity.IDLE and grpc.ChannelConnectivity.READY in states:
                ended.set()

        channel.subscribe(note, try_to_connect=True)
        assert channel.unary_unary(METHODS["logs"])(small(), timeout=30) == b""
        assert ended.wait(60)
        assert channel.unary_unary(METHODS["logs"])(small(), timeout=30) == b""


def test_an_http_connection_serves_more_than_one_request(receiver: Receiving) -> None:
    connection = http.client.HTTPConnection(receiver.endpoints.http, timeout=30)
    for body, status in ((small(), 200), (b"\xff", 400), (small(), 200)):
        connection.request("POST", "/v1/logs", body, {"Content-Type": PROTOBUF})
        response = connection.getresponse()
        assert (response.status, response.will_close) == (status, False)
        response.read()
    connection.close()


def test_further_routes_are_served_beside_otlp() -> None:
    async def health(_: Request) -> PlainTextResponse:
        return PlainTextResponse("well")

    with receiving(extra_routes=[Route("/health", health)]) as state:
        assert state.post("/health", None, method="GET")[::2] == (200, b"well")


def test_an_address_that_is_taken_is_a_configuration_error(receiver: Receiving) -> None:
    for settings in ({"http_address": receiver.endpoints.http}, {"grpc_address": receiver.endpoints.grpc}):
        with pytest.raises(ConfigError, match="cannot listen on"), receiving(**settings):
            pass


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A key and its self-signed certificate for localhost."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("the openssl command is not installed")
    return key, certificate


def test_tls_on_both_listeners(pair: tuple[Path, Path]) -> None:
    key, certificate = pair
    with receiving(tls_certificate=certificate, tls_key=key) as state:
        context = ssl.create_default_context(cafile=str(certificate))
        request = urllib.request.Request(f"https://{state.endpoints.http}/v1/logs", small(), {"Content-Type": PROTOBUF})
        with urllib.request.urlopen(request, context=context) as response:
            assert response.status == 200
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        with grpc.secure_channel(state.endpoints.grpc, credentials) as channel:
            assert channel.unary_unary(METHODS["logs"])(small(), timeout=30) == b""
        with pytest.raises(grpc.RpcError), grpc.insecure_channel(state.endpoints.grpc) as channel:
            channel.unary_unary(METHODS["logs"])(small(), timeout=30)
    assert len(state.accepted) == 2


def test_a_certificate_that_cannot_be_used_is_a_configuration_error(pair: tuple[Path, Path], tmp_path: Path) -> None:
    key, certificate = pair
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    message = "certificate or key cannot be used"
    for bad in (broken, tmp_path / "absent.pem"):
        with pytest.raises(ConfigError, match=message), receiving(tls_certificate=bad, tls_key=key):
            pass
    with pytest.raises(ConfigError, match=message), receiving(tls_certificate=certificate, tls_key=broken):
        pass


def test_half_a_certificate_is_a_mistake_of_ours() -> None:
    """The configuration refuses it; the receiver must not listen in the clear instead."""
    with pytest.raises(AssertionError):
        ReceiveSettings(**SETTINGS, tls_certificate=None, tls_key=object())  # type: ignore[arg-type] # any value will do
