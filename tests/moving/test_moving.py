"""All of an embedded folder stands on the server afterwards, byte for byte; and what is refused, with its reason."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from clickhouse_process import clickhouse
from moves import ask, databases_of, move, run, snapshot_of
from services import serving
from test_service_faults import calls

from argus_otel.envelope import Envelope, Signal, encode
from argus_otel.errors import StoreUnavailableError
from argus_otel.moving.mover import Mover
from argus_otel.moving.record import MoveRecord
from argus_otel.running import command
from argus_otel.schema.render import SchemaSettings
from argus_otel.store import ServerStore

if TYPE_CHECKING:
    from pathlib import Path

    from moves import Folder
    from services import Service


def test_views_and_landing_tables_are_the_same_to_the_byte(folder: Folder, bare_server: str) -> None:
    code, out, errors = move(folder, bare_server)
    assert code == 0, errors
    assert snapshot_of(bare_server) == folder.snapshot
    assert databases_of(bare_server) == {"argus", "otel"}
    [aside] = folder.data_dir.glob("clickhouse*")
    assert aside.name.startswith("clickhouse.moved-")
    assert not (folder.data_dir / "move.json").exists()
    assert "3 sessions, 0.345850 USD, equal at both ends" in out
    assert "serve --data-dir" in out
    assert "copied 0 of" in errors


def test_a_service_goes_on_where_the_move_ended(folder: Folder, server: str) -> None:
    """The server's views make facts of what comes, and sum up what was moved by its own clock."""
    assert move(folder, server)[0] == 0
    with serving(folder.data_dir, "--clickhouse", server) as service:
        service.send(Signal.LOGS, calls([1, 2], session="later"))
        service.wait_until_loaded()
    sessions = ask(server, "SELECT session_id, cost_usd FROM argus.sessions ORDER BY cost_usd", "TSV").decode()
    assert sessions.splitlines()[0] == "later\t0.002"
    assert len(sessions.splitlines()) == 4
    stale = "SELECT count() FROM argus.session_facts FINAL WHERE changed_at < now() - 300"
    assert ask(server, stale, "TSV") == b"0\n"


def test_what_is_in_the_spool_is_moved_too(folder: Folder, server: str) -> None:
    left = encode(Envelope(Signal.LOGS, "default", 1, 1, 0, calls([7], session="spooled")))
    poison = encode(Envelope(Signal.LOGS, "default", 1, 1, 0, b"\x0a\x05\xff\xff\xff"))
    (folder.data_dir / "spool" / "0000000000009000-0000000000000001.seg").write_bytes(left + poison)
    code, out, errors = move(folder, server)
    assert code == 0, errors
    assert "1 records were refused for good before and stay in" in out
    assert ask(server, "SELECT request_id FROM argus.api_requests WHERE session_id = 'spooled'", "TSV") == b"r7\n"


def test_a_service_that_runs_on_the_folder_is_not_disturbed(folder: Folder, server: str) -> None:
    with serving(folder.data_dir) as service:
        code, _, errors = move(folder, server)
        assert (code, "argus-otel drain --stop" in errors) == (1, True)
        assert len(service.rows("SELECT session_id FROM argus.sessions")) == 3
    assert databases_of(server) == {"argus", "otel"}


def test_a_server_with_data_wants_to_be_asked_and_keeps_it(folder: Folder, server: str, tmp_path: Path) -> None:
    with serving(tmp_path / "other", "--clickhouse", server, "--migrate") as service:
        service.send(Signal.LOGS, calls([1], session="other"))
        service.wait_until_loaded()
    code, _, errors = move(folder, server)
    assert (code, "--merge" in errors) == (1, True)
    assert move(folder, server, "--merge")[0] == 0
    totals = "SELECT count(), sum(cost_nanousd) FROM argus.sessions"
    assert ask(server, totals, "TSV") == b"4\t346850000\n"
    assert ask(server, "SELECT count() FROM otel.otel_logs WHERE Body = 'claude_code.api_request'", "TSV") == (
        b"%d\n" % (1 + folder.snapshot["otel.otel_logs"].count(b"\tclaude_code.api_request\t"))
    )


