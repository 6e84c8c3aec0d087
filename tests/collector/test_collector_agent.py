"""agent.yaml: what sessions send is answered at once, kept, and told to a remote argus-otel over TLS."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import grpc
import pytest
from collector_needed import needs_collector
from collectors import collecting, free_port
from native import api_request
from services import Service
from tenants import TOKEN
from waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_collector

WAIT_S = 90


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that nobody but itself has signed, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=argus-otel"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("the openssl command is not installed")
    return certificate, key


def test_sessions_are_answered_while_argus_otel_is_away_and_told_over_tls_when_it_is_back(
    certificate: tuple[Path, Path], service_options: list[str], tmp_path: Path
) -> None:
    address = f"127.0.0.1:{free_port()}"
    variables = {"ARGUS_OTEL_ENDPOINT": f"https://{address}", "ARGUS_OTEL_TOKEN": TOKEN}
    trusted = {"SSL_CERT_FILE": str(certificate[0])}
    with collecting("agent.yaml", tmp_path / "collector", **variables, **trusted) as collector:
        for number in range(5):
            kind, body = api_request(f"r{number}", 0.25, at_s=number)
            collector.send(kind, body)
        options = ["--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1]), "--otlp-http", address]
        service = Service(tmp_path / "data", *service_options, *options)
        try:

            def check() -> None:
                rows = service.rows("SELECT workspace, cost_usd FROM argus.sessions")
                assert rows == [{"workspace": "default", "cost_usd": 1.25}], collector.said()

            eventually(check, WAIT_S)
        finally:
            service.kill()


def test_a_certificate_that_is_not_trusted_gets_nothing(
    certificate: tuple[Path, Path], service_options: list[str], tmp_path: Path
) -> None:
    options = ["--tls-certificate", str(certificate[0]), "--tls-key", str(certificate[1])]
    service = Service(tmp_path / "data", *service_options, *options)
    try:
        variables = {"ARGUS_OTEL_ENDPOINT": f"https://{service.addresses['otlp_http']}", "ARGUS_OTEL_TOKEN": TOKEN}
        with collecting("agent.yaml", tmp_path / "collector", **variables) as collector:
            collector.send(*api_request("r1", 0.25))

            def check() -> None:
                assert "certificate signed by unknown authority" in collector.said()

            eventually(check, WAIT_S)
        assert service.accounting()["received"] == 0
    finally:
        service.kill()


def test_a_request_over_the_limit_is_refused_at_the_door(tmp_path: Path, to_service: dict[str, str]) -> None:
    with collecting("agent.yaml", tmp_path / "collector", **to_service) as collector:
        kind, body = api_request("r1", 0.25, padding="x" * (17 << 20))
        assert collector.post(kind, body) == 400


def test_a_token_that_is_refused_is_no_reason_to_retry(
    tmp_path: Path, service: Service, to_service: dict[str, str]
) -> None:
    received = service.accounting()["received"]
    with collecting("agent.yaml", tmp_path / "collector", **{**to_service, "ARGUS_OTEL_TOKEN": "wrong"}) as collector:
        collector.send(*api_request("r1", 0.25))

        def check() -> None:
            assert "Dropping data" in collector.said()
            assert "401" in collector.said()

        eventually(check, WAIT_S)
    assert service.accounting()["received"] == received


def test_a_full_queue_is_told_to_the_sender_as_a_reason_to_retry(tmp_path: Path) -> None:
    """1 MiB of room and nobody who takes anything: the third request of 400 KiB does not fit."""
    small = {"exporters.otlp_http/argus_otel.sending_queue.queue_size": 1 << 20}
    with collecting("agent.yaml", tmp_path / "collector", small) as collector:
        statuses = [
            collector.post(*api_request(f"r{number}", 0.25, at_s=number, padding="x" * (400 << 10)))
            for number in range(3)
        ]
        assert statuses == [200, 200, 503]
        with pytest.raises(grpc.RpcError) as refused:
            collector.send(*api_request("r3", 0.25, padding="x" * (400 << 10)))
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
