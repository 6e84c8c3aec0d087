"""Whoever speaks OTLP may send: the OpenTelemetry SDKs' own exporters, and rotel in front."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from collectors import free_port
from services import METHODS
from tenants import TOKEN, TOKEN_OF_PAYMENTS
from waiting import eventually

from argus_otel.demo import recordings

if TYPE_CHECKING:
    from services import Service

WAIT_S = 90
HERE = Path(__file__).parent
NODE_PACKAGES = (
    "@opentelemetry/api@1.9.0",
    "@opentelemetry/sdk-trace-node@2.0.0",
    "@opentelemetry/exporter-trace-otlp-proto@0.200.0",
    "@opentelemetry/exporter-trace-otlp-grpc@0.200.0",
)


def told(service: Service, session: str) -> list[tuple[str, str, int, str]]:
    """Return workspace, tool, input tokens, model of a session that an exporter told: one tool call, one API call."""
    tools = f"SELECT tool_name FROM argus.tool_calls WHERE session_id = '{session}'"
    rows = service.rows(
        f"SELECT workspace, ({tools}) AS tool_name, input_tokens, model FROM argus.api_requests"
        f" WHERE session_id = '{session}'"
    )
    return [(row["workspace"], row["tool_name"], int(row["input_tokens"]), row["model"]) for row in rows]


def assert_told(service: Service, session: str, workspace: str) -> None:
    def check() -> None:
        assert told(service, session) == [(workspace, "Read", 11, "claude-sonnet-4-5")]

    eventually(check, WAIT_S)


def environment(address: str, token: str, session: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{address}",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{token}",
        "SESSION": session,
    }


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_python_sdk(service: Service, protocol: str) -> None:
    session = f"python-{protocol}"
    done = subprocess.run(
        [sys.executable, HERE / "python_sdk.py", protocol],
        env=environment(service.addresses[f"otlp_{protocol}"], TOKEN, session),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert_told(service, session, "default")


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the exporters in it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text("{}")
    command = [npm, "install", "--no-audit", "--no-fund", "--no-progress", "--fetch-retries=0", *NODE_PACKAGES]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    if done.returncode:
        pytest.skip(f"the exporters for Node cannot be installed: {done.stderr.strip().splitlines()[:1]}")
    shutil.copy(HERE / "node_sdk.js", folder)
    return folder


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_the_node_sdk(service: Service, node_folder: Path, protocol: str) -> None:
    session = f"node-{protocol}"
    done = subprocess.run(
        ["node", node_folder / "node_sdk.js", protocol],
        env=environment(service.addresses[f"otlp_{protocol}"], TOKEN_OF_PAYMENTS, session),
        cwd=node_folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert_told(service, session, "payments")


@pytest.fixture(scope="module")
def rotel_agent() -> Path:
    found = importlib.util.find_spec("rotel")
    if found is None or found.origin is None:
        pytest.skip("rotel is not installed: pip install 'argus-otel[bench]'")
    return Path(found.origin).with_name("rotel-agent")


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_rotel_in_front(service: Service, rotel_agent: Path, tmp_path: Path, protocol: str) -> None:
    """A whole session through another collector, in Rust."""
    name = {"grpc": "default", "http": "resume"}[protocol]
    expected = {"default": ("both", 13, 0.090675), "resume": ("both", 7, 0.1645)}[name]
    address = f"127.0.0.1:{free_port()}"
    command = [
        rotel_agent,
        "start",
        "--otlp-grpc-endpoint",
        address,
        "--otlp-http-endpoint",
        f"127.0.0.1:{free_port()}",
    ]
    command += ["--exporter", "otlp", "--otlp-exporter-protocol", protocol]
    command += ["--otlp-exporter-endpoint", f"http://{service.addresses[f'otlp_{protocol}']}"]
    command += ["--otlp-exporter-custom-headers", f"authorization=Bearer {TOKEN}"]
    log = tmp_path / "rotel.log"
    with log.open("wb") as written, subprocess.Popen(command, stdout=written, stderr=written) as agent:
        try:
            with grpc.insecure_channel(address) as channel:
                _wait_until_listening(channel, agent, log)
                for kind, body in [*recordings.requests(name), *recordings.content(name)]:
                    channel.unary_unary(METHODS[kind])(body, timeout=30)

            def check() -> None:
                rows = service.rows(
                    "SELECT coverage, api_request_count, cost_usd FROM argus.sessions"
                    f" WHERE session_id = '{recordings.truth(name)['session_id']}'"
                )
                found = [(row["coverage"], int(row["api_request_count"]), row["cost_usd"]) for row in rows]
                assert found == [expected], log.read_text()[-2000:]

            eventually(check, WAIT_S)
        finally:
            agent.kill()


def _wait_until_listening(channel: grpc.Channel, agent: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + WAIT_S
    ready = grpc.channel_ready_future(channel)
    while True:
        assert agent.poll() is None, log.read_text()
        try:
            ready.result(timeout=0.5)
        except grpc.FutureTimeoutError:
            assert time.monotonic() < deadline_s, log.read_text()
        else:
            return
