"""Scaling down: nothing new is taken, all that was acknowledged is loaded, and the answer says whether that is so."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc_health.v1 import health_pb2
from services import Service, serving
from test_service_faults import calls

from argus_otel.draining import drain_service, stop_service
from argus_otel.envelope import Signal
from argus_otel.spool.lock import lock_folder

if TYPE_CHECKING:
    from pathlib import Path

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def drain(data_dir: Path, *options: str) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_OTEL_")}
    arguments = [sys.executable, "-m", "argus_otel", "drain", "--data-dir", str(data_dir), *options]
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, timeout=120)
    return done.returncode, done.stdout + done.stderr


def health(service: Service) -> tuple[int, int]:
    """Return what a probe over HTTP and one over gRPC is told."""
    try:
        with urllib.request.urlopen(f"http://{service.addresses['otlp_http']}/health", timeout=30) as response:
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    check = service.channel.unary_unary("/grpc.health.v1.Health/Check")
    return status, health_pb2.HealthCheckResponse.FromString(check(b"", timeout=30)).status


def test_a_drained_service_has_loaded_all_and_sends_senders_elsewhere(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        for number in range(20):
            service.send(Signal.LOGS, calls([number]))
        for _ in range(2):
            code, said = drain(tmp_path / "data")
            assert (code, "20 records were loaded" in said) == (0, True), said
        assert service.accounting()["spooled"] == 0
        assert health(service) == (503, NOT_SERVING)
        with pytest.raises(grpc.RpcError) as caught:
            service.send(Signal.LOGS, calls([100]))
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "grpc-status-details-bin" in dict(caught.value.trailing_metadata()), "when to retry"
        with pytest.raises(urllib.error.HTTPError) as refused:
            service.post(Signal.LOGS, calls([100]))
        assert (refused.value.code, refused.value.headers["Retry-After"]) == (503, "1")
        refused.value.close()
        assert drain(tmp_path / "data", "--cancel")[0] == 0
        assert health(service) == (200, SERVING)
        service.send(Signal.LOGS, calls([100]))
        assert service.wait_until_loaded()["loaded"] == 21


def test_a_service_can_be_stopped_by_the_same_command(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        service.send(Signal.LOGS, calls([1]))
        code, said = drain(tmp_path / "data", "--stop")
        assert code == 0, said
        assert service.process.wait(60) == 0
        assert not list((tmp_path / "data" / "spool").glob("*.seg"))


def test_a_stop_returns_when_another_process_may_have_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argus_otel.draining._POLL_S", 0.001)
    with serving(tmp_path / "data") as service:
        service.send(Signal.LOGS, calls([1]))
        stop_service(tmp_path / "data", drain_service(tmp_path / "data", 60).pid)
        os.close(lock_folder(tmp_path / "data" / "spool"))
        assert service.process.wait(5) == 0
        stop_service(tmp_path / "data", service.process.pid)


def test_a_service_that_does_not_come_up_leaves_the_other_its_addresses(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        with pytest.raises(AssertionError, match="another process uses"):
            Service(tmp_path / "data")
        assert service.accounting()["spooled"] == 0


def test_a_folder_that_was_loaded_into_a_server_is_not_loaded_elsewhere(tmp_path: Path) -> None:
    service = Service(tmp_path / "data", "--clickhouse", "http://127.0.0.1:1")
    service.send(Signal.LOGS, calls([1]))
    service.kill()
    code, said = drain(tmp_path / "data")
    assert (code, "has no embedded engine: name the server" in said) == (2, True), said
    assert not (tmp_path / "data" / "clickhouse").exists()
    assert list((tmp_path / "data" / "spool").glob("*.seg"))


def test_what_cannot_be_loaded_in_time_is_told_and_loaded_from_the_folder_later(tmp_path: Path) -> None:
    """A volume that a replica left: its ClickHouse was away, and is back."""
    away = ("--clickhouse", "http://127.0.0.1:1")
    service = Service(tmp_path / "data", *away)
    try:
        service.send(Signal.LOGS, calls([1, 2, 3]))
        code, said = drain(tmp_path / "data", "--timeout", "1")
        assert (code, "3 records are in the spool still after 1 s" in said) == (1, True)
        assert health(service) == (503, NOT_SERVING)
    finally:
        service.kill()
    code, said = drain(tmp_path / "data", "--timeout", "1", *away)
    assert (code, "clickhouse cannot be reached" in said) == (1, True)
    code, said = drain(tmp_path / "data", "--clickhouse", "embedded")
    assert (code, "3 records were loaded" in said) == (0, True)
    with serving(tmp_path / "data") as embedded:
        assert len(embedded.rows("SELECT request_id FROM argus.api_requests")) == 3


def test_a_folder_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    code, said = drain(tmp_path / "nothing")
    assert (code, "no data folder of a service" in said) == (2, True)
    assert not (tmp_path / "nothing").exists()
