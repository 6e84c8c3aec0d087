"""The plugin and the service, with one of them failing: in the end the views are what they are without any fault."""

from __future__ import annotations

import json
import random
import socket
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest
from feeding import Machine, recorded
from services import Service, serving
from waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from feeding import Hook

RECORDING = "content-on"
VIEWS = ("sessions", "turns", "tool_calls", "session_text", "turn_text", "tool_text", "transcript")
TIMES = ("started_at", "ended_at", "ts", "position")
"""They differ from run to run; what hooks say at the same instant has no order."""

ARRIVED_S_MAX = 60

Views = dict[str, list[str]]


def views(service: Service, session_id: str) -> Views:
    """Return all that is known of a session but when it was, and its id."""
    found: Views = {}
    for view in VIEWS:
        rows = service.rows(f"SELECT * FROM argus.{view} WHERE session_id = '{session_id}'")
        said = ({name: value for name, value in row.items() if name not in (*TIMES, "session_id")} for row in rows)
        found[view] = sorted(map(json.dumps, said))
    return found


@pytest.fixture
def machine_of(plugin: Path, tmp_path: Path) -> Iterator[Callable[[str], Machine]]:
    """Return a function that makes the machine; when the test is over, nothing of it runs any more."""
    machine = Machine(plugin, tmp_path / "machine")

    def make(endpoint: str) -> Machine:
        machine.endpoint = endpoint
        return machine

    yield make
    _kill_shippers(machine)


@pytest.fixture(scope="module")
def reference(service: Service, plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Views:
    """What a session is when nothing fails."""
    session_id, hooks = a_session()
    machine = Machine(plugin, tmp_path_factory.mktemp("machine"), service.addresses["otlp_http"])
    for hook in hooks:
        machine.run(hook)
    eventually(lambda: _assert_no_shipper(machine), ARRIVED_S_MAX)
    service.wait_until_loaded()
    known = views(service, session_id)
    prompts_count = sum(hook.input["hook_event_name"] == "UserPromptSubmit" for hook in hooks)
    calls_count = sum(hook.input["hook_event_name"] == "PreToolUse" for hook in hooks)
    assert (len(known["turns"]), len(known["tool_calls"])) == (prompts_count, calls_count)
    return known


def a_session() -> tuple[str, list[Hook]]:
    """Return the recorded hooks as a session that nobody knows yet."""
    session_id = str(uuid.uuid4())
    return session_id, recorded(RECORDING, session_id)


def start_another(machine: Machine) -> None:
    """Run the first hook of a later session: it finds what was left behind."""
    _, hooks = a_session()
    machine.run(hooks[0])


def test_a_service_that_is_away_for_the_whole_session_gets_it_later(
    machine_of: Callable[[str], Machine], reference: Views, tmp_path: Path
) -> None:
    port, (session_id, hooks) = _free_port(), a_session()
    machine = machine_of(f"127.0.0.1:{port}")
    for hook in hooks:
        machine.run(hook)
    assert len(_kill_shippers(machine)) == 1, "one waits for the service to come back; the machine is switched off"
    with serving(tmp_path / "data", "--otlp-http", f"127.0.0.1:{port}") as service:
        start_another(machine)
        _assert_arrives(service, session_id, reference)
        eventually(lambda: _assert_nothing_waits(machine))


def test_a_service_killed_again_and_again_loses_and_doubles_nothing(
    machine_of: Callable[[str], Machine], reference: Views, tmp_path: Path
) -> None:
    chance, port, (session_id, hooks) = random.Random(7), _free_port(), a_session()
    machine = machine_of(f"127.0.0.1:{port}")
    kills = chance.sample(range(1, len(hooks)), 2)
    service = Service(tmp_path / "data", "--otlp-http", f"127.0.0.1:{port}")
    try:
        for index, hook in enumerate(hooks):
            if index in kills:
                service.kill()
            machine.run(hook)
            if index in kills:
                service = Service(tmp_path / "data", "--otlp-http", f"127.0.0.1:{port}")
        # The shipper that waited meanwhile goes on by itself.
        _assert_arrives(service, session_id, reference)
        eventually(lambda: _assert_nothing_waits(machine))
    finally:
        service.kill()


def test_a_shipper_killed_again_and_again_loses_and_doubles_nothing(
    service: Service, machine_of: Callable[[str], Machine], reference: Views
) -> None:
    chance, (session_id, hooks) = random.Random(7), a_session()
    machine = machine_of(service.addresses["otlp_http"])
    killed_count = 0
    for hook in hooks:
        machine.run(hook)
        if chance.random() < 0.5:
            time.sleep(chance.uniform(0, 0.2))  # somewhere in its work
            killed_count += len(_kill_shippers(machine))
    assert killed_count > 10
    start_another(machine)
    _assert_arrives(service, session_id, reference)
    eventually(lambda: _assert_nothing_waits(machine))


def _assert_arrives(service: Service, session_id: str, reference: Views) -> None:
    def check() -> None:
        assert views(service, session_id) == reference

    eventually(check, ARRIVED_S_MAX)


def _assert_nothing_waits(machine: Machine) -> None:
    waiting = [path for path in machine.home.rglob("*") if path.suffix in (".raw", ".spans", ".private")]
    assert waiting == []


def _assert_no_shipper(machine: Machine) -> None:
    assert machine.shippers() == []


def _kill_shippers(machine: Machine) -> list[psutil.Process]:
    killed = machine.shippers()
    for process in killed:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    eventually(lambda: _assert_dead(killed))
    return killed


def _assert_dead(processes: list[psutil.Process]) -> None:
    # Not `psutil.wait_procs`: whoever inherits an orphan may take seconds to bury it.
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            assert process.status() == psutil.STATUS_ZOMBIE


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
