"""The demo from its start to its end, as a user runs it; TMPDIR is the test's own, so that what is left can be seen."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEMO = [sys.executable, "-m", "argus_otel", "demo"]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The demo's environment; when the test is over nothing of it is left."""
    yield {**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "100", "PYTHONUNBUFFERED": "1"}
    assert list(tmp_path.iterdir()) == []
    assert [process.pid for process in psutil.process_iter() if str(tmp_path) in " ".join(cmdline(process))] == []


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_it_shows_everything_and_ends_by_itself(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = tmp_path_factory.mktemp("page") / "demo.html"
    command = [*DEMO, "--page", str(page)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "not answered" not in ran.stdout
    html = page.read_text()
    assert "Alert: Cost of a workspace is far above its usual" in html
    assert "make integration-test VERBOSE=1" in html
    assert "made-up-secret" not in html
    assert ran.stdout.count("$0.090675") >= 2, "both recordings of the same script, to the last digit"
    assert "$0.1645" in ran.stdout
    assert ran.stdout.count("spike: ") == 1
    assert "Turn 2" in ran.stdout
    assert "From acknowledged to visible" in ran.stdout
    assert "[REDACTED:" in ran.stdout
    assert "made-up-secret" not in ran.stdout
    assert len(next_commands(ran.stdout)) == 3


def test_kept_it_serves_and_the_commands_it_names_work(environment: dict[str, str]) -> None:
    with subprocess.Popen([*DEMO, "--keep", "--no-page"], env=environment, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        printed = ""
        for line in demo.stdout:
            printed += line
            if "ClickHouse HTTP" in line:
                break
        for command in next_commands(printed):
            ran = subprocess.run(shlex.split(command), env=environment, capture_output=True, text=True, timeout=60)
            assert ran.returncode == 0, command + ran.stderr
            assert ran.stdout
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0


def test_terminated_in_the_middle_it_leaves_nothing(environment: dict[str, str]) -> None:
    with subprocess.Popen([*DEMO, "--no-page"], env=environment, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert "Starting" in demo.stdout.readline()
        assert demo.stdout.readline()
        demo.send_signal(signal.SIGTERM)
        demo.stdout.read()
        assert demo.wait(60) == 130


def next_commands(printed: str) -> list[str]:
    _, _, after = printed.partition("Try next")
    return [line.strip() for line in after.splitlines()[1:4]]
