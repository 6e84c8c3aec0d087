"""When segments are sealed, and what a loader gets to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from spool_doubles import drain, envelope, numbers_in, settings

from argus_otel.envelope import encode
from argus_otel.errors import ShuttingDownError, SpoolFullError
from argus_otel.spool import Spool

if TYPE_CHECKING:
    from pathlib import Path

FOREVER = 1e9


def test_segments_are_sealed_by_size(tmp_path: Path) -> None:
    size_bytes = len(encode(envelope(0)))
    spool = Spool(settings(tmp_path, segment_bytes_max=3 * size_bytes, segment_age_s_max=FOREVER))
    for number in range(7):
        spool.append_blocking(envelope(number))
    segments = spool.take(1 << 40, 0.0)
    assert [segment.record_count for segment in segments] == [3, 3]
    assert [segment.size_bytes for segment in segments] == [3 * size_bytes] * 2
    assert [segment.received_through for segment in segments] == [3, 6]
    spool.close()


def test_segments_are_sealed_by_what_they_expand_to(tmp_path: Path) -> None:
    spool = Spool(settings(tmp_path, segment_expanded_bytes_max=250, segment_age_s_max=FOREVER))
    for number in range(5):
        spool.append_blocking(envelope(number, expanded_bytes=100))
    assert [segment.expanded_bytes for segment in spool.take(1 << 40, 0.0)] == [200, 200]
    spool.close()


def test_an_envelope_larger_than_a_segment_is_a_segment_alone(tmp_path: Path) -> None:
    spool = Spool(settings(tmp_path, segment_bytes_max=500))
    for number, size_bytes in enumerate((10, 5_000, 10)):
        spool.append_blocking(envelope(number, size_bytes=size_bytes))
    assert [numbers_in([segment]) for segment in spool.take(1 << 40, 0.0)] == [[0], [1], [2]]
    spool.close()


def test_a_waiting_loader_gets_the_newest_segment_at_its_age(tmp_path: Path) -> None:
    now_s = 100.0
    spool = Spool(settings(tmp_path, segment_age_s_max=0.2), clock=lambda: now_s)
    spool.append_blocking(envelope(1))
    now_s = 100.1
    assert spool.take(1 << 40, 0.0) == []
    now_s = 100.2
    assert numbers_in(spool.take(1 << 40, 0.0)) == [1]
    spool.close()


def test_a_loader_that_waits_in_vain_comes_back_and_one_that_waits_is_woken(tmp_path: Path) -> None:
    spool = Spool(settings(tmp_path, segment_age_s_max=0.01))
    assert spool.take(1, 0.01) == []
    spool.append_blocking(envelope(1))
    assert numbers_in(spool.take(1, 60.0)) == [1]
    spool.close()


def test_taken_segments_stay_until_they_are_deleted(tmp_path: Path) -> None:
    spool = Spool(settings(tmp_path))
    spool.append_blocking(envelope(1))
    first = spool.take(1 << 40, 0.0)
    assert spool.take(1 << 40, 0.0) == first
    spool.delete_through(first[-1].sequence)
    assert not first[0].path.exists()
    assert spool.take(1 << 40, 0.0) == []
    spool.close()


def test_a_batch_is_bounded_but_never_empty(tmp_path: Path) -> None:
    spool = Spool(settings(tmp_path, segment_bytes_max=1, taken_segments_max=3))
    for number in range(5):
        spool.append_blocking(envelope(number, expanded_bytes=100))
    assert numbers_in(spool.take(1, 0.0)) == [0]
    assert numbers_in(spool.take(200, 0.0)) == [0, 1]
    assert numbers_in(spool.take(1 << 40, 0.0)) == [0, 1, 2]
    spool.close()


def test_a_wall_clock_that_jumps_back_changes_nothing_but_the_oldest(tmp_path: Path) -> None:
    spool = Spool(settings(tmp_path))
    for number in (500, 20, 300):
        spool.append_blocking(envelope(number))
    assert spool.oldest_received_at_ns == 1_020
    spool.close()
    spool = Spool(settings(tmp_path))
    assert spool.oldest_received_at_ns == 1_020
    assert drain(spool) == [500, 20, 300]
    assert spool.oldest_received_at_ns is None
    spool.close()


def test_an_adopted_file_is_spooled_and_not_received_again(tmp_path: Path) -> None:
    spool = Spool(settings(tmp_path, segment_age_s_max=FOREVER))
    spool.append_blocking(envelope(1, record_count=5))
    letter = tmp_path / "letter"
    letter.write_bytes(encode(envelope(2, record_count=3)))
    spool.adopt(letter)
    spool.append_blocking(envelope(3, record_count=7))
    assert spool.counts() == (12, 15)
    spool.close()
    assert not letter.exists()

    spool = Spool(settings(tmp_path))
    assert spool.counts() == (12, 15)
    segments = spool.take(1 << 40, 0.0)
    assert numbers_in(segments) == [1, 2, 3]
    assert [segment.received_through for segment in segments] == [5, 5, 12]
    assert [segment.sequence for segment in segments] == [1, 2, 3]
    spool.close()


def test_a_full_or_closed_spool_adopts_nothing(tmp_path: Path) -> None:
    spool = Spool(settings(tmp_path, bytes_max=100))
    letter = tmp_path / "letter"
    letter.write_bytes(encode(envelope(2, size_bytes=200)))
    with pytest.raises(SpoolFullError):
        spool.adopt(letter)
    letter.write_bytes(encode(envelope(2, size_bytes=10)))
    spool.close()
    with pytest.raises(ShuttingDownError):
        spool.adopt(letter)
    assert letter.exists()
