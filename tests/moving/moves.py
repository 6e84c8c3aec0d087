"""What tests of moving ask and do."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

VIEWS = ("sessions", "turns", "tool_calls", "api_requests", "session_text", "turn_text", "tool_text", "transcript")
LANDING = ("otel_logs", "otel_traces", "otel_metrics_sum", "otel_metrics_gauge", "otel_metrics_histogram")


class Folder(NamedTuple):
    """A data folder, and what it held when its service stopped."""

    data_dir: Path
    snapshot: dict[str, bytes]


def snapshot(query: Callable[[str], bytes]) -> dict[str, bytes]:
    """Return the contract's views and the landing tables, each as bytes."""
    names = [*(f"argus.{view}" for view in VIEWS), *(f"otel.{table}" for table in LANDING)]
    return {name: query(f"SELECT * FROM {name} ORDER BY ALL") for name in names}


def ask(server: str, sql: str, form: str = "TSVWithNames") -> bytes:
    """Return a server's answer."""
    try:
        with urllib.request.urlopen(f"{server}/?default_format={form}", sql.encode(), timeout=60) as response:
            answer: bytes = response.read()
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from error
    return answer


def snapshot_of(server: str) -> dict[str, bytes]:
    """Return what a server holds now."""
    return snapshot(lambda sql: ask(server, sql))


def databases_of(server: str) -> set[str]:
    """Return the databases that are neither the engine's nor empty of us."""
    return {
        name for name in ask(server, "SHOW DATABASES", "TSV").decode().split() if name.startswith(("argus", "otel"))
    }


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start a command."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ARGUS_OTEL_")}
    return subprocess.Popen(
        [sys.executable, "-m", "argus_otel", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )


def run(*arguments: str) -> tuple[int, str, str]:
    """Run a command to its end: exit code, stdout, stderr."""
    process = start(*arguments)
    out, errors = process.communicate(timeout=120)
    return process.returncode, out, errors


def move(folder: Folder, server: str, *options: str) -> tuple[int, str, str]:
    """Run `argus-otel move` of a folder."""
    return run("move", "--to", server, "--data-dir", str(folder.data_dir), *options)
