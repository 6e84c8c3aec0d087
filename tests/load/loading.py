"""The path behind the receiver, run until it is killed: appends, loads, dead-letters; says what it did on stdout."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from load_doubles import Line, envelope, number_of

from argus_otel.envelope import Signal, decode_all
from argus_otel.errors import StoreRefusedError
from argus_otel.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Sequence

POISON_EVERY = 37


class Printing:
    """An INSERT that is durable once its one line is on stdout; a kill may come before or after it."""

    def insert(self, paths: Sequence[Path], signal: Signal) -> None:
        found = [envelope for path in paths for _, _, envelope in decode_all(path.read_bytes())]
        numbers = [number_of(envelope) for envelope in found if envelope.signal is signal]
        if any(number % POISON_EVERY == 0 for number in numbers):
            raise StoreRefusedError("Code: 6. DB::Exception: no (CANNOT_PARSE_TEXT)", 6)
        os.write(1, b"loaded %s\n" % b" ".join(b"%d" % number for number in numbers))


def main(folder: Path, first: int) -> None:
    line = Line(folder, Telemetry(), Printing(), spool={"segment_bytes_max": 600})  # type: ignore[arg-type]
    accounting = line.loader.accounting()
    os.write(1, b"missing %d\n" % accounting.missing)
    for letter in line.dead_letters.letters()[::3]:
        line.loader.retry_dead_letters([letter.id])
    line.loader.start()
    number = first
    while True:
        line.spool.append_blocking(envelope(number, signal=list(Signal)[number % 3]))
        os.write(1, b"acknowledged %d\n" % number)
        number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
