"""The addresses: of a running service whether they answer, of one that does not run whether they are free, and who has them."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from argus_otel.doctor.finding import Finding
from argus_otel.errors import ConfigError
from argus_otel.listening import bind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from argus_otel.config import Config

_TIMEOUT_S = 3.0


def check_addresses(config: Config) -> Iterator[Finding]:
    """Say of each configured address whether a service could listen there."""
    keys = ["otlp_grpc", "otlp_http"] + (["clickhouse_http"] if config.clickhouse == "embedded" else [])
    for key in keys:
        address: str = getattr(config, key)
        try:
            listener, _ = bind(key, address)
        except ConfigError as error:
            port = int(address.rpartition(":")[2])
            yield Finding("ports", "failed", f"{error}{_holder(port)}", f"end it, or set {key} to another address")
        else:
            listener.close()
            yield Finding("ports", "ok", f"{key} {address} is free")


def check_answers(addresses: dict[str, str]) -> Iterator[Finding]:
    """Say of each address of a running service whether it can be reached, and whether it is ready."""
    for key in ("otlp_grpc", "otlp_http"):
        address = addresses[key]
        host, _, port = address.rpartition(":")
        try:
            with socket.create_connection((_reachable(host), int(port)), _TIMEOUT_S):
                yield Finding("ports", "ok", f"{key} {address} answers")
        except OSError as error:
            yield Finding("ports", "failed", f"{key} {address}: {error.strerror or error}", "look at the service's log")
    yield from _readiness(addresses["otlp_http"])


def _readiness(address: str) -> Iterator[Finding]:
    """Plain HTTP only: behind TLS the listener is not asked."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(_reachable(host), int(port), timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        told = json.loads(response.read()) if response.status == http.client.SERVICE_UNAVAILABLE else {}
    except (OSError, http.client.HTTPException, ValueError):
        return
    finally:
        connection.close()
    if told.get("ready") is False:
        yield Finding("service", "warning", "takes nothing new", "it starts, stops, or is drained: `argus-otel drain`")


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "[::]": "::1", "::": "::1"}.get(host, host).strip("[]")  # noqa: S104 - compared, not bound


def _holder(port: int) -> str:
    """Return who listens on a port, as far as the kernel tells us; other users' processes stay unnamed."""
    inodes = set(_listening_inodes(port))
    for process in Path("/proc").glob("[0-9]*"):
        try:
            held = {str(file.readlink()) for file in (process / "fd").iterdir()}
            if any(f"socket:[{inode}]" in held for inode in inodes):
                name = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                return f": it is taken by pid {process.name}, {name[:80]}"
        except OSError:
            continue
    return f": `lsof -nP -iTCP:{port} -sTCP:LISTEN` as root says by whom"


def _listening_inodes(port: int) -> Iterator[str]:
    """Yield the kernel's numbers of listening sockets. Source: Linux, proc_net_tcp: local_address, st 0A, inode."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]
