"""
What a session waits for at each hook, beside what any command in Python costs.

Wall time of whole processes, turn about, so that what else the machine does meets all of them. Where "a shipper runs", its
lock is held and nothing works in the background: only the blocking part is measured. Where one is started, it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped] # it ships no types

import argus_otel
from argus_otel.capture.hook import make_spool, spool_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = Path(argus_otel.__file__).parent
_NOBODY = "http://127.0.0.1:1"
_STOP_S_MAX = 10


@dataclass(frozen=True, slots=True)
class HookCost:
    """Of one command; `ratio` is to a default `python3 -c pass` in the same run."""

    command: str
    runs: int
    wall_ms: float
    wall_ms_p90: float
    ratio: float


def measure_hook(runs: int, python: str = sys.executable) -> list[HookCost]:
    """Return the cost of each command, the first being the default that the others are held against."""
    small = _told("echo hello")
    with tempfile.TemporaryDirectory() as folder, _busy_spool(f"{folder}/busy"):
        root = Path(folder)
        (root / "lib").mkdir()
        (root / "lib" / "argus_otel").symlink_to(_PACKAGE)
        (root / "hook.sh").write_bytes((_PACKAGE / "plugin" / "files" / "hook.sh").read_bytes())
        find = "import sys; sys.path.insert(0, sys.argv[1])"
        as_plugin = f"{find}; from argus_otel.capture import hook; hook.main(['', 'PreToolUse'])"
        hook = [python, "-I", "-S", "-c", as_plugin, f"{folder}/lib"]
        commands = {
            "python3 -c pass": ([python, "-c", "pass"], small, "busy"),
            "python3 -I -S -c pass": ([python, "-I", "-S", "-c", "pass"], small, "busy"),
            "hook, a shipper runs": (hook, small, "busy"),
            "hook, starts a shipper": (hook, small, "free"),
            "hook, told 1 MB": (hook, _told("x" * 1_000_000), "busy"),
            "hook as a script": (
                [python, "-I", "-S", str(_PACKAGE / "capture" / "hook.py"), "PreToolUse"],
                small,
                "busy",
            ),
            "hook by hook.sh": (["sh", str(root / "hook.sh"), "PreToolUse"], small, "busy"),
        }
        environ = {
            "HOME": folder,
            "PATH": os.environ["PATH"],
            "ARGUS_OTEL_ENDPOINT": _NOBODY,
            "ARGUS_OTEL_PYTHON": python,
        }
        walls: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(runs):
            for name, (command, stdin, state) in commands.items():
                walls[name].append(_wall_ms(command, stdin, {**environ, "CLAUDE_PLUGIN_DATA": f"{folder}/{state}"}))
                if state == "free":
                    _stop_shippers(f"{folder}/free")
    default = statistics.median(walls["python3 -c pass"])
    return [
        HookCost(
            name, runs, statistics.median(wall), statistics.quantiles(wall, n=10)[-1], statistics.median(wall) / default
        )
        for name, wall in walls.items()
    ]


@contextlib.contextmanager
def _busy_spool(state: str) -> Iterator[None]:
    """Make a spool of which somebody has the lock."""
    folder = make_spool(state, {"ARGUS_OTEL_ENDPOINT": _NOBODY})
    with Path(folder, "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _told(command: str) -> bytes:
    about = {"tool_name": "Bash", "tool_use_id": "toolu_1", "tool_input": {"command": command}}
    return json.dumps({"session_id": "s", "hook_event_name": "PreToolUse", "cwd": "/", **about}).encode()


def _wall_ms(command: list[str], stdin: bytes, environ: dict[str, str]) -> float:
    began_s = time.perf_counter()
    done = subprocess.run(command, input=stdin, env=environ, capture_output=True, check=True)
    wall_ms = (time.perf_counter() - began_s) * 1000
    assert (done.stdout, done.stderr) == (b"", b"")
    return wall_ms


def _stop_shippers(state: str) -> None:
    """Stop the shipper of the benchmark's own spool, by its id, and wait until its lock is free."""
    spool = spool_folder(state, _NOBODY)
    deadline_s = time.monotonic() + _STOP_S_MAX
    # Looked for again and again: one that was only just forked has not got its name yet.
    while found := [
        process for process in psutil.process_iter(["cmdline"]) if spool in (process.info["cmdline"] or ())
    ]:
        assert time.monotonic() < deadline_s, "a shipper does not stop"
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        time.sleep(0.02)
