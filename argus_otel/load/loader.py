"""
Segments in, INSERTs out: one thread that empties the spool into ClickHouse.

    take ─▶ INSERT ─▶ (refused: isolate) ─▶ dead letters ─▶ ledger ─▶ delete

The order makes a SIGKILL between any two steps harmless: before the ledger the batch is loaded again (the tables take
repetition), after it the segments are deleted at the next start. Nothing here blocks the receiver.
Source: issue 2, "Spool and load"; DESIGN 3.
"""

from __future__ import annotations

import dataclasses
import logging
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from argus_otel.envelope import Signal, TornEnvelopeError
from argus_otel.errors import StoreRefusedError
from argus_otel.load.accounting import Accounting
from argus_otel.load.isolation import RefusalStreak, isolate
from argus_otel.load.scratch import Scratch
from argus_otel.load.spooled import envelopes_of
from argus_otel.load.status import LoaderStatus
from argus_otel.refusal import Refusal
from argus_otel.telemetry import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from argus_otel.load.dead_letters import DeadLetter, DeadLetters
    from argus_otel.load.isolation import Refused
    from argus_otel.load.ledger import Ledger
    from argus_otel.load.spooled import LoadableSegment, SpooledEnvelope
    from argus_otel.telemetry import Telemetry

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """How much at once, and how patiently."""

    scratch_folder: Path
    """Parts of a refused batch stand here for a moment; emptied at start."""
    expanded_bytes_max: int = 128 << 20
    """Of one INSERT, as rows: what ClickHouse holds in memory for it is a small multiple."""
    interval_s: float = 1.0
    """From the beginning of one load to the next: the engine analyses every view anew at each INSERT, a quarter of a
    second of CPU for all signals, so a few large ones cost less than many small ones. Half of the two seconds in which
    data is to be visible; after a pause the first record does not wait."""
    wait_s_max: float = 0.5
    """How long one look into an empty spool takes, and so how late a stop may be noticed."""
    backoff_s_min: float = 0.2
    backoff_s_max: float = 30.0
    """Full jitter between 0 and a value doubling from min to max: replicas do not come back in step."""
    refused_in_a_row_max: int = 100
    """More refusals of one signal in a row are no poison but a broken schema; see isolation.py."""


class SegmentQueue(Protocol):
    """The spool, as the loader sees it; all but `take` may be called by any thread. Errors are retryable."""

    @property
    def record_count(self) -> int: ...
    def take(self, expanded_bytes_max: int, timeout_s: float) -> Sequence[LoadableSegment]: ...
    def delete_through(self, sequence: int) -> None: ...
    def put_right(self, sequence: int) -> None: ...
    def adopt(self, path: Path) -> None: ...
    def counts(self) -> tuple[int, int]: ...


class _StoppedError(Exception):
    """`close` was called; the batch at hand stays in the spool."""


