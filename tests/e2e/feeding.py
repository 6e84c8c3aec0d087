"""Recorded hooks -> the plugin, as Claude Code would run it, on a machine of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import psutil


class Hook(NamedTuple):
    """One recorded run of a hook."""

    input: dict[str, Any]
    env: dict[str, str]


def recorded(name: str, session_id: str) -> list[Hook]:
    """Return the hooks of a recording of the demo, in order, as a session of this id."""
    lines = resources.files("argus_otel.demo").joinpath("recordings", name, "hooks.jsonl").read_text().splitlines()
    return [Hook({**line["input"], "session_id": session_id}, line["env"]) for line in map(json.loads, lines)]


class Machine:
    """A home with the plugin in use, which ships to `endpoint`."""

    def __init__(self, plugin: Path, home: Path, endpoint: str = "") -> None:
        home.mkdir(exist_ok=True)
        self.home = home
        self.endpoint = endpoint
        self._plugin = plugin
        self._environment = {
            "HOME": str(home),
            "PATH": os.pathsep.join([str(Path(os.path.realpath(sys.executable)).parent), "/usr/bin", "/bin"]),
            "CLAUDE_PLUGIN_ROOT": str(plugin),
            "CLAUDE_PLUGIN_DATA": str(home / "data"),
        }

    def run(self, hook: Hook) -> None:
        done = subprocess.run(
            ["sh", str(self._plugin / "hook.sh"), hook.input["hook_event_name"]],
            input=json.dumps(hook.input).encode(),
            env={**self._environment, **hook.env, "ARGUS_OTEL_ENDPOINT": f"http://{self.endpoint}"},
            capture_output=True,
            timeout=30,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def shippers(self) -> list[psutil.Process]:
        return shippers_below(self.home)


def shippers_below(home: Path) -> list[psutil.Process]:
    """Return the plugin's processes that still have something to do, or wait for it, with their state in this home."""
    found = []
    for process in psutil.process_iter():
        try:
            arguments = process.cmdline()
        except psutil.Error:
            continue
        if any(argument.startswith(str(home)) for argument in arguments) and "shipper.py" in " ".join(arguments):
            found.append(process)
    return found
