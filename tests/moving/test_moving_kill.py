"""A move that is killed, at any place, and run again loses no row and doubles none."""

from __future__ import annotations

import random
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from moves import ask, databases_of, move, snapshot_of, start
from services import serving
from test_service_faults import calls

from argus_otel.envelope import Signal
from argus_otel.moving.mover import Mover
from argus_otel.moving.record import MoveRecord, read_record
from argus_otel.schema.render import SchemaSettings
from argus_otel.store import ServerStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from moves import Folder


class Killed(BaseException):
    """As little is done after it as after a SIGKILL."""


class Mortal(ServerStore):
    """A connection whose process dies before, or right after, the n-th statement that changes something."""

    left = 0
    is_done_first = False

    def execute(self, sql: str) -> None:
        if sql.startswith(("--", "CREATE OR REPLACE VIEW")):
            super().execute(sql)
            return
        self._count(lambda: super(Mortal, self).execute(sql))

    def insert_native(self, table: str, columns: Sequence[str], blocks: bytes) -> None:
        self._count(lambda: super(Mortal, self).insert_native(table, columns, blocks))

    def _count(self, action: Any) -> None:
        self.left -= 1
        if self.left == 0 and not self.is_done_first:
            raise Killed
        action()
        if self.left == 0:
            raise Killed


def mover_of(folder: Folder, store: ServerStore) -> Mover:
    return Mover(folder.data_dir, store, SchemaSettings(), read_record(folder.data_dir) or MoveRecord("server"))


def test_killed_all_over_the_attaching(folder: Folder, server: str) -> None:
    store = Mortal(server)
    mover = mover_of(folder, store)
    mover.prepare_server(may_migrate=False, may_hold_data=False)
    mover.copy()
    kills = 0
    while (folder.data_dir / "move.json").exists():
        store.left, store.is_done_first = (1, 5, 2, 7)[kills % 4], kills % 3 == 0
        try:
            mover_of(folder, store).attach()
        except Killed:
            kills += 1
    assert kills > 4
    assert snapshot_of(server) == folder.snapshot
    assert databases_of(server) == {"argus", "otel"}


def test_killed_all_over_the_copying(folder: Folder, server: str) -> None:
    store, kills = Mortal(server), 0
    mover_of(folder, store).prepare_server(may_migrate=False, may_hold_data=False)
    while True:
        store.left, store.is_done_first = 10 + 9 * kills, kills % 2 == 0
        mover = mover_of(folder, store)
        try:
            mover.copy()
            break
        except Killed:
            kills += 1
    store.left = 0
    mover.attach()
    assert kills >= 3
    assert snapshot_of(server) == folder.snapshot


def test_a_process_that_is_killed_again_and_again(folder: Folder, server: str, tmp_path: Path) -> None:
    (tmp_path / "server" / "slow").touch()
    chance, kills = random.Random(3), 0
    for _ in range(4):
        process = start("move", "--to", server, "--data-dir", str(folder.data_dir))
        time.sleep(chance.uniform(1.0, 5.0))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        kills += process.returncode == -signal.SIGKILL
    (tmp_path / "server" / "slow").unlink()
    (tmp_path / "server" / "refuse").touch()  # and the server has a bad moment
    assert kills == 4, "each was in the middle"
    code, _, errors = move(folder, server)
    assert code == 0, errors
    assert snapshot_of(server) == folder.snapshot
    assert databases_of(server) == {"argus", "otel"}


def test_what_came_into_the_folder_between_two_runs_is_moved_too(folder: Folder, server: str) -> None:
    store = Mortal(server)
    mover = mover_of(folder, store)
    mover.prepare_server(may_migrate=False, may_hold_data=False)
    store.left = 36
    with pytest.raises(Killed):
        mover.copy()
    record = read_record(folder.data_dir)
    assert record is not None
    assert record.copied, "it was killed in the middle"
    with serving(folder.data_dir) as service:
        service.send(Signal.LOGS, calls([1], session="between"))
        service.wait_until_loaded()
        expected = service.query("SELECT session_id, cost_usd FROM argus.sessions ORDER BY ALL", "TSV")
        logs = service.query("SELECT count() FROM otel.otel_logs", "TSV")
    store.left = 0
    mover = mover_of(folder, store)
    mover.copy()
    mover.attach()
    assert ask(server, "SELECT session_id, cost_usd FROM argus.sessions ORDER BY ALL", "TSV") == expected
    assert ask(server, "SELECT count() FROM otel.otel_logs", "TSV") == logs
