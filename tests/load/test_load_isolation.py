"""A refused batch loses nothing but what is at fault, and a broken schema loses nothing at all."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from load_doubles import Line, Store, envelope, number_of

from argus_otel.envelope import Signal
from argus_otel.errors import StoreUnavailableError

if TYPE_CHECKING:
    from argus_otel.telemetry import Telemetry


def dead_numbers(line: Line) -> set[int]:
    return {number_of(line.dead_letters.read(letter.id)) for letter in line.dead_letters.letters()}


def test_one_poisonous_payload_among_a_thousand_is_dead_lettered_alone(tmp_path: Path, telemetry: Telemetry) -> None:
    store = Store(poison={617})
    line = Line(tmp_path, telemetry, store, spool={"segment_age_s_max": 1e9})
    line.append(*(envelope(number) for number in range(1_000)))
    line.spool.close()
    line.load_all()
    assert dead_numbers(line) == {617}
    assert store.loaded.keys() == set(range(1_000)) - {617}
    assert line.adds_up() == (1_000, 999, 1, 0)
    # The batch, then at most two INSERTs for each of the ten halvings of a thousand.
    assert len(store.attempts) <= 21
    [letter] = line.dead_letters.letters()
    assert (letter.code, letter.error, letter.signal, letter.record_count) == (6, "CANNOT_PARSE_TEXT", "logs", 1)
    assert letter.received_at_ns == 1_617


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    signals=st.lists(st.sampled_from(Signal), min_size=1, max_size=20),
    poison=st.sets(st.integers(0, 19)),
    segment_bytes_max=st.sampled_from([1, 200, 1 << 20]),
)
def test_exactly_the_poison_is_dead_lettered(
    telemetry: Telemetry, signals: list[Signal], poison: set[int], segment_bytes_max: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(poison)
        line = Line(Path(folder), telemetry, store, spool={"segment_bytes_max": segment_bytes_max})
        line.append(*(envelope(number, signal=signal) for number, signal in enumerate(signals)))
        line.load_all()
        everything = set(range(len(signals)))
        assert dead_numbers(line) == everything & poison
        assert store.loaded.keys() == everything - poison
        assert line.adds_up() == (len(signals), len(everything - poison), len(everything & poison), 0)


def test_trouble_during_bisection_goes_on_where_it_was(tmp_path: Path, telemetry: Telemetry) -> None:
    def trouble(attempt: int) -> None:
        if attempt in {3, 4, 7}:
            raise StoreUnavailableError("Code: 241. DB::Exception", 241)

    store = Store(poison={5}, trouble=trouble)
    line = Line(tmp_path, telemetry, store, spool={"segment_age_s_max": 1e9})
    for number in range(8):
        line.append(envelope(number))
    line.spool.close()
    line.load_all()
    halvings = [[*range(8)], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [6, 7]]
    assert [
        numbers for before, numbers in zip([None, *store.attempts], store.attempts, strict=False) if numbers != before
    ] == halvings
    assert len(store.attempts) == len(halvings) + 3
    assert store.loaded == {number: 1 for number in range(8) if number != 5}


def test_a_broken_schema_holds_and_its_repair_loads_what_was_refused_in_the_batch(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    is_holding, store = threading.Event(), Store(poison=range(100))

    def repair(attempt: int) -> None:
        if line.loader.status.is_holding:
            is_holding.set()
        if attempt > 60:
            store.poison = set()

    store.trouble = repair
    line = Line(tmp_path, telemetry, store, spool={"segment_age_s_max": 1e9}, refused_in_a_row_max=5)
    line.append(*(envelope(number) for number in range(100)))
    line.spool.close()
    line.load_all()
    assert is_holding.is_set()
    assert store.loaded.keys() == set(range(100))
    assert line.adds_up() == (100, 100, 0, 0)
    assert not line.loader.status.is_holding


def test_while_it_holds_nothing_is_dead_lettered_and_close_leaves_all_in_the_spool(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    has_tried_long, store = threading.Event(), Store(poison=range(20))
    store.trouble = lambda attempt: has_tried_long.set() if attempt > 60 else None
    line = Line(tmp_path, telemetry, store, spool={"segment_age_s_max": 1e9}, refused_in_a_row_max=5)
    line.append(*(envelope(number) for number in range(20)))
    line.spool.close()
    line.loader.start()
    assert has_tried_long.wait(60)
    assert line.loader.status.is_holding
    line.loader.close()
    assert line.adds_up() == (20, 0, 0, 20)
    line.close()


def test_refusals_in_a_row_are_counted_over_batches_and_per_signal(tmp_path: Path, telemetry: Telemetry) -> None:
    """Two metrics are refused alone; logs that load between them say nothing of the table of metrics."""
    store = Store(poison={1, 3, 5})
    line = Line(
        tmp_path, telemetry, store, spool={"segment_bytes_max": 1}, expanded_bytes_max=1, refused_in_a_row_max=2
    )
    for number in range(6):
        line.append(envelope(number, signal=Signal.METRICS if number % 2 else Signal.LOGS))
    is_holding = threading.Event()
    store.trouble = lambda attempt: is_holding.set() if line.loader.status.is_holding else None
    line.loader.start()
    assert is_holding.wait(60)
    line.loader.close()
    assert line.adds_up() == (6, 3, 2, 1)
    line.close()


def test_a_load_of_the_same_signal_begins_the_count_anew(tmp_path: Path, telemetry: Telemetry) -> None:
    poison = {number for number in range(30) if number % 3}
    store = Store(poison)
    line = Line(
        tmp_path, telemetry, store, spool={"segment_bytes_max": 1}, expanded_bytes_max=1, refused_in_a_row_max=2
    )
    for number in range(30):
        line.append(envelope(number))
    line.load_all()
    assert dead_numbers(line) == poison
    assert line.adds_up() == (30, 10, 20, 0)
