"""What a restart makes of the folder that a crash left."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spool_doubles import drain, envelope, numbers_in, settings

from argus_otel.envelope import encode
from argus_otel.spool import Spool
from argus_otel.spool.segment import SegmentName

if TYPE_CHECKING:
    from pathlib import Path

LENGTH = len(encode(envelope(0)))


def write_segment(folder: Path, sequence: int, received_before: int, data: bytes) -> Path:
    (folder / "spool").mkdir(exist_ok=True)
    path = folder / "spool" / str(SegmentName(sequence, received_before))
    path.write_bytes(data)
    return path


def encoded(*numbers: int) -> bytes:
    return b"".join(encode(envelope(number)) for number in numbers)


@given(st.builds(SegmentName, st.integers(0, 10**16 - 1), st.integers(0, 10**16 - 1), st.booleans()))
def test_a_segments_name_says_what_it_was_made_of(name: SegmentName) -> None:
    assert SegmentName.parse(str(name)) == name


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    for name in ("notes.txt", "1-2.seg", f"{SegmentName(1, 0)}@0.damaged"):
        write_segment(tmp_path, 9, 0, encoded(1))
        (tmp_path / "spool" / name).write_text("kept")
    spool = Spool(settings(tmp_path))
    assert drain(spool) == [1]
    assert (tmp_path / "spool" / "notes.txt").read_text() == "kept"
    spool.close()


@pytest.mark.parametrize("cut", range(3 * LENGTH + 1))
def test_a_tail_torn_at_any_byte_loses_no_whole_envelope_and_appends_go_on(tmp_path: Path, cut: int) -> None:
    path = write_segment(tmp_path, 1, 0, encoded(0, 1, 2)[:cut])
    whole = list(range(cut // LENGTH))
    spool = Spool(settings(tmp_path))
    assert spool.counts() == (len(whole), len(whole))
    assert path.exists() == bool(whole)
    spool.append_blocking(envelope(9))
    assert drain(spool) == [*whole, 9]
    assert not list((tmp_path / "spool").glob("*.damaged"))
    assert spool.received_records == len(whole) + 1
    spool.close()


def test_space_that_was_given_but_never_filled_is_a_torn_tail(tmp_path: Path) -> None:
    write_segment(tmp_path, 1, 0, encoded(0, 1) + bytes(5_000))
    spool = Spool(settings(tmp_path))
    assert drain(spool) == [0, 1]
    assert not list((tmp_path / "spool").glob("*.damaged"))
    spool.close()


@pytest.mark.parametrize("at", range(LENGTH, 2 * LENGTH))
def test_a_flipped_bit_is_set_aside_with_all_behind_it_and_nothing_before_it_is_lost(tmp_path: Path, at: int) -> None:
    data = bytearray(encoded(0, 1, 2))
    data[at] ^= 0x40
    write_segment(tmp_path, 1, 0, bytes(data))
    write_segment(tmp_path, 2, 3, encoded(3, 4))
    spool = Spool(settings(tmp_path))
    received, spooled = spool.counts()
    numbers = drain(spool)
    if numbers == [0, 1, 2, 3, 4]:
        # Only what no checksum covers passes: the workspace's letters, the time of receipt, the expanded bytes.
        assert at - LENGTH in {*range(3, 10), *range(11, 19), *range(29, 37)}
        assert (received, spooled) == (5, 5)
    else:
        assert numbers == [0, 3, 4]
        [damaged] = (tmp_path / "spool").glob("*.damaged")
        assert damaged.name == f"{SegmentName(1, 0)}@{LENGTH}.damaged"
        assert damaged.read_bytes() == bytes(data[LENGTH:])
        assert (received, spooled) == (5, 3)
    spool.close()


def test_damage_in_the_newest_segment_is_no_torn_tail(tmp_path: Path) -> None:
    data = bytearray(encoded(0, 1, 2))
    data[2 * LENGTH - 1] ^= 1
    write_segment(tmp_path, 1, 0, bytes(data))
    spool = Spool(settings(tmp_path))
    assert drain(spool) == [0]
    assert len(list((tmp_path / "spool").glob("*.damaged"))) == 1
    spool.close()


def test_a_file_that_cannot_be_read_is_set_aside_whole(tmp_path: Path) -> None:
    (tmp_path / "spool" / str(SegmentName(1, 0))).mkdir(parents=True)
    write_segment(tmp_path, 2, 1, encoded(5))
    spool = Spool(settings(tmp_path))
    assert drain(spool) == [5]
    assert (tmp_path / "spool" / f"{SegmentName(1, 0)}@0.damaged").is_dir()
    spool.close()


def test_bytes_behind_the_last_acknowledged_record_are_dropped_even_if_they_are_whole(tmp_path: Path) -> None:
    """The next file's name says that one record was acknowledged in the first: its sender was told that 1 failed."""
    first = write_segment(tmp_path, 1, 0, encoded(0, 1) + b"half")
    write_segment(tmp_path, 2, 1, encoded(2))
    spool = Spool(settings(tmp_path))
    assert first.read_bytes() == encoded(0)
    assert spool.counts() == (2, 2)
    assert drain(spool) == [0, 2]
    spool.close()


