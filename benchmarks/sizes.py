"""
How large a record is: on the wire, in the spool, and in ClickHouse once it is merged. `python -m benchmarks.sizes [SESSIONS]`.

The recorded sessions repeat the same text, which compresses better than text does that people write: a few sessions give
the upper figure, many the lower one.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from argus_otel.envelope import Signal, encode
from argus_otel.schema.migrate import migrate
from argus_otel.schema.render import SchemaSettings
from argus_otel.store import EmbeddedStore
from benchmarks.report import machine, table
from benchmarks.traffic import envelope, sessions

if TYPE_CHECKING:
    from benchmarks.traffic import Mix

_SESSION_COUNTS = (3, 300)
_MIXES: tuple[Mix, ...] = ("native", "both")
_LOADED = (Signal.LOGS, Signal.TRACES, Signal.METRICS)


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes a record, but for the counts; `landed` is the landing tables, `facts` all of argus with its texts."""

    traffic: str
    session_count: int
    record_count: int
    wire: int
    gzipped: int
    spooled: int
    landed: int
    facts: int


def measure_sizes(mix: Mix, session_count: int) -> Size:
    """Load sessions in one INSERT per signal, merge everything, and read what the parts take."""
    requests = [request for made in sessions(0, session_count, mix, time.time_ns()) for request in made.requests]
    records = sum(request.record_count for request in requests)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        segments = {signal: Path(name) / f"{signal.name.lower()}.seg" for signal in _LOADED}
        for signal, path in segments.items():
            of_signal = (request for request in requests if request.signal is signal)
            path.write_bytes(b"".join(encode(envelope(request, time.time_ns())) for request in of_signal))
        spooled = sum(path.stat().st_size for path in segments.values())
        landed, facts = _stored(Path(name) / "engine", segments)
    return Size(
        mix,
        session_count,
        records,
        wire=sum(len(request.body) for request in requests) // records,
        gzipped=sum(len(gzip.compress(request.body)) for request in requests) // records,
        spooled=spooled // records,
        landed=landed // records,
        facts=facts // records,
    )


def _stored(folder: Path, segments: dict[Signal, Path]) -> tuple[int, int]:
    store = EmbeddedStore(folder)
    try:
        migrate(store, SchemaSettings())
        for signal, path in segments.items():
            store.insert([path], f"otel.otlp_{signal.name.lower()}")
        for row in store.rows("SELECT DISTINCT database, table FROM system.parts WHERE database IN ('otel', 'argus')"):
            store.execute(f"OPTIMIZE TABLE {row['database']}.{row['table']} FINAL")
        sizes = store.rows(
            "SELECT database, sum(bytes_on_disk) AS bytes FROM system.parts WHERE active GROUP BY database"
        )
        of = {row["database"]: int(row["bytes"]) for row in sizes}
        return of["otel"], of["argus"]
    finally:
        store.close()


def main() -> None:
    counts = [int(argument) for argument in sys.argv[1:]] or _SESSION_COUNTS
    print(machine())
    print(table("Bytes a record", [measure_sizes(mix, count) for mix in _MIXES for count in counts]))


if __name__ == "__main__":
    main()
