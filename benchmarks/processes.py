"""Processes under measurement: started, read from outside (CPU, resident memory), stopped by their own id."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped] # it ships no types

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
_STOP_S_MAX = 30


class Measured:
    """One running process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._seen = psutil.Process(process.pid)

    def cpu_s(self) -> float:
        """Return the CPU used so far, in user and kernel mode, by all threads."""
        times = self._seen.cpu_times()
        return float(times.user + times.system)

    def resident_bytes(self) -> int:
        return int(self._seen.memory_info().rss)

    def first_line(self) -> dict[str, Any]:
        """Wait for the first line of stdout, a JSON object."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait()} before it was ready")
        document: dict[str, Any] = json.loads(line)
        return document


@contextmanager
def running(arguments: Sequence[str], log: Path) -> Iterator[Measured]:
    """Run a command until the block ends; its stderr goes to `log`."""
    with log.open("w") as errors:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT)
    try:
        yield Measured(process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def python(*arguments: str) -> list[str]:
    """Return the command that runs a module with this interpreter."""
    return [sys.executable, "-m", *arguments]
