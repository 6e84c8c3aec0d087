"""What `append` promises, what it refuses, and that it groups."""

from __future__ import annotations

import asyncio
import stat
import threading
from typing import TYPE_CHECKING

import pytest
from spool_doubles import SlowDisk, drain, envelope, numbers_in, settings

from argus_otel.envelope import decode_all, encode
from argus_otel.errors import ConfigError, ShuttingDownError, SpoolFullError
from argus_otel.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(settings(tmp_path))
    yield spool
    spool.close()


def test_an_appended_envelope_is_in_a_file_when_append_returns(spool: Spool, tmp_path: Path) -> None:
    spool.append_blocking(envelope(1))
    [path] = (tmp_path / "spool").glob("*.seg")
    assert [found for _, _, found in decode_all(path.read_bytes())] == [envelope(1)]
    assert path.name == "0000000000000001-0000000000000000.seg"


def test_folder_and_files_are_for_the_owner_alone(spool: Spool, tmp_path: Path) -> None:
    spool.append_blocking(envelope(1))
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "spool").iterdir()} == {0o600}


def test_appends_that_wait_together_share_one_sync_and_one_wakeup(tmp_path: Path) -> None:
    disk = SlowDisk()
    spool = Spool(settings(tmp_path), disk=disk)

    async def append_many() -> int:
        loop = asyncio.get_running_loop()
        wakeups = 0
        call_soon_threadsafe = loop.call_soon_threadsafe

        def count_wakeup(*args: object) -> asyncio.Handle:
            nonlocal wakeups
            wakeups += 1
            return call_soon_threadsafe(*args)  # type: ignore[arg-type]

        loop.call_soon_threadsafe = count_wakeup  # type: ignore[method-assign,assignment]
        first = asyncio.create_task(spool.append(envelope(0)))
        while not disk.is_syncing.is_set():
            await asyncio.sleep(0)
        rest = [asyncio.create_task(spool.append(envelope(number))) for number in range(1, 1_001)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in rest)
        disk.go.set()
        await asyncio.gather(first, *rest)
        return wakeups

    assert asyncio.run(append_many()) == 2
    assert disk.sync_count == 2
    assert drain(spool) == list(range(1_001))
    spool.close()


def test_a_request_too_large_for_the_event_loop_is_stored_the_same(spool: Spool) -> None:
    large = envelope(7, size_bytes=300_000)
    asyncio.run(spool.append(large))
    [segment] = spool.take(1, 1.0)
    assert [found for _, _, found in decode_all(segment.path.read_bytes())] == [large]


def test_a_caller_that_went_away_does_not_hurt_the_others(tmp_path: Path) -> None:
    disk = SlowDisk()
    spool = Spool(settings(tmp_path), disk=disk)

    async def cancel_one() -> None:
        gone, stays = (asyncio.create_task(spool.append(envelope(number))) for number in (1, 2))
        await asyncio.sleep(0)
        gone.cancel()
        disk.go.set()
        await stays
        assert gone.cancelled()

    asyncio.run(cancel_one())
    assert 2 in drain(spool)
    spool.close()


def test_a_closed_event_loop_does_not_stop_the_committer(tmp_path: Path) -> None:
    disk = SlowDisk()
    spool = Spool(settings(tmp_path), disk=disk)

    async def leave() -> None:
        asyncio.create_task(spool.append(envelope(1)))  # noqa: RUF006 - to be left behind
        await asyncio.sleep(0)

    asyncio.run(leave())
    disk.go.set()
    spool.append_blocking(envelope(2))
    assert drain(spool) == [1, 2]
    spool.close()


def test_a_full_spool_refuses_until_segments_are_deleted(tmp_path: Path) -> None:
    spool = Spool(settings(tmp_path, bytes_max=1_000))
    each_bytes = len(encode(envelope(10, size_bytes=100)))
    fitting = 1_000 // each_bytes
    for number in range(10, 10 + fitting):
        spool.append_blocking(envelope(number, size_bytes=100))
    with pytest.raises(SpoolFullError) as full:
        spool.append_blocking(envelope(99, size_bytes=100))
    assert full.value.used_bytes == spool.used_bytes == fitting * each_bytes
    assert spool.used_bytes == sum(path.stat().st_size for path in (tmp_path / "spool").glob("*.seg"))
    assert drain(spool) == list(range(10, 10 + fitting))
    assert (spool.used_bytes, spool.record_count) == (0, 0)
    spool.append_blocking(envelope(99))
    spool.close()


def test_what_waits_for_the_disk_counts_towards_the_bound(tmp_path: Path) -> None:
    disk = SlowDisk()
    spool = Spool(settings(tmp_path, bytes_max=1_000), disk=disk)
    waiting = threading.Thread(target=spool.append_blocking, args=(envelope(1, size_bytes=800),))
    waiting.start()
    assert disk.is_syncing.wait(60)
    with pytest.raises(SpoolFullError):
        spool.append_blocking(envelope(2, size_bytes=200))
    disk.go.set()
    waiting.join()
    assert drain(spool) == [1]
    spool.close()


def test_close_commits_what_waits_and_then_refuses(tmp_path: Path) -> None:
    disk = SlowDisk()
    spool = Spool(settings(tmp_path, segment_age_s_max=1e9), disk=disk)
    appends = [threading.Thread(target=spool.append_blocking, args=(envelope(number),)) for number in range(5)]
    for append in appends:
        append.start()
    assert disk.is_syncing.wait(60)
    closing = threading.Thread(target=spool.close)
    closing.start()
    disk.go.set()
    for thread in (*appends, closing):
        thread.join()
    spool.close()
    with pytest.raises(ShuttingDownError):
        spool.append_blocking(envelope(9))
    assert sorted(numbers_in(spool.take(1 << 40, 60.0))) == list(range(5))


def test_one_process_per_folder(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="another process uses"):
        Spool(settings(tmp_path))


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(ConfigError, match="cannot use spool folder"):
        Spool(settings(tmp_path))
