"""`fill FOLDER REQUESTS` makes an engine with data; `ask FOLDER STATEMENTS` asks it as its restricted user. Prints JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import chdb

from argus_otel.envelope import DEFAULT_WORKSPACE, Envelope, Signal, encode
from argus_otel.schema.migrate import migrate
from argus_otel.schema.render import SchemaSettings
from argus_otel.store import EmbeddedStore

RECEIVED_AT_NS = 1_795_500_000_000_000_000


def fill(folder: Path, requests: Path) -> None:
    store = EmbeddedStore(folder / "engine")
    migrate(store, SchemaSettings())
    sent = [(Signal[name], bytes.fromhex(body)) for name, body in json.loads(requests.read_text())]
    segment = folder / "segment"
    segment.write_bytes(
        b"".join(encode(Envelope(signal, DEFAULT_WORKSPACE, RECEIVED_AT_NS, 1, 0, body)) for signal, body in sent)
    )
    for signal in Signal.LOGS, Signal.TRACES, Signal.METRICS:
        store.insert([segment], f"otel.otlp_{signal.name.lower()}")
    store.close()


def ask(folder: Path, statements: Path) -> None:
    handle = chdb.connect(f"{folder / 'engine'}?config-file={folder / 'config.xml'}")
    refusals = []
    for sql in json.loads(statements.read_text()):
        try:
            handle.query(sql, "JSON")
            refusals.append("")
        except RuntimeError as error:
            refusals.append(str(error))
    print(json.dumps(refusals))
    handle.close()


if __name__ == "__main__":
    {"fill": fill, "ask": ask}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
