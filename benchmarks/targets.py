"""
What is measured: `argus-otel serve`, and rotel with an engine of the same kind behind it.

A target is one or more running processes with one OTLP/gRPC address and one way to ask what has arrived.
"""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.processes import Measured, python, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LANDED = " + ".join(
    f"(SELECT count() FROM otel.otel_{name})"
    for name in (
        "logs",
        "traces",
        "metrics_gauge",
        "metrics_sum",
        "metrics_histogram",
        "metrics_exponential_histogram",
        "metrics_summary",
    )
)
_HTTP_TIMEOUT_S = 60
_START_S_MAX = 30


@dataclass(frozen=True, slots=True)
class Target:
    """Something that takes OTLP and keeps it in ClickHouse."""

    name: str
    grpc_address: str
    http_address: str
    processes: Sequence[Measured]

    def cpu_s(self) -> float:
        return sum(process.cpu_s() for process in self.processes)

    def resident_bytes(self) -> int:
        return sum(process.resident_bytes() for process in self.processes)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Run a query at the target's ClickHouse endpoint."""
        query = urllib.parse.urlencode(
            {"query": sql, "default_format": "JSON", "output_format_json_quote_64bit_integers": 0}
        )
        found: list[dict[str, Any]] = _get(f"http://{self.http_address}/?{query}")["data"]
        return found

    def landed_count(self) -> int:
        return int(self.rows(f"SELECT {LANDED} AS landed")[0]["landed"])


@contextmanager
def argus_otel(folder: Path) -> Iterator[Target]:
    """Run `argus-otel serve` with what it does by default: redaction and all facts on, every append synced."""
    listen = [word for flag in ("otlp-grpc", "otlp-http", "clickhouse-http") for word in (f"--{flag}", "127.0.0.1:0")]
    command = python("argus_otel", "serve", "--data-dir", str(folder / "data"), *listen)
    with running(command, folder / "argus-otel.log") as process:
        addresses = process.first_line()
        yield Target("argus-otel", addresses["otlp_grpc"], addresses["clickhouse_http"], (process,))


@contextmanager
def rotel(folder: Path) -> Iterator[Target]:
    """Run rotel's agent with its ClickHouse exporter into the shim: raw records, no redaction, no facts, no disk of its own."""
    with running(python("benchmarks.shim", str(folder / "engine")), folder / "shim.log") as shim:
        engine = shim.first_line()["address"]
        address = f"127.0.0.1:{_free_port()}"
        command = [
            str(_rotel_agent()), "start", "--otlp-grpc-endpoint", address, "--otlp-http-endpoint", f"127.0.0.1:{_free_port()}",
            "--exporter", "clickhouse", "--clickhouse-exporter-endpoint", f"http://{engine}",
        ]  # fmt: skip
        with running(command, folder / "rotel.log") as agent:
            _wait_until_listening(address)
            yield Target("rotel", address, engine, (agent, shim))


def shim_overhead_s(target: Target) -> float:
    """Return the CPU that the shim's Python took so far from reading and decompressing."""
    return float(_get(f"http://{target.http_address}/overhead"))


def _rotel_agent() -> Path:
    found = find_spec("rotel")
    if found is None or found.origin is None:
        raise SystemExit("rotel is not installed: pip install 'argus-otel[bench]', or leave its benchmark out")
    return Path(found.origin).with_name("rotel-agent")


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=_HTTP_TIMEOUT_S) as answer:
        return json.load(answer)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_listening(address: str) -> None:
    host, _, port = address.rpartition(":")
    deadline_s = time.monotonic() + _START_S_MAX
    while True:
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.05)
        else:
            return
