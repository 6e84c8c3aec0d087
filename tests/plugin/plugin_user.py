"""Somebody with a home of their own, and the command line as they have it."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class User:
    """Somebody's home and working folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.project = home / "project"
        self.project.mkdir(parents=True)
        self.settings = home / ".claude" / "settings.json"
        self.capture = home / ".config" / "argus-otel" / "capture.json"
        self.plugins = home / ".local" / "share" / "argus-otel-plugin"
        self.variables = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"}

    def run(self, *arguments: str, typed: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "argus_otel", *arguments],
            cwd=self.project,
            env=self.variables | {"ARGUS_OTEL_PYTHON": sys.executable} | variables,
            input=typed or "",
            capture_output=True,
            text=True,
            timeout=180,
        )

    def ok(self, *arguments: str, typed: str | None = None, **variables: str) -> str:
        done = self.run(*arguments, typed=typed, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def wait_for(rows: Callable[[], list[dict[str, Any]]], count: int) -> list[dict[str, Any]]:
    """Return them once there are so many: the shipper goes on after the session."""
    give_up_at = time.monotonic() + 60
    while len(found := rows()) < count:
        assert time.monotonic() < give_up_at, found
        time.sleep(0.05)
    return found
