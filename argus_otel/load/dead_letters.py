"""
Envelopes that ClickHouse refuses for good: set aside, bounded, and sent again when somebody asks for it.

    <data_dir>/dead-letter/             folder 0700, files 0600
      412-8192.envelope                 the envelope as it stood in segment 412 from byte 8192 on
      412-8192.json                     why: code, error, times, sizes; never a value of the data

The id is the envelope's place in the spool. So writing one again after a crash, when its batch is loaded again, makes
no second letter. And a letter's file is a segment: sending it again is one rename into the spool, from dead-lettered
back to spooled at one instant, and never received twice. Letters that expire stay dead-lettered in the accounting: the
ledger counts them before their files go.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argus_otel.envelope import Envelope, TornEnvelopeError, decode_all, encode
from argus_otel.errors import UnknownDeadLetterError
from argus_otel.load.spooled import read_all
from argus_otel.telemetry import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable
    from pathlib import Path

    from argus_otel.load.isolation import Refused
    from argus_otel.load.ledger import Ledger
    from argus_otel.load.spooled import SpooledEnvelope
    from argus_otel.refusal import Refusal
    from argus_otel.telemetry import Telemetry

logger = logging.getLogger(__name__)

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class DeadLetterSettings:
    """Where letters are and how many stay; the oldest expire first."""

    folder: Path
    bytes_max: int = 256 << 20
    """Enough to find out why; a broken schema is met by holding, not by dead letters."""
    count_max: int = 10_000
    """Their reasons are kept in memory, about 1 KiB each."""
    age_s_max: float = 30 * _DAY_S
    """They are content too: no longer than most retention rules allow."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why one envelope was set aside."""

    id: str
    code: int
    error: str
    dead_at_ns: int
    signal: str
    workspace: str
    record_count: int
    received_at_ns: int
    request_bytes: int
    """As received; words that were erased since are not taken off."""

    @property
    def place(self) -> tuple[int, int]:
        """(sequence, offset) of the envelope in the spool; letters are ordered by it."""
        sequence, _, offset = self.id.partition("-")
        return int(sequence), int(offset)


