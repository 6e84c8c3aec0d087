"""Everything that is acknowledged is loaded, whatever the store answers, and the accounting adds up."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import pytest
from load_doubles import SECRET, Line, Store, envelope

from argus_otel.envelope import Signal
from argus_otel.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from argus_otel.telemetry import Telemetry


def fails_until(attempt_of_success: int, error: Exception) -> Callable[[int], None]:
    def trouble(attempt: int) -> None:
        if attempt < attempt_of_success:
            raise error

    return trouble


def metric(telemetry: Telemetry, name: str, label: str = "") -> float:
    samples = [line for line in telemetry.prometheus().decode().splitlines() if line.startswith(name + "{")]
    return sum(float(sample.rpartition(" ")[2]) for sample in samples if label in sample)


def test_what_is_appended_is_loaded_once_and_the_counts_survive_an_empty_spool(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    store = Store()
    loaded_before = metric(telemetry, "argus_otel_loaded_records_total")
    line = Line(tmp_path, telemetry, store)
    line.append(*(envelope(number, record_count=3) for number in range(50)))
    line.load_all()
    assert store.loaded == dict.fromkeys(range(50), 1)
    assert line.adds_up() == (150, 150, 0, 0)
    assert metric(telemetry, "argus_otel_loaded_records_total") - loaded_before == 150
    assert not list((tmp_path / "spool").glob("*.seg"))

    line = Line(tmp_path, telemetry, store)
    assert line.adds_up() == (150, 150, 0, 0)
    line.append(envelope(99))
    line.load_all()
    assert line.adds_up() == (151, 151, 0, 0)


def test_what_arrives_within_the_interval_is_one_insert(tmp_path: Path, telemetry: Telemetry) -> None:
    store = Store()
    line = Line(tmp_path, telemetry, store, interval_s=3.0)
    line.append(envelope(0))
    line.loader.start()
    while not store.inserts:
        time.sleep(0.001)
    for number in range(1, 6):
        line.append(envelope(number))
    line.loader.close(drain_s=60)
    line.close()
    assert store.inserts == [[0], [1, 2, 3, 4, 5]]


def test_several_segments_are_one_insert(tmp_path: Path, telemetry: Telemetry) -> None:
    store = Store()
    line = Line(tmp_path, telemetry, store, spool={"segment_bytes_max": 1})
    line.append(*(envelope(number) for number in range(5)))
    assert len(list((tmp_path / "spool").glob("*.seg"))) == 5
    line.load_all()
    assert [sorted(numbers) for numbers in store.inserts] == [[0, 1, 2, 3, 4]]


def test_an_insert_is_bounded_in_expanded_bytes(tmp_path: Path, telemetry: Telemetry) -> None:
    store = Store()
    line = Line(tmp_path, telemetry, store, spool={"segment_bytes_max": 1}, expanded_bytes_max=250)
    line.append(*(envelope(number) for number in range(5)))
    line.load_all()
    assert [len(numbers) for numbers in store.inserts] == [2, 2, 1]


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailableError("Code: 241. DB::Exception: Memory limit exceeded", 241),
        StoreUnavailableError("Code: 159. DB::Exception: Timeout exceeded", 159),
        StoreUnavailableError("clickhouse cannot be reached"),
        OSError(28, "No space left on device"),
        RuntimeError("nobody expected this"),
    ],
    ids=repr,
)
def test_trouble_that_may_pass_is_met_with_the_same_batch_again_and_never_bisected(
    tmp_path: Path, telemetry: Telemetry, error: Exception
) -> None:
    store = Store(trouble=fails_until(6, error))
    line = Line(tmp_path, telemetry, store)
    line.append(*(envelope(number) for number in range(8)))
    line.load_all()
    assert [sorted(numbers) for numbers in store.attempts] == [list(range(8))] * 6
    assert line.adds_up() == (8, 8, 0, 0)


def test_a_table_in_trouble_does_not_repeat_the_rows_of_the_others(tmp_path: Path, telemetry: Telemetry) -> None:
    def trouble(attempt: int) -> None:
        if 2 <= attempt <= 5:
            raise StoreUnavailableError("Code: 60. DB::Exception: Table does not exist", 60)

    store = Store(trouble=trouble)
    line = Line(tmp_path, telemetry, store, spool={"segment_age_s_max": 1e9})
    line.append(envelope(1), envelope(2, signal=Signal.METRICS), envelope(3, signal=Signal.TRACES))
    line.spool.close()
    line.load_all()
    assert store.attempts == [[1], [3], [3], [3], [3], [3], [2]]
    assert store.loaded == {1: 1, 2: 1, 3: 1}


def test_appends_go_on_while_an_insert_hangs(tmp_path: Path, telemetry: Telemetry) -> None:
    is_hanging, go = threading.Event(), threading.Event()

    def hang(attempt: int) -> None:
        is_hanging.set()
        assert go.wait(60)

    store = Store(trouble=hang)
    line = Line(tmp_path, telemetry, store)
    line.append(envelope(0))
    line.loader.start()
    assert is_hanging.wait(60)
    line.append(*(envelope(number) for number in range(1, 20)))
    assert line.adds_up() == (20, 0, 0, 20)
    go.set()
    line.loader.close(drain_s=60)
    assert line.adds_up() == (20, 20, 0, 0)
    line.close()


def test_close_interrupts_a_back_off_and_leaves_the_batch_in_the_spool(tmp_path: Path, telemetry: Telemetry) -> None:
    has_failed = threading.Event()

    def trouble(attempt: int) -> None:
        has_failed.set()
        raise StoreUnavailableError("away")

    line = Line(tmp_path, telemetry, Store(trouble=trouble), backoff_s_min=1e6, backoff_s_max=1e6)
    line.append(envelope(1))
    line.loader.start()
    assert has_failed.wait(60)
    line.loader.close()
    line.loader.close()
    assert line.adds_up() == (1, 0, 0, 1)
    line.close()

    store = Store()
    line = Line(tmp_path, telemetry, store)
    line.load_all()
    assert store.loaded == {1: 1}


def test_a_loader_that_was_never_started_closes(tmp_path: Path, telemetry: Telemetry) -> None:
    Line(tmp_path, telemetry, Store()).close()


def test_a_ledger_that_cannot_be_written_repeats_no_insert(
    tmp_path: Path, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()
    line = Line(tmp_path, telemetry, store)
    line.append(envelope(1))
    failures = iter([OSError(5, "Input/output error")] * 3)
    write = line.ledger.write

    def failing_write(entry: object) -> None:
        if error := next(failures, None):
            raise error
        write(entry)  # type: ignore[arg-type]

    monkeypatch.setattr(line.ledger, "write", failing_write)
    line.load_all()
    assert store.loaded == {1: 1}
    assert line.adds_up() == (1, 1, 0, 0)
    assert line.loader.status.last_error == "OSError Input/output error"


def test_a_crash_between_the_insert_and_the_ledger_loads_again_and_still_adds_up(
    tmp_path: Path, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(poison={2})
    line = Line(tmp_path, telemetry, store, backoff_s_min=1e6, backoff_s_max=1e6)
    line.append(*(envelope(number) for number in range(4)))
    has_failed = threading.Event()

    def die(entry: object) -> None:
        has_failed.set()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(line.ledger, "write", die)
    line.loader.start()
    assert has_failed.wait(60)
    line.close()
    assert (tmp_path / "dead-letter").iterdir()

    line = Line(tmp_path, telemetry, store)
    assert line.adds_up() == (4, 0, 0, 4)
    line.load_all()
    assert line.adds_up() == (4, 3, 1, 0)
    assert store.loaded.keys() == {0, 1, 3}
    assert len(line.dead_letters.letters()) == 1


def test_a_crash_between_the_ledger_and_the_deletion_counts_nothing_twice(
    tmp_path: Path, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(poison={2})
    line = Line(tmp_path, telemetry, store, backoff_s_min=1e6, backoff_s_max=1e6)
    line.append(*(envelope(number) for number in range(4)))
    has_failed = threading.Event()

    def die(sequence: int) -> None:
        has_failed.set()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(line.spool, "delete_through", die)
    line.loader.start()
    assert has_failed.wait(60)
    line.close()
    inserts = list(store.inserts)

    line = Line(tmp_path, telemetry, store)
    assert line.adds_up() == (4, 3, 1, 0)
    line.load_all()
    assert store.inserts == inserts


def test_a_segment_damaged_on_disk_costs_what_is_damaged_and_no_more(tmp_path: Path, telemetry: Telemetry) -> None:
    """The store cannot read the file either; here its answer is the one to bytes that are no protobuf."""
    store = Store(poison={1})
    line = Line(tmp_path, telemetry, store, spool={"segment_age_s_max": 1e9})
    for number in range(3):
        line.append(envelope(number))
    line.spool.close()
    [path] = (tmp_path / "spool").glob("*.seg")
    data = path.read_bytes()

    def damage(attempt: int) -> None:
        if attempt == 1:
            path.write_bytes(data[:-1] + b"\xff")

    store.trouble = damage
    line.load_all()
    assert store.loaded.keys() == {0}
    assert len(line.dead_letters.letters()) == 1
    accounting = line.loader.accounting()
    assert (accounting.received, accounting.loaded, accounting.dead_lettered, accounting.spooled) == (3, 1, 1, 0)
    assert accounting.missing == 1
    assert len(list((tmp_path / "spool").glob("*.damaged"))) == 1


def test_the_status_says_when_and_why(tmp_path: Path, telemetry: Telemetry) -> None:
    has_failed_twice = threading.Event()

    def trouble(attempt: int) -> None:
        if attempt == 3:
            has_failed_twice.set()
        raise StoreUnavailableError("Code: 241. DB::Exception: Memory limit (MEMORY_LIMIT_EXCEEDED)", 241)

    line = Line(tmp_path, telemetry, Store(trouble=trouble))
    failures_before = metric(telemetry, "argus_otel_load_failures_total", 'code="241"')
    line.append(envelope(1))
    line.loader.start()
    assert has_failed_twice.wait(60)
    line.loader.close()
    status = line.loader.status
    assert status.last_success_at_ns is None
    assert status.last_error_at_ns is not None
    assert (status.last_error_code, status.last_error) == (241, "MEMORY_LIMIT_EXCEEDED")
    assert status.consecutive_failures >= 2
    assert metric(telemetry, "argus_otel_load_failures_total", 'code="241"') - failures_before >= 2
    line.close()

    line = Line(tmp_path, telemetry, Store())
    line.load_all()
    assert line.loader.status.consecutive_failures == 0
    assert line.loader.status.last_success_at_ns is not None


def test_no_content_reaches_the_log_or_the_reasons(
    tmp_path: Path, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store = Store(poison={1}, trouble=fails_until(3, RuntimeError(f"about {SECRET}")))
    line = Line(tmp_path, telemetry, store)
    line.append(*(envelope(number) for number in range(4)))
    line.load_all()
    assert "dead-lettered" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in repr(line.loader.status)
    reasons = list((tmp_path / "dead-letter").glob("*.json"))
    assert len(reasons) == 1
    assert SECRET not in reasons[0].read_text()


def test_what_a_crash_left_in_scratch_is_removed(tmp_path: Path, telemetry: Telemetry) -> None:
    scratch = tmp_path / "load" / "scratch"
    scratch.mkdir(parents=True)
    (scratch / "3.seg").write_bytes(b"left")
    line = Line(tmp_path, telemetry, Store(poison={1}))
    assert list(scratch.iterdir()) == []
    line.append(*(envelope(number) for number in range(4)))
    line.load_all()
    assert list(scratch.iterdir()) == []
