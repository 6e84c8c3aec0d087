"""`argus-otel doctor --through`: straight, through proxies that lose what collectors lose, and through a real collector."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from collector_needed import BINARY, needs_collector
from native import S_NS, T0_NS, api_request
from proxies import Proxy, rejecting_logs, without_content, without_log_attributes
from services import Service, serving

from argus_otel.doctor.through.sending import destination_of
from argus_otel.errors import ConfigError, PermanentError
from argus_otel.running import ControlError, command
from argus_otel.schema.probes import SESSION_PREFIX, erase_probe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from databases import Databases

LEGS = ("logs leg", "metrics leg", "traces leg", "content leg")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_OTEL_")}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("through") / "data") as running:
        yield running


@pytest.fixture
def proxy(service: Service) -> Iterator[Proxy]:
    with Proxy(service.addresses["otlp_http"]) as running:
        yield running


def probed(service: Service, url: str, *options: str, code: int = 0) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "argus_otel", "doctor", "--through", url),
            *("--data-dir", str(service.data_dir), "--format", "json", *options),
        ],
        capture_output=True,
        env=ENVIRONMENT,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return {row["check"]: row for row in json.loads(done.stdout)}


def states(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {leg: found[leg]["state"] for leg in LEGS}


def assert_nothing_is_left(service: Service) -> None:
    for table in ("argus.facts", "argus.texts", "argus.session_facts", "argus.attribute_facts", "argus.session_rollup"):
        assert service.rows(f"SELECT count() AS c FROM {table}") == [{"c": 0}], table
    for table in ("otel_logs", "otel_traces", "otel_metrics_sum"):
        assert service.rows(f"SELECT count() AS c FROM otel.{table}") == [{"c": 0}], table


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_straight_every_leg_arrives_whole_and_nothing_is_left(service: Service, kind: str) -> None:
    found = probed(service, f"{kind}://{service.addresses[f'otlp_{kind}']}")
    assert set(states(found).values()) == {"ok"}, found
    for leg in LEGS:
        assert "landed in workspace default after" in found[leg]["finding"]
        assert "lost" not in found[leg]["finding"]
        assert "changed" not in found[leg]["finding"]
    assert found["probe"]["state"] == "ok"
    assert_nothing_is_left(service)


def test_a_leg_that_the_collector_drops(service: Service, proxy: Proxy) -> None:
    proxy.dropped = {"/v1/metrics"}
    found = probed(service, proxy.url, "--timeout", "25", code=1)
    assert states(found) == {leg: "failed" if leg == "metrics leg" else "ok" for leg in LEGS}
    assert (
        "accepted by the collector, not landed in 25 s: argus-otel received records" in found["metrics leg"]["finding"]
    )
    assert "--timeout" in found["metrics leg"]["advice"]
    assert_nothing_is_left(service)


def test_a_collector_that_leads_elsewhere(service: Service, proxy: Proxy) -> None:
    proxy.dropped = {"/v1/logs", "/v1/metrics", "/v1/traces"}
    found = probed(service, proxy.url, "--timeout", "2", code=1)
    assert set(states(found).values()) == {"failed"}
    assert "argus-otel received nothing at all" in found["logs leg"]["finding"]


def test_attributes_that_are_lost_or_changed_on_the_way(service: Service, proxy: Proxy) -> None:
    proxy.shaped = {"/v1/logs": without_log_attributes("cost_usd", "terminal.type"), "/v1/traces": without_content}
    found = probed(service, proxy.url, code=1)
    assert states(found) == {"logs leg": "warning", "metrics leg": "ok", "traces leg": "ok", "content leg": "failed"}
    assert found["logs leg"]["finding"].endswith("lost: terminal.type, cost_usd")
    assert "made of cost_usd:" in found["logs leg"]["advice"], "what nothing is made of is only told"
    assert found["content leg"]["finding"].endswith("is in no view; changed: gen_ai.input.messages"), "nothing to read"


def test_a_session_id_that_is_lost_is_found_all_the_same(service: Service, proxy: Proxy) -> None:
    proxy.shaped = {"/v1/logs": without_log_attributes("session.id")}
    found = probed(service, proxy.url, code=1)
    assert "landed in workspace default" in found["logs leg"]["finding"]
    assert "is in no view; lost: session.id" in found["logs leg"]["finding"]
    assert_nothing_is_left(service)


@pytest.mark.parametrize(
    ("status", "problem", "advice"),
    [
        (401, "unauthenticated", "--header"),
        (403, "forbidden", "ask whoever runs it"),
        (404, "no receiver", "pipeline"),
        (413, "too large", "limit"),
        (500, "refused", "log"),
        (503, "busy", "queue"),
    ],
)
def test_what_the_collector_answers(service: Service, proxy: Proxy, status: int, problem: str, advice: str) -> None:
    proxy.refused = {f"/v1/{name}": status for name in ("logs", "metrics", "traces")}
    found = probed(service, proxy.url, code=1)
    for leg in LEGS:
        assert f"stopped at the collector: {problem}, HTTP {status}" in found[leg]["finding"]
        assert advice in found[leg]["advice"]


def test_a_header_is_sent(service: Service, proxy: Proxy) -> None:
    proxy.token = "s3cret"
    assert set(states(probed(service, proxy.url, code=1)).values()) == {"failed"}
    assert set(states(probed(service, proxy.url, "--header", "Authorization: Bearer s3cret")).values()) == {"ok"}


def test_a_header_in_a_file_is_sent(service: Service, proxy: Proxy, tmp_path: Path) -> None:
    proxy.token = "s3cret"
    file = tmp_path / "authorization"
    file.write_text("Bearer s3cret\n")
    assert set(states(probed(service, proxy.url, "--header", f"Authorization: @{file}")).values()) == {"ok"}
    with pytest.raises(ConfigError, match="cannot read"):
        destination_of("http://a:1", ["Authorization: @/nowhere"])


def test_a_partial_success_is_none(service: Service, proxy: Proxy) -> None:
    proxy.dropped, proxy.answers = {"/v1/logs"}, {"/v1/logs": rejecting_logs()}
    found = probed(service, proxy.url, code=1)
    assert "partial success: no such tenant" in found["logs leg"]["finding"]
    assert states(found)["metrics leg"] == "ok"


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_nobody_listens(service: Service, kind: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    found = probed(service, f"{kind}://127.0.0.1:{port}", code=1)
    for leg in LEGS:
        assert "stopped at the collector: unreachable" in found[leg]["finding"], found[leg]


def test_grpc_without_a_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    with serving(tmp_path / "data", "--token-file", str(tmp_path / "token")) as running:
        url = f"grpc://{running.addresses['otlp_grpc']}"
        found = probed(running, url, code=1)
        assert "unauthenticated, UNAUTHENTICATED" in found["logs leg"]["finding"]
        assert set(states(probed(running, url, "--header", "authorization: Bearer s3cret")).values()) == {"ok"}


def test_a_probe_that_came_late_is_deleted_by_the_next(tmp_path: Path) -> None:
    late = f"{SESSION_PREFIX}{int(time.time())}-0123456789ab"
    ago_s = (time.time_ns() - T0_NS) / S_NS
    with serving(tmp_path / "data") as running:
        for session_id in (late, "somebody's own"):
            running.send(*api_request("r1", 0.0, session=session_id, at_s=ago_s))
        running.wait_until_loaded()
        assert len(running.rows("SELECT session_id FROM argus.sessions")) == 2
        probed(running, f"http://{running.addresses['otlp_http']}")
        assert running.rows("SELECT session_id FROM argus.sessions") == [{"session_id": "somebody's own"}]
        assert running.rows("SELECT count() AS c FROM otel.otel_logs") == [{"c": 1}]
        with pytest.raises(ControlError, match="is no probe"):
            command(running.data_dir, "POST", "/probes/erase", {"session_id": "somebody's own"})


def test_only_a_probe_can_be_deleted_so(databases: Databases) -> None:
    for wrong in ("", "s1", SESSION_PREFIX, f"{SESSION_PREFIX}1795400000-0123456789ab' OR 1 --"):
        with pytest.raises(PermanentError, match="is no probe"):
            erase_probe(databases.store, databases.settings, wrong)


@needs_collector
def test_a_real_collector_with_a_processor_that_strips(service: Service, tmp_path: Path) -> None:
    """Its own configuration, not ours: a pipeline for logs and metrics, none for traces, and content is taken away."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        grpc_port, http_port = one.getsockname()[1], two.getsockname()[1]
    config = {
        "receivers": {
            "otlp": {
                "protocols": {
                    "grpc": {"endpoint": f"127.0.0.1:{grpc_port}"},
                    "http": {"endpoint": f"127.0.0.1:{http_port}"},
                }
            }
        },
        "processors": {
            "transform": {
                "log_statements": ['delete_key(log.attributes, "prompt.id")', 'set(log.attributes["env"], "x")']
            }
        },
        "exporters": {"otlp_grpc": {"endpoint": service.addresses["otlp_grpc"], "tls": {"insecure": True}}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                "logs": {"receivers": ["otlp"], "processors": ["transform"], "exporters": ["otlp_grpc"]},
                "metrics": {"receivers": ["otlp"], "exporters": ["otlp_grpc"]},
            },
        },
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    with (tmp_path / "log").open("wb") as log:
        collector = subprocess.Popen([BINARY, "--config", tmp_path / "config.yaml"], stdout=log, stderr=log)
    try:
        _wait_for_port(http_port, collector, tmp_path / "log")
        for url in (f"http://127.0.0.1:{http_port}", f"grpc://127.0.0.1:{grpc_port}"):
            found = probed(service, url, "--timeout", "20", code=1)
            assert (states(found)["logs leg"], states(found)["metrics leg"]) == ("warning", "ok"), found
            assert found["logs leg"]["finding"].endswith("lost: prompt.id"), found
            for leg in ("traces leg", "content leg"):
                assert "stopped at the collector: no receiver" in found[leg]["finding"], found
                assert "pipeline" in found[leg]["advice"]
        assert_nothing_is_left(service)
    finally:
        collector.terminate()
        collector.wait(30)


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline_s:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text()[-2000:])


@pytest.mark.parametrize("url", ["", "127.0.0.1:4318", "ftp://a", "http://", "http://a:b"])
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(ConfigError, match="--through"):
        destination_of(url, [])


@pytest.mark.parametrize("url", ["http://u:s3cret@a:4318", "http://u:s3/cret@a:4318", "htp://s3cret@a"])
def test_a_login_in_the_url_is_told_of_without_it(url: str) -> None:
    with pytest.raises(ConfigError, match="--through takes no login in the URL") as caught:
        destination_of(url, [])
    assert "s3" not in str(caught.value)


@pytest.mark.parametrize("header", ["Authorization", ": x", "a: b\r\nc: d"])
def test_a_header_that_is_none(header: str) -> None:
    with pytest.raises(ConfigError, match="--header"):
        destination_of("http://a:1", [header])
