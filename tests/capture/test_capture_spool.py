"""The folder itself: whole files or none, what is told of it, the log beside it."""

from __future__ import annotations

import json
import os
import pwd
import time
from typing import TYPE_CHECKING

import pytest
from capture_doubles import Machine, tool

from argus_otel.capture.errors import DamagedFileError
from argus_otel.capture.hook import append, home, state_folders
from argus_otel.capture.log import LOG_BYTES_MAX, log_file, note
from argus_otel.capture.spool import Run, Spool, report

if TYPE_CHECKING:
    from pathlib import Path

RUN = Run("s1", b'{"name":"x"}')


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    folder = tmp_path / "spool" / "0123456789ab"
    folder.mkdir(parents=True)
    (folder / "endpoint").write_text("http://h")
    return Spool(str(folder))


def test_a_run_reads_back_and_shows_no_content(spool: Spool) -> None:
    spool.add("5-1.spans", RUN)
    assert spool.read("5-1.spans") == RUN
    assert "name" not in repr(RUN)


@pytest.mark.parametrize("cut", [0, 1, 20, -1])
def test_a_run_that_is_not_whole_is_damaged(spool: Spool, tmp_path: Path, cut: int) -> None:
    spool.add("5-1.spans", RUN)
    file = tmp_path / "spool" / "0123456789ab" / "5-1.spans"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(DamagedFileError):
        spool.read("5-1.spans")


def test_what_is_private_is_dropped_neither_for_size_nor_for_age(spool: Spool) -> None:
    for name in ("1-1.private", "2-1.spans", "3-1.raw", "4-1.spans.refused", f"{time.time_ns()}-1.spans"):
        spool.add(name, RUN)
    assert spool.drop_aged(60) == 3
    assert spool.drop_oversize(1) == 1
    assert spool.names("") == ["1-1.private", "endpoint"]


def test_what_was_left_half_written_is_deleted_after_a_while(spool: Spool, tmp_path: Path) -> None:
    for name, age_s in (("new.tmp", 0), ("old.tmp", 7200)):
        file = tmp_path / "spool" / "0123456789ab" / name
        file.touch()
        os.utime(file, (time.time() - age_s,) * 2)
    spool.tidy()
    assert spool.names(".tmp") == ["new.tmp"]


def test_the_report_counts_what_waits_and_what_happened(spool: Spool, tmp_path: Path) -> None:
    assert report(str(tmp_path / "none")) == []
    for name in ("7-1.raw", "5-1.spans", "6-1.private", "1-1.spans.refused"):
        spool.add(name, RUN)
    file_bytes = (tmp_path / "spool" / "0123456789ab" / "7-1.raw").stat().st_size
    spool.note(shipped_count=2, last_shipped_at_ns=9, interpreter="python")
    spool.note(shipped_count=3, dropped={"age": 1}, last_error="e", last_error_at_ns=8)
    spool.note(dropped={"age": 2, "size": 1}, refused_count=1)
    (told,) = report(str(tmp_path))
    assert told == (
        "http://h", 3, 3 * file_bytes, 5, 5, 0, 1, 0, {"age": 3, "size": 1}, 9, 8, "e", "python",
    )  # fmt: skip


@pytest.mark.parametrize("state", ["", "{", "[]", "null"])
def test_a_state_that_is_lost_is_begun_anew(spool: Spool, tmp_path: Path, state: str) -> None:
    (tmp_path / "spool" / "0123456789ab" / "state.json").write_text(state)
    assert report(str(tmp_path))[0].shipped_count == 0
    spool.note(shipped_count=1)
    assert report(str(tmp_path))[0].shipped_count == 1


def test_each_endpoint_has_a_spool(lonely: Machine) -> None:
    for endpoint in ("http://b", "http://a", "http://a/"):
        append(str(lonely.state), "X", tool(1), time.time_ns(), {**lonely.environ, "ARGUS_OTEL_ENDPOINT": endpoint})
    assert [(one.endpoint, one.waiting_count) for one in report(str(lonely.state))] == [
        ("http://a", 2),
        ("http://b", 1),
    ]


def test_a_state_is_looked_for_where_hooks_may_have_put_it() -> None:
    assert home({"HOME": ""}) == pwd.getpwuid(os.getuid()).pw_dir
    found = state_folders({"CLAUDE_PLUGIN_DATA": "/data", "HOME": "/home/me", "TMPDIR": "/t"})
    assert found == ["/data", "/home/me/.local/state/argus-otel/capture", f"/t/argus-otel-{os.getuid()}"]


def test_people_are_told_of_the_folders_of_all_installations(tmp_path: Path) -> None:
    from argus_otel.capture.spool import state_folders as all_state_folders

    for name in ("argus-otel-acme", "argus-otel-inline", "other"):
        (tmp_path / ".claude" / "plugins" / "data" / name).mkdir(parents=True)
    found = all_state_folders({"HOME": str(tmp_path), "TMPDIR": "/t"})
    data = f"{tmp_path}/.claude/plugins/data"
    assert found == [
        f"{data}/argus-otel-acme",
        f"{data}/argus-otel-inline",
        f"{tmp_path}/.local/state/argus-otel/capture",
        f"/t/argus-otel-{os.getuid()}",
    ]


def test_the_log_is_bounded_and_keeps_the_latest(tmp_path: Path) -> None:
    for number in range(3 * LOG_BYTES_MAX // 1000):
        note(str(tmp_path), f"{number} " + "x" * 990)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["capture.log", "capture.log.1"]
    assert all(file.stat().st_size <= LOG_BYTES_MAX for file in files)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    last = (tmp_path / "capture.log").read_text().splitlines()[-1]
    assert f" {3 * LOG_BYTES_MAX // 1000 - 1} x" in last


def test_a_note_is_one_line_of_bounded_length(tmp_path: Path) -> None:
    note(str(tmp_path), "a\nb\rc" + "d" * 1_000_000)
    note(str(tmp_path / "none"), "nowhere")
    lines = (tmp_path / "capture.log").read_bytes().splitlines()
    assert len(lines) == 1
    assert len(lines[0]) <= 2048
    assert log_file(str(tmp_path)) == str(tmp_path / "capture.log")


def test_a_header_is_json(spool: Spool, tmp_path: Path) -> None:
    spool.add("5-1.spans", Run("é\n", b"{}"))
    header = (tmp_path / "spool" / "0123456789ab" / "5-1.spans").read_bytes().partition(b"\n")[0]
    assert json.loads(header)["session_id"] == "é\n"
