"""A disk that refuses: every waiter is told, nothing acknowledged is lost, nothing torn is followed."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from spool_doubles import FailingDisk, SlowDisk, drain, envelope, settings

from argus_otel.errors import SpoolWriteError
from argus_otel.spool import Spool

KINDS = ["create", "write", "sync", "sync_folder"]


@pytest.mark.parametrize("is_cut", [True, False], ids=["cut back", "cannot be cut back"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_commit_leaves_nothing_and_the_next_one_succeeds(tmp_path: Path, kind: str, is_cut: bool) -> None:
    disk = FailingDisk()
    spool = Spool(settings(tmp_path, segment_age_s_max=1e9), disk=disk)
    if kind in {"write", "sync"}:
        spool.append_blocking(envelope(1))  # so that the failure meets a file that holds something
    disk.failing = {kind} if is_cut else {kind, "truncate"}
    with pytest.raises(SpoolWriteError, match="cannot write to the spool"):
        spool.append_blocking(envelope(2, size_bytes=500))
    disk.failing = set()
    spool.append_blocking(envelope(3))
    acknowledged = [1, 3] if kind in {"write", "sync"} else [3]
    assert spool.counts() == (len(acknowledged), len(acknowledged))
    spool.close()
    assert drain(spool) == acknowledged
    assert spool.used_bytes == 0


@pytest.mark.parametrize("kind", ["write", "sync"])
def test_after_a_failed_commit_and_a_crash_recovery_finds_the_acknowledged(tmp_path: Path, kind: str) -> None:
    """The failed bytes could not even be cut off; the next file's name says where the acknowledged ones end."""
    disk = FailingDisk()
    spool = Spool(settings(tmp_path, segment_age_s_max=1e9), disk=disk)
    spool.append_blocking(envelope(1))
    disk.failing = {kind, "truncate"}
    with pytest.raises(SpoolWriteError):
        spool.append_blocking(envelope(2))
    spool.append_blocking(envelope(3))
    spool.close()
    spool = Spool(settings(tmp_path))
    assert spool.counts() == (2, 2)
    assert drain(spool) == [1, 3]
    assert not list((tmp_path / "spool").glob("*.damaged"))
    spool.close()


def test_a_failed_commit_that_could_not_be_cut_off_is_not_acknowledged_by_a_restart(tmp_path: Path) -> None:
    disk = FailingDisk()
    spool = Spool(settings(tmp_path, segment_age_s_max=1e9), disk=disk)
    spool.append_blocking(envelope(1))
    disk.failing = {"sync", "truncate"}
    with pytest.raises(SpoolWriteError):
        spool.append_blocking(envelope(2))
    spool.close()
    spool = Spool(settings(tmp_path))
    assert spool.counts() == (1, 1)
    assert drain(spool) == [1]
    spool.close()


def test_a_file_whose_sync_failed_is_never_appended_to_again(tmp_path: Path) -> None:
    disk = FailingDisk()
    spool = Spool(settings(tmp_path, segment_age_s_max=1e9), disk=disk)
    spool.append_blocking(envelope(1))
    [first] = (tmp_path / "spool").glob("*.seg")
    size_bytes = first.stat().st_size
    disk.failing = {"sync"}
    with pytest.raises(SpoolWriteError):
        spool.append_blocking(envelope(2))
    spool.append_blocking(envelope(3))
    assert first.stat().st_size == size_bytes
    assert len(list((tmp_path / "spool").glob("*.seg"))) == 2
    spool.close()


def test_every_waiter_of_a_failed_commit_is_told(tmp_path: Path) -> None:
    disk = SlowDisk()
    spool = Spool(settings(tmp_path), disk=disk)

    async def append_many() -> list[BaseException | None]:
        first = asyncio.create_task(spool.append(envelope(0)))
        while not disk.is_syncing.is_set():
            await asyncio.sleep(0)
        disk.failing = {"write"}
        rest = [asyncio.create_task(spool.append(envelope(number))) for number in range(1, 50)]
        await asyncio.sleep(0)
        disk.go.set()
        return await asyncio.gather(first, *rest, return_exceptions=True)

    first, *rest = asyncio.run(append_many())
    assert first is None
    assert {type(error) for error in rest} == {SpoolWriteError}
    assert len({id(error) for error in rest}) == 49
    assert drain(spool) == [0]
    spool.close()


def test_a_segment_that_cannot_be_cut_is_not_handed_out_until_it_can(tmp_path: Path) -> None:
    disk = FailingDisk()
    spool = Spool(settings(tmp_path), disk=disk)
    spool.append_blocking(envelope(1))
    disk.failing = {"write", "truncate"}
    with pytest.raises(SpoolWriteError):
        spool.append_blocking(envelope(2, size_bytes=500))
    disk.failing = {"truncate"}
    with pytest.raises(SpoolWriteError, match="cannot cut"):
        spool.take(1, 0.0)
    assert drain(spool) == [1]
    spool.close()


def test_a_disk_that_stays_full_is_one_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    disk = FailingDisk()
    spool = Spool(settings(tmp_path), disk=disk)
    for number in range(20):
        disk.failing = {"write"}
        with pytest.raises(SpoolWriteError):
            spool.append_blocking(envelope(number))
    spool.append_blocking(envelope(20))
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    spool.close()


LIMITED = """
import resource, signal, sys
from pathlib import Path
sys.path[:0] = [sys.argv[2]]
from argus_otel.errors import SpoolWriteError
from argus_otel.spool import Spool
from spool_doubles import envelope, settings

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))
spool = Spool(settings(Path(sys.argv[1]), segment_age_s_max=1e9))
for number in range(60):
    try:
        spool.append_blocking(envelope(number, size_bytes=700))
        print(number, flush=True)
    except SpoolWriteError as error:
        print("refused", error, flush=True)
"""


def test_a_file_that_the_system_lets_grow_no_further_loses_nothing(tmp_path: Path) -> None:
    """A real refusal in the middle of a write: the system's limit on a file's size, which cuts the write short."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    acknowledged = [int(line) for line in lines if line.isdigit()]
    assert [line for line in lines if "File too large" in line]
    assert len(acknowledged) > 30
    spool = Spool(settings(tmp_path))
    assert drain(spool) == acknowledged
    assert spool.received_records == len(acknowledged)
    spool.close()
