"""A process that appends, loads, bisects, dead-letters and retries, killed at any moment over one data folder."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from load_doubles import Line, Store, number_of
from loading import POISON_EVERY

if TYPE_CHECKING:
    from argus_otel.telemetry import Telemetry

ROUNDS = 12
NUMBERS_PER_ROUND = 1_000_000


def run_until_killed(folder: Path, first: int, line_count: int) -> dict[str, list[int]]:
    """Run, kill after that many lines, and return all numbers by the word before them."""
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])])}
    command = [sys.executable, str(here / "loading.py"), str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(line_count)]
        process.kill()
        lines += process.stdout.readlines()
    said = defaultdict(list)
    for line in lines:
        if line.endswith("\n"):
            word, *numbers = line.split()
            said[word] += map(int, numbers)
    return said


def test_sigkill_at_any_moment_loses_nothing_and_the_accounting_adds_up(tmp_path: Path, telemetry: Telemetry) -> None:
    moments = random.Random(3)
    acknowledged: set[int] = set()
    loaded: set[int] = set()
    for round_index in range(ROUNDS):
        said = run_until_killed(tmp_path, round_index * NUMBERS_PER_ROUND, moments.randint(2, 600))
        assert said["missing"] == [0]
        acknowledged |= set(said["acknowledged"])
        loaded |= set(said["loaded"])

    poison = {number for number in acknowledged if number % POISON_EVERY == 0}
    store = Store(poison=range(0, ROUNDS * NUMBERS_PER_ROUND, POISON_EVERY))
    line = Line(tmp_path, telemetry, store)
    line.load_all()
    loaded |= store.loaded.keys()
    dead = [number_of(line.dead_letters.read(letter.id)) for letter in line.dead_letters.letters()]
    assert acknowledged - poison <= loaded
    assert poison
    assert poison <= set(dead)
    assert len(dead) == len(set(dead))
    assert line.adds_up() == (len(loaded) + len(dead), len(loaded), len(dead), 0)