def test_a_private_session_at_both_ends_is_erased_again(folder: Folder, server: str, tmp_path: Path) -> None:
    """What the folder says was erased may have been told of at the server as well."""
    with serving(tmp_path / "other", "--clickhouse", server, "--migrate") as service:
        service.send(Signal.LOGS, calls([1], session="secret"))
        service.wait_until_loaded()
    with serving(folder.data_dir) as service:
        service.send(Signal.LOGS, calls([2], session="secret"))
        for session in ("secret", "alone"):
            body = {"workspace": "default", "session_id": session, "asked_by": "test"}
            command(folder.data_dir, "POST", "/forget", body)
        service.wait_until_loaded()
    code, _, errors = move(folder, server, "--merge")
    assert code == 0, errors
    erasures = "SELECT session_id, gone_at IS NULL FROM argus.erasures ORDER BY session_id"
    assert ask(server, erasures, "TSV") == b"alone\t0\nsecret\t1\n"


def test_what_one_end_erased_is_erased_of_the_other_too(folder: Folder, server: str, tmp_path: Path) -> None:
    def forget(service: Service, session: str) -> None:
        body = {"workspace": "default", "session_id": session, "asked_by": "test"}
        command(service.data_dir, "POST", "/forget", body)
        service.wait_until_loaded()
        deadline_s = time.monotonic() + 60
        while command(service.data_dir, "GET", "/status")["erasures"] != {"private": 1, "waiting": 0}:
            assert time.monotonic() < deadline_s
            time.sleep(0.1)

    with serving(tmp_path / "other", "--clickhouse", server, "--migrate") as service:
        service.send(Signal.LOGS, calls([1], session="erased by the folder"))
        service.wait_until_loaded()
        forget(service, "erased by the server")
    with serving(folder.data_dir) as service:
        service.send(Signal.LOGS, calls([2], session="erased by the server"))
        service.wait_until_loaded()
        forget(service, "erased by the folder")
    code, _, errors = move(folder, server, "--merge")
    assert code == 0, errors
    waiting = "SELECT session_id FROM argus.erasures WHERE gone_at IS NULL ORDER BY session_id"
    assert ask(server, waiting, "TSV") == b"erased by the folder\nerased by the server\n"


def test_a_server_of_another_schema_is_migrated_only_if_asked(folder: Folder, server: str) -> None:
    ask(server, "INSERT INTO argus.schema_migrations (name, checksum) SELECT '404_sessions', 'other'")
    code, _, errors = move(folder, server)
    assert (code, "move with --migrate" in errors) == (1, True)
    assert move(folder, server, "--migrate")[0] == 0
    assert snapshot_of(server) == folder.snapshot


def test_a_move_is_finished_where_it_began_or_given_up(
    folder: Folder, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argus_otel.moving.mover._WAITS_S", ())
    (tmp_path / "server" / "refuse for good").touch()
    store = ServerStore(server)
    mover = Mover(folder.data_dir, store, SchemaSettings(), MoveRecord(server.removeprefix("http://")))
    mover.prepare_server(may_migrate=False, may_hold_data=False)
    with pytest.raises(StoreUnavailableError, match="Memory limit exceeded"):
        mover.copy()
    store.close()
    assert len(databases_of(server)) == 4
    with clickhouse(tmp_path / "another") as another:
        code, _, errors = move(folder, another)
    assert (code, "half done" in errors) == (1, True)
    assert move(folder, server, "--abandon")[0] == 0
    assert databases_of(server) == {"argus", "otel"}
    assert move(folder, server, "--abandon")[0] == 2
    (tmp_path / "server" / "refuse for good").unlink()
    assert move(folder, server)[0] == 0
    assert snapshot_of(server) == folder.snapshot


def test_wrong_usage_says_what_to_do(folder: Folder, tmp_path: Path) -> None:
    code, _, errors = run("move", "--to", "nowhere", "--data-dir", str(folder.data_dir))
    assert (code, "http://user:password@host:8123" in errors) == (2, True)
    code, _, errors = run("move", "--to", "http://u:s3/cr@127.0.0.1:1", "--data-dir", str(folder.data_dir))
    assert (code, "%2F" in errors, "s3" in errors) == (2, True, False), errors
    code, _, errors = run("move", "--to", "http://127.0.0.1:1", "--data-dir", str(tmp_path / "none"))
    assert (code, "nothing to move" in errors) == (2, True)
    code, _, errors = run("move", "--to", "http://127.0.0.1:1", "--data-dir", str(folder.data_dir))
    assert (code, "cannot be reached" in errors) == (1, True)
    assert (folder.data_dir / "clickhouse").is_dir()
