"""Dead letters are bounded, counted for ever, and go back into the spool by one rename."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
from load_doubles import Line, Store, envelope

from argus_otel.errors import ShuttingDownError, UnknownDeadLetterError
from argus_otel.load.dead_letters import observe_dead_letters

if TYPE_CHECKING:
    from pathlib import Path

    from argus_otel.telemetry import Telemetry


def refuse(folder: Path, telemetry: Telemetry, numbers: range, **line_settings: object) -> Line:
    """Load what is there plus `numbers`, all of which are refused, one after the other."""
    line = Line(folder, telemetry, Store(poison=numbers), spool={"segment_bytes_max": 1}, **line_settings)  # type: ignore[arg-type]
    for number in numbers:
        line.append(envelope(number, record_count=10))
    line.load_all()
    return line


def test_a_letter_is_two_files_for_the_owner_alone(tmp_path: Path, telemetry: Telemetry) -> None:
    line = refuse(tmp_path, telemetry, range(1))
    folder = tmp_path / "dead-letter"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "1-0.envelope": 0o600,
        "1-0.json": 0o600,
    }
    assert json.loads((folder / "1-0.json").read_bytes()) == {
        "id": "1-0",
        "code": 6,
        "error": "CANNOT_PARSE_TEXT",
        "dead_at_ns": 7,
        "signal": "logs",
        "workspace": "default",
        "record_count": 10,
        "received_at_ns": 1_000,
        "request_bytes": len(envelope(0).request),
    }
    assert line.dead_letters.read("1-0") == envelope(0, record_count=10)
    assert line.dead_letters.letter("1-0") == line.dead_letters.letters()[0]


def test_letters_survive_a_restart(tmp_path: Path, telemetry: Telemetry) -> None:
    before = refuse(tmp_path, telemetry, range(12)).dead_letters.letters()
    line = Line(tmp_path, telemetry, Store())
    assert line.dead_letters.letters() == before
    assert [letter.place for letter in before] == [(sequence, 0) for sequence in range(1, 13)]
    assert line.adds_up() == (120, 0, 120, 0)
    line.close()


@pytest.mark.parametrize(
    "bound", [{"count_max": 3}, {"bytes_max": 3 * len(envelope(0).request)}], ids=["count", "bytes"]
)
def test_the_oldest_expire_and_stay_in_the_accounting(
    tmp_path: Path, telemetry: Telemetry, bound: dict[str, int]
) -> None:
    line = refuse(tmp_path, telemetry, range(8), letters=bound)
    assert [letter.id for letter in line.dead_letters.letters()] == ["6-0", "7-0", "8-0"]
    assert len(list((tmp_path / "dead-letter").iterdir())) == 6
    assert line.adds_up() == (80, 0, 80, 0)

    line = Line(tmp_path, telemetry, Store())
    assert len(line.dead_letters.letters()) == 3
    assert line.adds_up() == (80, 0, 80, 0)
    line.close()


def test_letters_expire_by_age(tmp_path: Path, telemetry: Telemetry) -> None:
    now_ns = 0
    refuse(tmp_path, telemetry, range(2), clock_ns=lambda: now_ns)
    now_ns = 10 * 10**9
    refuse(tmp_path, telemetry, range(2, 4), clock_ns=lambda: now_ns)
    line = Line(tmp_path, telemetry, Store(), clock_ns=lambda: now_ns, letters={"age_s_max": 10.0})
    line.dead_letters.expire()
    assert len(line.dead_letters.letters()) == 4
    now_ns += 1
    line.dead_letters.expire()
    assert [letter.id for letter in line.dead_letters.letters()] == ["3-0", "4-0"]
    assert line.adds_up() == (40, 0, 40, 0)
    line.close()


def test_a_crash_in_the_middle_of_expiry_counts_nothing_twice(tmp_path: Path, telemetry: Telemetry) -> None:
    """The ledger is written, the files are still there: as a kill between the two leaves them."""
    refuse(tmp_path, telemetry, range(4))
    folder = tmp_path / "dead-letter"
    files = {path: path.read_bytes() for path in folder.iterdir()}
    line = Line(tmp_path, telemetry, Store(), letters={"count_max": 1})
    line.load_all()
    for path, data in files.items():
        path.write_bytes(data)
    line = Line(tmp_path, telemetry, Store())
    assert [letter.id for letter in line.dead_letters.letters()] == ["4-0"]
    assert line.adds_up() == (40, 0, 40, 0)
    assert len(list(folder.iterdir())) == 2
    line.close()


def test_a_retried_letter_moves_to_the_spool_and_loads(tmp_path: Path, telemetry: Telemetry) -> None:
    refuse(tmp_path, telemetry, range(3))
    store = Store()
    line = Line(tmp_path, telemetry, store)
    retried = line.loader.retry_dead_letters(["2-0", "1-0", "2-0"])
    assert [letter.id for letter in retried] == ["1-0", "2-0"]
    assert line.adds_up() == (30, 0, 10, 20)
    line.load_all()
    assert store.loaded == {0: 1, 1: 1}
    assert line.adds_up() == (30, 20, 10, 0)


def test_a_retried_letter_that_is_refused_again_is_a_letter_again(tmp_path: Path, telemetry: Telemetry) -> None:
    refuse(tmp_path, telemetry, range(2))
    line = Line(tmp_path, telemetry, Store(poison={0}))
    line.loader.retry_dead_letters(["1-0"])
    line.load_all()
    assert [letter.id for letter in line.dead_letters.letters()] == ["2-0", "3-0"]
    assert line.dead_letters.read("3-0") == envelope(0, record_count=10)
    assert line.adds_up() == (20, 0, 20, 0)


def test_a_crash_after_the_rename_leaves_the_letter_in_the_spool_alone(tmp_path: Path, telemetry: Telemetry) -> None:
    line = refuse(tmp_path, telemetry, range(2))
    reason = (tmp_path / "dead-letter" / "1-0.json").read_bytes()
    line = Line(tmp_path, telemetry, Store())
    line.loader.retry_dead_letters(["1-0"])
    line.close()
    (tmp_path / "dead-letter" / "1-0.json").write_bytes(reason)
    line = Line(tmp_path, telemetry, Store())
    assert [letter.id for letter in line.dead_letters.letters()] == ["2-0"]
    assert line.adds_up() == (20, 0, 10, 10)
    line.close()


def test_an_unknown_letter_is_an_error_that_moves_nothing(tmp_path: Path, telemetry: Telemetry) -> None:
    refuse(tmp_path, telemetry, range(2))
    line = Line(tmp_path, telemetry, Store())
    with pytest.raises(UnknownDeadLetterError, match="dead-letter list"):
        line.loader.retry_dead_letters(["1-0", "../1-0"])
    for ask in (line.dead_letters.read, line.dead_letters.letter):
        with pytest.raises(UnknownDeadLetterError):
            ask("9-9")
    assert line.adds_up() == (20, 0, 20, 0)
    line.close()


def test_a_letter_that_the_spool_does_not_take_stays_a_letter(tmp_path: Path, telemetry: Telemetry) -> None:
    line = refuse(tmp_path, telemetry, range(1))
    with pytest.raises(ShuttingDownError):
        line.loader.retry_dead_letters(["1-0"])
    assert line.adds_up() == (10, 0, 10, 0)


def test_a_letter_deleted_by_hand_is_missing_from_the_sum(tmp_path: Path, telemetry: Telemetry) -> None:
    refuse(tmp_path, telemetry, range(2))
    (tmp_path / "dead-letter" / "1-0.envelope").unlink()
    line = Line(tmp_path, telemetry, Store())
    assert line.loader.accounting().missing == 10
    line.close()


def test_a_reason_that_cannot_be_read_stops_nothing(tmp_path: Path, telemetry: Telemetry) -> None:
    refuse(tmp_path, telemetry, range(3))
    (tmp_path / "dead-letter" / "1-0.json").write_text("{")
    (tmp_path / "dead-letter" / "2-0.json").rename(tmp_path / "dead-letter" / "other.json")
    line = Line(tmp_path, telemetry, Store())
    assert [letter.id for letter in line.dead_letters.letters()] == ["3-0"]
    line.close()


def test_the_gauge_counts_dead_lettered_records(tmp_path: Path, telemetry: Telemetry) -> None:
    line = refuse(tmp_path, telemetry, range(3))
    observe_dead_letters(telemetry, line.dead_letters)
    samples = telemetry.prometheus().splitlines()
    assert [text for text in samples if text.startswith(b"argus_otel_dead_letter_records{") and text.endswith(b" 30.0")]
