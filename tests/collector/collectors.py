"""A real OpenTelemetry Collector in a process of its own, on a configuration of collector-config/."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import yaml
from collector_needed import BINARY, ROOT
from services import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from argus_otel.envelope import Signal

CONFIGS = ROOT / "collector-config"
UNUSED = {
    "ARGUS_OTEL_ENDPOINT": "http://127.0.0.1:9",
    "ARGUS_OTEL_TOKEN": "",
    "ARGUS_OTEL_TOKEN_PAYMENTS": "",
    "YOUR_BACKEND": "127.0.0.1:9",
    "PROMETHEUS_OTLP": "http://127.0.0.1:9/api/v1/otlp",
    "TRACES_OTLP": "127.0.0.1:9",
    "CLICKHOUSE_ENDPOINT": "http://127.0.0.1:9",
    "CLICKHOUSE_USER": "default",
    "CLICKHOUSE_PASSWORD": "",
}
"""What the configurations read from the environment: a discard port, where nothing answers."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def validate(config: Path) -> subprocess.CompletedProcess[str]:
    """Have the collector read a configuration as it would at its start."""
    return subprocess.run(
        [BINARY, "validate", "--config", config], env=UNUSED, capture_output=True, text=True, timeout=60
    )


class Collector:
    """
    One process, with a folder for its queues. The file is run as it is shipped; laid over it are only the addresses, that
    folder, and waiting times that a test has no patience for.
    """

    def __init__(
        self, config: str, folder: Path, variables: Mapping[str, str], settings: Mapping[str, object] | None = None
    ) -> None:
        self.grpc, self.http = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self._health = f"127.0.0.1:{free_port()}"
        self._config = CONFIGS / config
        self._environment = {**UNUSED, **variables, "PATH": os.environ["PATH"]}
        self._set = [f"--set={name}={value}" for name, value in (settings or {}).items()]
        self._folder = folder
        folder.mkdir(exist_ok=True)
        self.log = folder / "collector.log"
        self._overlay = folder / "overlay.yaml"
        self._overlay.write_text(yaml.safe_dump(self._changed()))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it is healthy."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "--config", self._config, "--config", self._overlay, *self._set],
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        deadline_s = time.monotonic() + 60
        while not self._is_healthy():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline_s, self.said()
            time.sleep(0.05)

    def send(self, kind: Signal, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Return when the collector has acknowledged a request over gRPC; raises grpc.RpcError otherwise."""
        with grpc.insecure_channel(self.grpc) as channel:
            channel.unary_unary(METHODS[kind])(body, timeout=30, metadata=tuple((headers or {}).items()))

    def post(self, kind: Signal, body: bytes, headers: Mapping[str, str] | None = None) -> int:
        """Return the status of a request over HTTP."""
        request = urllib.request.Request(
            f"http://{self.http}/v1/{kind.name.lower()}",
            body,
            {"Content-Type": "application/x-protobuf", **(headers or {})},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        assert self.process
        self.process.terminate()
        return self.process.wait(60)

    def said(self) -> str:
        return self.log.read_text()[-3000:]

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self._health}", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            return False

    def _changed(self) -> dict[str, Any]:
        queues = str(self._folder / "queues")
        protocols = {"grpc": {"endpoint": self.grpc}, "http": {"endpoint": self.http}}
        exporters = yaml.safe_load(self._config.read_text())["exporters"]
        impatient = {"retry_on_failure": {"initial_interval": "200ms", "max_interval": "1s"}}
        batched = {"sending_queue": {"batch": {"flush_timeout": "200ms"}}}
        return {
            "receivers": {"otlp": {"protocols": protocols}},
            "extensions": {
                "health_check": {"endpoint": self._health},
                "file_storage": {"directory": queues, "compaction": {"directory": queues}},
            },
            "exporters": {
                name: {**impatient, **(batched if "sending_queue" in settings else {})}
                for name, settings in exporters.items()
            },
            "service": {"telemetry": {"metrics": {"level": "none"}}},
        }


@contextmanager
def collecting(
    config: str, folder: Path, settings: Mapping[str, object] | None = None, **variables: str
) -> Iterator[Collector]:
    """Run a collector until the end of the block, with `settings` of the test's own over the file's; it must stop cleanly."""
    collector = Collector(config, folder, variables, settings)
    try:
        collector.start()
        yield collector
        assert collector.stop() == 0, collector.said()
    finally:
        if collector.process and collector.process.poll() is None:
            collector.kill()
