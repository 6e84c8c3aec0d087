"""A real process, killed at any moment, many times over one folder."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from spool_doubles import drain, settings

from argus_otel.spool import Spool

ROUNDS = 12
NUMBERS_PER_ROUND = 1_000_000


def appended_until_killed(folder: Path, first: int, count: int) -> set[int]:
    """Run an appender, kill it after `count` acknowledgements, return all that it reported."""
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])])}
    command = [sys.executable, str(here / "appender.py"), str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as appender:
        assert appender.stdout
        lines = [appender.stdout.readline() for _ in range(count)]
        appender.kill()
        lines += appender.stdout.readlines()
    return {int(line) for line in lines if line.endswith(b"\n")}


def test_every_acknowledged_envelope_survives_sigkill(tmp_path: Path) -> None:
    moments = random.Random(2)
    acknowledged: set[int] = set()
    for round_index in range(ROUNDS):
        acknowledged |= appended_until_killed(tmp_path, round_index * NUMBERS_PER_ROUND, moments.randint(1, 400))
    spool = Spool(settings(tmp_path))
    received, spooled = spool.counts()
    found = drain(spool)
    spool.close()
    assert acknowledged <= set(found)
    assert len(found) == len(set(found)) == received == spooled
    assert not list((tmp_path / "spool").glob("*.damaged"))
