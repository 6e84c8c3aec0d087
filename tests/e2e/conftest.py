"""
One service, and the sessions that tell it about themselves, all at once: each takes seconds, and the tests only read.
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from feeding import shippers_below
from forwarding import Forwarding
from scenarios import everything, opted_out
from services import Service, serving
from sessions import Legs, OptedOut, Ran, run_session
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

SESSIONS = ("grpc with content", "http/json without content")
TOLD_S_MAX = 20
OPTED_OUT = ("/argus-otel:private", "/private")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("service") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The plugin's folder, as a user is told to name it."""
    told = subprocess.run(
        [sys.executable, "-m", "argus_otel", "plugin", "path"],
        env={"HOME": str(tmp_path_factory.mktemp("home")), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.returncode == 0, told.stderr
    yield Path(told.stdout.strip())
    # One that waits for a service which a failed test left dead would wait for minutes.
    for process in shippers_below(tmp_path_factory.getbasetemp()):
        with suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.fixture(scope="session")
def running(
    service: Service, plugin: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Ran | OptedOut]]]:
    """Every session by its name, started: two at a time."""
    grpc, http = service.addresses["otlp_grpc"], service.addresses["otlp_http"]

    def work(name: str) -> Ran:
        home = tmp_path_factory.mktemp("home")
        is_grpc = name == SESSIONS[0]
        protocol, otlp = ("grpc", grpc) if is_grpc else ("http/json", http)
        legs = Legs(protocol, otlp, is_grpc, plugin, http, is_propagating=is_grpc)
        return run_session(everything(home / "project"), legs, home)

    def opt_out(command: str) -> OptedOut:
        home = tmp_path_factory.mktemp("home")
        before, after = secrets.token_hex(16), secrets.token_hex(16)
        is_grpc = command == OPTED_OUT[0]
        protocol, otlp = ("grpc", grpc) if is_grpc else ("http/json", http)
        forwarding = between.enter_context(Forwarding(http))
        legs = Legs(protocol, otlp, is_grpc, plugin, forwarding.address)
        ran = run_session(opted_out(command, before, after), legs, home)
        return OptedOut(ran, command, before, after, forwarding.address, forwarding.bodies)

    with ExitStack() as between, ThreadPoolExecutor(2) as threads:
        started: dict[str, Future[Ran | OptedOut]] = {}
        started |= {name: threads.submit(work, name) for name in SESSIONS}
        started |= {command: threads.submit(opt_out, command) for command in OPTED_OUT}
        yield started


@pytest.fixture(scope="session", params=SESSIONS)
def session(request: pytest.FixtureRequest, running: dict[str, Future[Ran]], service: Service) -> Ran:
    """The session of everything, once per way of telling about it."""
    ran = running[request.param].result()
    _wait_until_told(service, ran)
    return ran


@pytest.fixture(scope="session", params=OPTED_OUT)
def private(request: pytest.FixtureRequest, running: dict[str, Future[OptedOut]], service: Service) -> OptedOut:
    """The session that its user opted out, once per command."""
    known = running[request.param].result()
    _wait_until_told(service, known.ran)
    return known


def _wait_until_told(service: Service, ran: Ran) -> None:
    """Wait for the last of what both legs tell. If it does not come, the tests say what is missing."""

    def check() -> None:
        of_it = f"WHERE session_id = '{ran.session_id}'"
        told = service.rows(f"SELECT api_request_count, is_private FROM argus.sessions {of_it}")
        assert [int(row["api_request_count"]) for row in told] == [len(ran.answers)]
        ends = service.rows(f"SELECT ts FROM argus.transcript {of_it} AND startsWith(text, 'session end')")
        assert told[0]["is_private"] or len(ends) == len(ran.scenario.processes)

    with suppress(AssertionError):
        eventually(check, TOLD_S_MAX)