class Loader:
    """
    Loads until it is closed; `start` and `close` once each, `close` may be repeated.

    Args:
        insert: loads one signal of files of envelopes in one INSERT, blocking. Raises StoreRefusedError for a code that
            is listed as permanent; any other error counts as retryable.
        on_private: called after a batch that held a control, or of which something was set aside: words may be left.
    """

    def __init__(
        self,
        queue: SegmentQueue,
        insert: Callable[[Sequence[Path], Signal], None],
        dead_letters: DeadLetters,
        ledger: Ledger,
        telemetry: Telemetry,
        settings: LoadSettings,
        *,
        on_private: Callable[[], None] = lambda: None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._queue = queue
        self._insert = insert
        self._dead_letters = dead_letters
        self._ledger = ledger
        self._telemetry = telemetry
        self._settings = settings
        self._on_private = on_private
        self._clock_ns = clock_ns
        self._scratch = Scratch(settings.scratch_folder)
        self._streak = RefusalStreak(settings.refused_in_a_row_max)
        self._settling = threading.Lock()
        self._finishing = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self.status = LoaderStatus()

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def close(self, drain_s: float = 0.0) -> None:
        """
        Stop, after at most `drain_s` more of loading what is in the spool; an INSERT under way is waited for.

        What could not be loaded stays in the spool.
        """
        self._finishing.set()
        if drain_s <= 0:
            self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(max(0.0, drain_s))
            self._stopping.set()
            self._thread.join()

    def accounting(self) -> Accounting:
        """Return the sum at one instant; waits for the disk at most."""
        with self._settling:
            received, spooled = self._queue.counts()
            return Accounting(received, self._ledger.entry.loaded_records, self._dead_letters.record_count, spooled)

    def retry_dead_letters(self, letter_ids: Iterable[str]) -> tuple[DeadLetter, ...]:
        """
        Move dead letters back into the spool and return them; they load in a moment, or are refused again.

        Raises:
            UnknownDeadLetterError: permanent; none was moved.
            SpoolFullError, SpoolWriteError, ShuttingDownError: retryable; some may have been moved.
        """
        with self._settling:
            return self._dead_letters.retry(letter_ids, self._queue.adopt)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._patiently(self._dead_letters.expire)
                segments = self._patiently(self._take)
                if segments:
                    due_at_s = time.monotonic() + self._settings.interval_s
                    self._load(segments)
                    self._finishing.wait(max(0.0, due_at_s - time.monotonic()))
                elif self._finishing.is_set() and self._queue.record_count == 0:
                    return
        except _StoppedError:
            pass

    def _take(self) -> Sequence[LoadableSegment]:
        return self._queue.take(self._settings.expanded_bytes_max, self._settings.wait_s_max)

    def _load(self, segments: Sequence[LoadableSegment]) -> None:
        signals = {signal for segment in segments for signal in segment.signals}
        refused: list[Refused] = []
        # One signal after the other, control first, each patiently: a broken table does not repeat the rows of the others.
        for signal in sorted(signals, key=lambda signal: signal.value):
            holding = [segment for segment in segments if signal in segment.signals]
            if self._load_files([segment.path for segment in holding], signal) is not None:
                try:
                    envelopes = [found for segment in holding for found in self._envelopes_of(segment)]
                except TornEnvelopeError:
                    return  # it was put right, and the batch is taken again without the damage
                of_signal = [envelope for envelope in envelopes if envelope.signal is signal]
                refused += isolate(of_signal, self._load_part, self._hold, self._streak)
        self._patiently(lambda: self._settle(segments, refused))
        if Signal.CONTROL in signals or refused:
            self._on_private()

    def _load_files(self, paths: Sequence[Path], signal: Signal) -> Refusal | None:
        def insert() -> None:
            started_s = time.perf_counter()
            self._insert(paths, signal)
            self._telemetry.record(Metric.LOAD_SECONDS, time.perf_counter() - started_s)

        try:
            self._patiently(insert)
        except StoreRefusedError as error:
            return self._failed(Refusal.of(error))
        self.status = dataclasses.replace(
            self.status, last_success_at_ns=self._clock_ns(), consecutive_failures=0, is_holding=False
        )
        self._streak.loaded(signal)
        return None

    def _load_part(self, part: Sequence[SpooledEnvelope]) -> Refusal | None:
        if self._stopping.is_set():
            raise _StoppedError
        path = self._patiently(lambda: self._scratch.write(part))
        try:
            return self._load_files([path], part[0].signal)
        finally:
            self._scratch.remove(path)

    def _envelopes_of(self, segment: LoadableSegment) -> list[SpooledEnvelope]:
        try:
            return self._patiently(lambda: envelopes_of(segment))
        except TornEnvelopeError:
            self._patiently(lambda: self._queue.put_right(segment.sequence))
            raise

    def _settle(self, segments: Sequence[LoadableSegment], refused: Sequence[Refused]) -> None:
        last, entry = segments[-1], self._ledger.entry
        refused_records = sum(envelope.record_count for envelope, _ in refused)
        loaded_records = sum(segment.record_count for segment in segments) - refused_records
        with self._settling:
            letters = self._dead_letters.write(refused)
            self._ledger.write(
                dataclasses.replace(
                    entry,
                    loaded_through=last.sequence,
                    received_records=max(entry.received_records, last.received_through),
                    loaded_records=entry.loaded_records + loaded_records,
                )
            )
            self._dead_letters.keep(letters)
            self._queue.delete_through(last.sequence)
        self._telemetry.add(Metric.LOADED_RECORDS, loaded_records)
        if letters:
            logger.error(
                "%d envelopes of %d records dead-lettered, code %d", len(letters), refused_records, letters[0].code
            )

    def _patiently(self, action: Callable[[], _T]) -> _T:
        while True:
            try:
                return action()
            except (StoreRefusedError, TornEnvelopeError):
                raise  # waiting does not help against these
            except Exception as error:
                self._back_off(self._failed(Refusal.of(error)))

    def _hold(self, refusal: Refusal) -> None:
        self.status = dataclasses.replace(self.status, is_holding=True)
        logger.error(
            "more than %d requests in a row refused: nothing more is dead-lettered, loading waits until the schema is "
            "repaired or refused_in_a_row_max is raised",
            self._settings.refused_in_a_row_max,
        )
        self._back_off(refusal)

    def _failed(self, refusal: Refusal) -> Refusal:
        self._telemetry.add(Metric.LOAD_FAILURES, code=str(refusal.code))
        self.status = dataclasses.replace(
            self.status, last_error_at_ns=self._clock_ns(), last_error_code=refusal.code, last_error=refusal.error
        )
        return refusal

    def _back_off(self, refusal: Refusal) -> None:
        failures = self.status.consecutive_failures + 1
        self.status = dataclasses.replace(self.status, consecutive_failures=failures)
        bound_s = min(self._settings.backoff_s_max, self._settings.backoff_s_min * 2 ** min(failures - 1, 32))
        delay_s = random.uniform(0, bound_s)  # noqa: S311 - jitter, no secret
        logger.warning("load failed, retry in %.1f s: code %d, %s", delay_s, refusal.code, refusal.error)
        if self._stopping.wait(delay_s):
            raise _StoppedError
