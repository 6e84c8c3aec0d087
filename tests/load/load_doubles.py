"""A ClickHouse that can be told what to refuse, and the whole path behind the receiver around it."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from argus_otel.envelope import Envelope, Signal, decode_all
from argus_otel.errors import StoreRefusedError
from argus_otel.load import DeadLetters, DeadLetterSettings, Ledger, Loader, LoadSettings
from argus_otel.spool import Spool, SpoolSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from argus_otel.telemetry import Telemetry

SECRET = "sk-ant-made-up"


def envelope(number: int, *, record_count: int = 1, signal: Signal = Signal.LOGS) -> Envelope:
    return Envelope(signal, "default", 1_000 + number, record_count, 100, f"{number}|{SECRET}".encode())


def number_of(found: Envelope) -> int:
    return int(found.request.partition(b"|")[0])


class Store:
    """
    An INSERT that refuses every file with a poisonous number in it, as ClickHouse refuses whole INSERTs.

    `inserts` has the numbers of each successful INSERT; `attempts` of all. Before each one `trouble` may raise.
    """

    def __init__(self, poison: Iterable[int] = (), trouble: Callable[[int], None] = lambda attempt: None) -> None:
        self.poison = set(poison)
        self.trouble = trouble
        self.attempts: list[list[int]] = []
        self.inserts: list[list[int]] = []

    def insert(self, paths: Sequence[Path], signal: Signal) -> None:
        found = [envelope for path in paths for _, _, envelope in decode_all(path.read_bytes())]
        numbers = [number_of(envelope) for envelope in found if envelope.signal is signal]
        assert numbers, "an INSERT without a row of its signal"
        self.attempts.append(numbers)
        self.trouble(len(self.attempts))
        if self.poison & set(numbers):
            raise StoreRefusedError(f"Code: 6. DB::Exception: Cannot parse string '{SECRET}' (CANNOT_PARSE_TEXT)", 6)
        self.inserts.append(numbers)

    @property
    def loaded(self) -> Counter[int]:
        """How often each number was loaded."""
        return Counter(itertools.chain.from_iterable(self.inserts))


class Line:
    """Spool, loader, dead letters and ledger on one data folder; `crash` leaves it as a SIGKILL would."""

    def __init__(
        self,
        folder: Path,
        telemetry: Telemetry,
        store: Store,
        *,
        letters: dict[str, Any] | None = None,
        spool: dict[str, Any] | None = None,
        clock_ns: Callable[[], int] = lambda: 7,
        **load: Any,
    ) -> None:
        self.ledger = Ledger(folder / "load" / "ledger")
        self.spool = Spool(
            SpoolSettings(folder / "spool", **{"segment_age_s_max": 0.0, **(spool or {})}),
            loaded_through=self.ledger.entry.loaded_through,
            received_records=self.ledger.entry.received_records,
        )
        self.dead_letters = DeadLetters(
            DeadLetterSettings(folder / "dead-letter", **(letters or {})), self.ledger, self.spool.sequences, clock_ns
        )
        quick = {"interval_s": 0.0, "wait_s_max": 0.01, "backoff_s_min": 0.001, "backoff_s_max": 0.002}
        settings = LoadSettings(folder / "load" / "scratch", **{**quick, **load})
        self.loader = Loader(self.spool, store.insert, self.dead_letters, self.ledger, telemetry, settings)

    def append(self, *envelopes: Envelope) -> None:
        threads = [threading.Thread(target=self.spool.append_blocking, args=(one,)) for one in envelopes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def load_all(self) -> None:
        """Load until the spool is empty, and stop."""
        self.loader.start()
        self.loader.close(drain_s=60)
        self.close()

    def close(self) -> None:
        self.loader.close()
        self.spool.close()
        self.ledger.close()

    def adds_up(self) -> tuple[int, int, int, int]:
        """Check the sum and return (received, loaded, dead-lettered, spooled)."""
        accounting = self.loader.accounting()
        assert accounting.missing == 0
        return accounting.received, accounting.loaded, accounting.dead_lettered, accounting.spooled
