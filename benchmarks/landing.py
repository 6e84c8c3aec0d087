"""
What the views cost on a table that others share: INSERTs of records of another service into an exporter-shaped otel_logs,
with and without the views, in turn. `python -m benchmarks.landing [RECORDS]`; a quiet machine, or the figure is of its load.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from argus_otel.schema.landing import look
from argus_otel.schema.migrate import migrate
from argus_otel.schema.render import SchemaSettings
from argus_otel.store import EmbeddedStore

_MAP = "Map(LowCardinality(String), String)"
_TABLE = f"""
CREATE TABLE {{database}}.otel_logs
(
    Timestamp DateTime64(9), TimestampTime DateTime DEFAULT toDateTime(Timestamp), ServiceName LowCardinality(String),
    Body String, ScopeName String, ResourceAttributes {_MAP}, LogAttributes {_MAP}, EventName String
)
ENGINE = MergeTree PARTITION BY toDate(TimestampTime) ORDER BY (ServiceName, TimestampTime, Timestamp)
"""
_OTHERS = """
INSERT INTO {database}.otel_logs (Timestamp, ServiceName, Body, ScopeName, ResourceAttributes, LogAttributes) SELECT
    toDateTime64('2026-11-23 10:00:00', 9) + toIntervalMillisecond(number), concat('shop-', toString(number % 20)),
    concat('order ', toString(number), ' was sold to customer ', hex(sipHash64(number))), 'com.example.shop',
    map('service.name', 'shop', 'host.name', 'a', 'deployment.environment', 'prod', 'k8s.pod.name', hex(number % 100)),
    map('order', toString(number), 'user', hex(sipHash64(number)), 'path', '/checkout', 'status', '200',
        'duration_ms', toString(number % 977))
FROM numbers({records})
SETTINGS max_insert_threads = 1, max_threads = 1
"""
_ROUNDS = 7


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder) / "clickhouse")
        for database in ("plain", "viewed"):
            store.execute(f"CREATE DATABASE {database}")
            store.execute(_TABLE.format(database=database))
        migrate(store, SchemaSettings(otel_database="viewed", argus_database="argus", landing=look(store, "viewed")))
        taken_us: dict[str, list[float]] = {"plain": [], "viewed": []}
        for _ in range(_ROUNDS):
            for database, times in taken_us.items():
                began = time.perf_counter()
                store.execute(_OTHERS.format(database=database, records=records))
                times.append((time.perf_counter() - began) * 1e6 / records)
        store.close()
    plain, viewed = (statistics.median(times) for times in taken_us.values())
    print(f"{records:,} records of other services an INSERT, median of {_ROUNDS}, µs a record:")
    print(f"  without views {plain:.2f}, with views {viewed:.2f}, difference {viewed - plain:.2f}")


if __name__ == "__main__":
    main()
