"""An endpoint over a small engine, in a process of its own: a process can have one engine folder open."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path

from argus_otel.serve.endpoint import Endpoint, EndpointSettings
from argus_otel.store import EmbeddedStore
from argus_otel.telemetry import Telemetry

TABLES = (
    "CREATE DATABASE argus",
    "CREATE DATABASE otel",
    "CREATE DATABASE other",
    "CREATE TABLE argus.sessions (workspace String, session_id String, cost_usd Float64) ENGINE = MergeTree ORDER BY session_id",
    "INSERT INTO argus.sessions VALUES ('default', 's1', 0.5), ('default', 's2', 1.5)",
    "CREATE TABLE other.secrets (text String) ENGINE = MergeTree ORDER BY text",
    "INSERT INTO other.secrets VALUES ('top secret')",
    "CREATE VIEW argus.costly AS SELECT * FROM argus.sessions WHERE cost_usd > {least:Float64}",
)


async def serve(folder: Path, options: dict[str, object]) -> None:
    store = EmbeddedStore(folder)
    for statement in TABLES:
        store.execute(statement)
    telemetry = Telemetry()
    endpoint = Endpoint(EndpointSettings(address="127.0.0.1:0", **options), store.connect, telemetry)  # type: ignore[arg-type] # a test's own choice
    print(await endpoint.start(), flush=True)
    loading = threading.Event()

    def load() -> None:
        while not loading.wait(0):
            store.execute(
                "INSERT INTO otel.slow SELECT sleepEachRow(0.02) FROM numbers(100) SETTINGS max_block_size = 1"
            )

    store.execute("CREATE TABLE otel.slow (n UInt8) ENGINE = Null")
    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    await asyncio.to_thread(sys.stdin.read)  # until the test closes it
    loading.set()
    await endpoint.stop()
    thread.join()
    telemetry.close()
    store.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), json.loads(sys.argv[2])))
