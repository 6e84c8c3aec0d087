"""The ledger survives a torn write at any byte, and a full disk."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from argus_otel.load.ledger import Ledger, LedgerEntry

if TYPE_CHECKING:
    from pathlib import Path

COUNTS = st.integers(0, 2**63)
ENTRIES = st.builds(
    LedgerEntry,
    loaded_through=COUNTS,
    received_records=COUNTS,
    loaded_records=COUNTS,
    expired_records=COUNTS,
    expired_through=st.tuples(COUNTS, COUNTS),
)


def entry_at(path: Path) -> LedgerEntry:
    ledger = Ledger(path)
    ledger.close()
    return dataclasses.replace(ledger.entry, generation=0)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ENTRIES, min_size=1, max_size=5))
def test_the_last_entry_written_is_the_one_read(tmp_path: Path, entries: list[LedgerEntry]) -> None:
    path = tmp_path / "ledger"
    path.unlink(missing_ok=True)
    ledger = Ledger(path)
    for entry in entries:
        ledger.write(entry)
    ledger.close()
    assert entry_at(path) == entries[-1]


def test_a_missing_ledger_is_an_empty_one(tmp_path: Path) -> None:
    assert entry_at(tmp_path / "load" / "ledger") == LedgerEntry()


@pytest.mark.parametrize("written", range(0, 513, 8))
def test_a_write_torn_at_any_byte_leaves_the_entry_before(tmp_path: Path, written: int) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(path)
    for loaded in (1, 2):
        ledger.write(LedgerEntry(loaded_records=loaded))
    before = path.read_bytes()
    ledger.write(LedgerEntry(loaded_records=3, loaded_through=10**12))
    after = path.read_bytes()
    ledger.close()
    [slot] = [at for at in (0, 512) if before[at : at + 512] != after[at : at + 512]]
    path.write_bytes(before[:slot] + after[slot : slot + written] + before[slot + written :])
    assert entry_at(path).loaded_records in ({2, 3} if after[slot + written : slot + 512].strip() == b"" else {2})


def test_the_file_never_grows_so_that_a_full_disk_does_not_stop_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    sizes = set()
    for count in range(5):
        ledger.write(LedgerEntry(loaded_records=10**count))
        stat = (tmp_path / "ledger").stat()
        sizes.add((stat.st_ino, stat.st_size))
    ledger.close()
    assert [size for _, size in sizes] == [1_024]


def test_a_damaged_ledger_is_kept_and_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_bytes(b"x" * 1_024)
    assert entry_at(path) == LedgerEntry()
    assert (tmp_path / "ledger.damaged").read_bytes() == b"x" * 1_024
