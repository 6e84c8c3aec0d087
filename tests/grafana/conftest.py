"""One real service that was sent everything once; the tests only read, as a Grafana does."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from known import DROPPED_EVENT, FORGOTTEN, RENAMED, RENAMED_EMAIL, known
from services import Service, serving

from argus_otel.running import command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from known import Known

sys.path.append(str(Path(__file__).parents[2] / "grafana-dashboards"))  # the builder, to look for drift


@pytest.fixture(scope="session")
def data() -> Known:
    return known()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, data: Known) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("grafana")
    config = folder / "config.toml"
    # Summed up at once: half of what is asked reads the rollup, as it would after some days.
    config.write_text(f'drop_events = ["{DROPPED_EVENT}"]\nown_metrics_interval_s = 0\nrollup_margin_s = 1\n')
    with serving(folder / "data", "--config", str(config)) as running:
        for kind, body in data.requests:
            running.send(kind, body)
        running.wait_until_loaded(240)
        order = {"workspace": "default", "session_id": FORGOTTEN, "asked_by": "tests"}
        command(running.data_dir, "POST", "/forget", order)
        _wait(running, "SELECT count() AS n FROM argus.erasures WHERE gone_at IS NOT NULL")
        people = folder / "people.csv"
        people.write_text(f'email,name,team\n{RENAMED_EMAIL},"{RENAMED}",search\n')
        _run(running, "people", "import", str(people))
        _run(running, "budget", "set", "--workspace", "default", "--month", "150")
        _run(running, "budget", "set", "--team", "search", "--month", "1000")
        bill = folder / "usage.csv"
        bill.write_text("day,amount_usd\n2026-11-19,40\n2026-11-20,50\n")  # days on which the team worked
        _run(running, "invoice", "import", str(bill))
        yield running


def _run(service: Service, *arguments: str) -> None:
    """Run a command on the service, as an operator does."""
    command_line = [sys.executable, "-m", "argus_otel", *arguments, "--data-dir", str(service.data_dir)]
    told = subprocess.run(command_line, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stdout + told.stderr


def _wait(service: Service, sql: str, timeout_s: float = 120) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not int(service.rows(sql)[0]["n"]):
        assert time.monotonic() < deadline_s, sql
        time.sleep(0.1)
