"""
A folder -> argus-otel serving on it in a process of its own, at free ports, until the block is left.

It is started as a user would start it, and stopped by SIGTERM; a service that does not stop is killed.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argus_otel.errors import ArgusError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_START_S_MAX = 60
"""The first start makes every table; on a slow disk that takes seconds."""

_STOP_S_MAX = 30
"""Longer than the service's own bound for draining."""

_LOG_LINES_MAX = 10


class ServiceError(ArgusError):
    """The service did not start, or ended by itself; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service and where it answers."""

    otlp_grpc: str
    otlp_http: str
    clickhouse_http: str
    data_dir: str
    process: subprocess.Popen[str]
    log: Path

    def check(self) -> None:
        """Raise ServiceError if it has ended."""
        if self.process.poll() is not None:
            raise _ended(self.process, self.log)


@contextmanager
def serving(folder: Path) -> Iterator[Service]:
    """
    Serve on `folder`/data while the block runs.

    Raises:
        ServiceError: it did not come up.
    """
    data_dir, log = folder / "data", folder / "service.log"
    listening = [f"--{name}=127.0.0.1:0" for name in ("otlp-grpc", "otlp-http", "clickhouse-http")]
    command = [sys.executable, "-m", "argus_otel", "serve", "--data-dir", str(data_dir), *listening]
    # The user's own settings are for the user's own service.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_OTEL_")}
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment)  # noqa: S603 - our own command
    with process:
        try:
            yield _started(process, log)
        finally:
            _stop(process)


def _started(process: subprocess.Popen[str], log: Path) -> Service:
    assert process.stdout is not None, "it was asked for"
    ready, _, _ = select.select([process.stdout], [], [], _START_S_MAX)
    line = process.stdout.readline() if ready else ""
    if not line:
        raise _ended(process, log) if ready else ServiceError(f"the service was not up after {_START_S_MAX} s")
    told = json.loads(line)
    return Service(
        told["otlp_grpc"], told["otlp_http"], told["clickhouse_http"], told["data_dir"], process=process, log=log
    )


def _ended(process: subprocess.Popen[str], log: Path) -> ServiceError:
    code = process.wait(_STOP_S_MAX)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES_MAX:])
    return ServiceError(f"the service ended with code {code}; the end of its log:\n{tail}")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
