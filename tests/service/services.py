"""A real service in a process of its own, and everything a test does to it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc

from argus_otel.envelope import Signal
from argus_otel.running import command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

METHODS = {
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}


class Service:
    """One process; `stop` drains it, `kill` does not. It stores its own metrics only if asked to: they count as records."""

    def __init__(self, data_dir: Path, *options: str, own_metrics_interval_s: int = 0) -> None:
        self.data_dir = data_dir
        self.log = data_dir.parent / f"{data_dir.name}.log"
        arguments = [
            "serve",
            "--data-dir",
            str(data_dir),
            "--otlp-grpc",
            "127.0.0.1:0",
            "--otlp-http",
            "127.0.0.1:0",
            "--clickhouse-http",
            "127.0.0.1:0",
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_OTEL_")}
        environment["ARGUS_OTEL_OWN_METRICS_INTERVAL_S"] = str(own_metrics_interval_s)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "argus_otel", *arguments, *options],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                text=True,
            )
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            self.process.stdout.close()
            self.process.wait(60)
            raise AssertionError(self.log.read_text()[-3000:])
        self.addresses: dict[str, str] = json.loads(line)
        self.channel = grpc.insecure_channel(self.addresses["otlp_grpc"])

    def send(self, kind: Signal, body: bytes, *, timeout_s: float = 30) -> None:
        """Return when the service has acknowledged; raises grpc.RpcError otherwise."""
        self.channel.unary_unary(METHODS[kind])(body, timeout=timeout_s)

    def post(self, kind: Signal, body: bytes) -> None:
        url = f"http://{self.addresses['otlp_http']}/v1/{kind.name.lower()}"
        with urllib.request.urlopen(
            urllib.request.Request(url, body, {"Content-Type": "application/x-protobuf"}), timeout=30
        ) as response:
            assert response.status == 200

    def query(self, sql: str, form: str = "JSONEachRow") -> bytes:
        url = f"http://{self.addresses['clickhouse_http']}/?{urllib.parse.urlencode({'default_format': form})}"
        try:
            with urllib.request.urlopen(url, sql.encode(), timeout=60) as response:
                answer: bytes = response.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        return answer

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.query(sql).splitlines()]

    def metric(self, name: str) -> dict[str, float]:
        """Return a gauge of /metrics by the value of its own label."""
        with urllib.request.urlopen(f"http://{self.addresses['otlp_http']}/metrics", timeout=30) as response:
            lines = response.read().decode().splitlines()
        found = (re.search(rf'^{name}\{{.*state="(\w+)".*\}} (\S+)$', line) for line in lines)
        return {match[1]: float(match[2]) for match in found if match}

    def accounting(self) -> dict[str, int]:
        answer: dict[str, int] = command(self.data_dir, "GET", "/status")["accounting"]
        return answer

    def wait_until_loaded(self, timeout_s: float = 60) -> dict[str, int]:
        """Return the accounting once the spool is empty."""
        deadline_s = time.monotonic() + timeout_s
        while (sums := self.accounting())["spooled"]:
            assert time.monotonic() < deadline_s, self.log.read_text()[-3000:]
            time.sleep(0.05)
        return sums

    def kill(self) -> None:
        self.process.kill()
        self._gone()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self._gone()

    def _gone(self) -> int:
        code = self.process.wait(60)
        self.channel.close()
        if self.process.stdout:
            self.process.stdout.close()
        return code


@contextmanager
def serving(data_dir: Path, *options: str, own_metrics_interval_s: int = 0) -> Iterator[Service]:
    """Run a service until the end of the block; it must stop cleanly."""
    service = Service(data_dir, *options, own_metrics_interval_s=own_metrics_interval_s)
    try:
        yield service
        assert service.stop() == 0, service.log.read_text()[-3000:]
    finally:
        if service.process.poll() is None:
            service.kill()