class DeadLetters:
    """
    The letters of one data folder; safe from several threads, of which one writes, keeps and expires.

    Args:
        spooled: sequences in the spool: a letter from one of them is left from a load that was cut short, and will be
            made again; it is removed.
        clock_ns: wall clock.
    """

    def __init__(
        self,
        settings: DeadLetterSettings,
        ledger: Ledger,
        spooled: Container[int],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._letters: dict[str, DeadLetter] = {}
        self._held_records = self._held_bytes = 0
        for letter in self._recover(spooled):
            self._hold(letter)

    @property
    def record_count(self) -> int:
        """Records dead-lettered in the life of the folder and not sent again; expired ones count."""
        with self._lock:
            return self._ledger.entry.expired_records + self._held_records

    def letters(self) -> tuple[DeadLetter, ...]:
        """Return what is held, oldest first."""
        with self._lock:
            return tuple(self._letters.values())

    def letter(self, letter_id: str) -> DeadLetter:
        """
        Return why one envelope was set aside.

        Raises:
            UnknownDeadLetterError: permanent.
        """
        with self._lock:
            return self._find(letter_id)

    def read(self, letter_id: str) -> Envelope:
        """
        Return the envelope of a letter. It is content: redact before showing it.

        Raises:
            UnknownDeadLetterError: permanent.
        """
        with self._lock:
            self._find(letter_id)
            [(_, _, envelope)] = decode_all(self._envelope_path(letter_id).read_bytes())
        return envelope

    def write(self, refused: Iterable[Refused]) -> list[DeadLetter]:
        """
        Write envelopes and reasons durably; they become letters by `keep`, after the ledger knows of them.

        Raises:
            OSError: some may have been written; writing them again does no harm.
        """
        letters = []
        for envelope, refusal in sorted(refused, key=lambda pair: (pair[0].sequence, pair[0].start)):
            letter = self._letter(envelope, refusal)
            # The envelope last: a reason without one is what a restart removes.
            _write(self._reason_path(letter.id), json.dumps(dataclasses.asdict(letter)).encode())
            [data] = read_all([envelope])
            _write(self._envelope_path(letter.id), data)
            letters.append(letter)
        if letters:
            _sync_folder(self._settings.folder)
        return letters

    def keep(self, letters: Iterable[DeadLetter]) -> None:
        """Hold what `write` wrote."""
        with self._lock:
            for letter in letters:
                self._hold(letter)

    def expire(self) -> None:
        """Remove the oldest letters beyond the bounds, after the ledger has counted them."""
        with self._lock:
            expired = self._beyond_bounds()
            if not expired:
                return
            entry = self._ledger.entry
            self._ledger.write(
                dataclasses.replace(
                    entry,
                    expired_records=entry.expired_records + sum(letter.record_count for letter in expired),
                    expired_through=expired[-1].place,
                )
            )
            for letter in expired:
                self._release(letter)
        logger.warning("%d dead letters expired", len(expired))

    def retry(self, letter_ids: Iterable[str], adopt: Callable[[Path], None]) -> tuple[DeadLetter, ...]:
        """
        Move letters back into the spool, oldest first.

        Args:
            adopt: moves one file into the spool or raises and leaves it.

        Raises:
            UnknownDeadLetterError: permanent; none was moved.
            RetryableError: of `adopt`; those before were moved.
        """
        with self._lock:
            letters = sorted({self._find(letter_id) for letter_id in letter_ids}, key=lambda letter: letter.place)
            for letter in letters:
                adopt(self._envelope_path(letter.id))
                self._release(letter)
        return tuple(letters)

    def rewrite(self, change: Callable[[Envelope], Envelope]) -> int:
        """
        Replace the envelopes that `change` returns another for, and return how many; each file is whole at any instant.

        Raises:
            OSError: those before are changed; doing it again does no harm.
        """
        count = 0
        for letter in self.letters():
            with self._lock:  # not over all of them: loading waits for it
                count += letter.id in self._letters and self._rewrite_one(letter, change)
        if count:
            _sync_folder(self._settings.folder)
        return count

    def _rewrite_one(self, letter: DeadLetter, change: Callable[[Envelope], Envelope]) -> bool:
        path = self._envelope_path(letter.id)
        try:
            [(_, _, envelope)] = decode_all(path.read_bytes())
        except TornEnvelopeError:
            logger.warning("dead letter %s is damaged", letter.id)
            return False
        changed = change(envelope)
        if changed is envelope:
            return False
        temporary = path.with_suffix(".tmp")
        _write(temporary, encode(changed))
        temporary.replace(path)
        return True

    def _hold(self, letter: DeadLetter) -> None:
        self._letters[letter.id] = letter
        self._held_records += letter.record_count
        self._held_bytes += letter.request_bytes

    def _release(self, letter: DeadLetter) -> None:
        del self._letters[letter.id]
        self._held_records -= letter.record_count
        self._held_bytes -= letter.request_bytes
        self._remove(letter.id)

    def _letter(self, envelope: SpooledEnvelope, refusal: Refusal) -> DeadLetter:
        return DeadLetter(
            id=f"{envelope.sequence}-{envelope.start}",
            code=refusal.code,
            error=refusal.error,
            dead_at_ns=self._clock_ns(),
            signal=envelope.signal.name.lower(),
            workspace=envelope.workspace,
            record_count=envelope.record_count,
            received_at_ns=envelope.received_at_ns,
            request_bytes=envelope.request_bytes,
        )

    def _find(self, letter_id: str) -> DeadLetter:
        try:
            return self._letters[letter_id]
        except KeyError:
            raise UnknownDeadLetterError(letter_id) from None

    def _beyond_bounds(self) -> list[DeadLetter]:
        count, held_bytes = len(self._letters), self._held_bytes
        oldest_at_ns = self._clock_ns() - int(self._settings.age_s_max * 1e9)
        expired = []
        for letter in self._letters.values():
            is_within = count <= self._settings.count_max and held_bytes <= self._settings.bytes_max
            if is_within and letter.dead_at_ns >= oldest_at_ns:
                break
            expired.append(letter)
            count, held_bytes = count - 1, held_bytes - letter.request_bytes
        return expired

    def _recover(self, spooled: Container[int]) -> list[DeadLetter]:
        letters = []
        for path in self._settings.folder.glob("*.tmp"):
            path.unlink()  # of a rewriting that was cut short
        for path in self._settings.folder.glob("*.json"):
            letter = _read_reason(path)
            if letter is None:
                continue
            is_expired = letter.place <= self._ledger.entry.expired_through
            is_retried = not self._envelope_path(letter.id).exists()
            if is_expired or is_retried or letter.place[0] in spooled:
                self._remove(letter.id)
            else:
                letters.append(letter)
        return sorted(letters, key=lambda letter: letter.place)

    def _remove(self, letter_id: str) -> None:
        # The reason goes last: it is what a restart finds an unfinished removal by.
        self._envelope_path(letter_id).unlink(missing_ok=True)
        self._reason_path(letter_id).unlink(missing_ok=True)

    def _envelope_path(self, letter_id: str) -> Path:
        return self._settings.folder / f"{letter_id}.envelope"

    def _reason_path(self, letter_id: str) -> Path:
        return self._settings.folder / f"{letter_id}.json"


def observe_dead_letters(telemetry: Telemetry, dead_letters: DeadLetters) -> None:
    """Report the dead-lettered records at each collection."""
    telemetry.observe(Metric.DEAD_LETTER_RECORDS, lambda: dead_letters.record_count)


def _read_reason(path: Path) -> DeadLetter | None:
    try:
        letter = DeadLetter(**json.loads(path.read_bytes()))
        is_named_so = "{}-{}".format(*letter.place) == path.stem
    except (OSError, ValueError, TypeError):
        is_named_so = False
    if not is_named_so:
        logger.warning("dead letter %s has no readable reason", path.stem)
    return letter if is_named_so else None


def _write(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(file, "wb") as out:  # noqa: PTH123 - a descriptor has no path
        out.write(data)
        out.flush()
        os.fsync(file)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