def test_loaded_segments_are_deleted_and_never_numbered_again(tmp_path: Path) -> None:
    for sequence in (1, 2, 3):
        write_segment(tmp_path, sequence, sequence - 1, encoded(sequence))
    spool = Spool(settings(tmp_path), loaded_through=2, received_records=2)
    assert numbers_in(spool.take(1 << 40, 0.0)) == [3]
    assert drain(spool) == [3]
    spool.append_blocking(envelope(4))
    [segment] = spool.take(1, 0.0)
    assert segment.sequence == 4
    spool.close()


def test_an_empty_spool_goes_on_from_what_the_ledger_knows(tmp_path: Path) -> None:
    spool = Spool(settings(tmp_path), loaded_through=41, received_records=12_000)
    spool.append_blocking(envelope(1, record_count=350))
    [segment] = spool.take(1, 0.0)
    assert segment.path.name == "0000000000000042-0000000000012000.seg"
    assert segment.received_through == spool.received_records == 12_350
    spool.close()


def test_a_removed_newest_file_still_tells_how_many_were_received(tmp_path: Path) -> None:
    write_segment(tmp_path, 7, 100, b"")
    spool = Spool(settings(tmp_path))
    assert spool.counts() == (100, 0)
    assert not list((tmp_path / "spool").glob("*.seg"))
    spool.close()


def test_a_damaged_retried_letter_is_never_taken_for_torn(tmp_path: Path) -> None:
    path = write_segment(tmp_path, 1, 0, b"")
    retried = path.with_name(str(SegmentName(2, 0, is_retried=True)))
    retried.write_bytes(encoded(1)[:-1])
    spool = Spool(settings(tmp_path))
    assert drain(spool) == []
    assert len(list((tmp_path / "spool").glob("*.damaged"))) == 1
    spool.close()


def test_a_segment_damaged_while_it_waits_is_put_right_without_a_restart(tmp_path: Path) -> None:
    spool = Spool(settings(tmp_path))
    for number in range(3):
        spool.append_blocking(envelope(number))
    [segment] = spool.take(1, 0.0)
    data = segment.path.read_bytes()
    segment.path.write_bytes(data[: LENGTH + 5] + b"\xff" + data[LENGTH + 6 :])
    spool.put_right(segment.sequence)
    assert spool.counts() == (3, 1)
    assert spool.used_bytes == LENGTH
    assert drain(spool) == [0]
    spool.close()


def test_closing_and_opening_loses_and_repeats_nothing(tmp_path: Path) -> None:
    for opening in range(5):
        spool = Spool(settings(tmp_path, segment_age_s_max=1e9))
        spool.append_blocking(envelope(opening))
        spool.close()
    spool = Spool(settings(tmp_path))
    assert spool.counts() == (5, 5)
    assert drain(spool) == list(range(5))
    spool.close()
    shutil.rmtree(tmp_path / "spool")
