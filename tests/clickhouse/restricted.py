"""
`restricted.py WHAT FOLDER`: in a process of its own, an engine whose one user has the grants of FOLDER/config.xml, or all
without one; does WHAT and prints as JSON what was refused, by name.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import chdb
from api_calls import calls
from exporter import insert, log, make_tables

from argus_otel.enrichment import Budget, Mute, People, Person, apply
from argus_otel.envelope import DEFAULT_WORKSPACE, Envelope, Signal, encode
from argus_otel.erase import Eraser
from argus_otel.errors import StoreError
from argus_otel.privacy.erasure import ErasureRequest
from argus_otel.roll import Roller, RollSettings
from argus_otel.schema.backfill import backfill
from argus_otel.schema.landing import EVERY_TABLE, look
from argus_otel.schema.migrate import migrate, plan
from argus_otel.schema.render import SchemaSettings
from argus_otel.schema.uninstall import uninstall
from argus_otel.store import EmbeddedStore
from argus_otel.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = SchemaSettings()
LANDING = SchemaSettings(otel_database="otel_agents", landing=EVERY_TABLE)
"""On tables of a collector."""


class Restricted(EmbeddedStore):
    """The engine with the users of a file."""

    def __init__(self, folder: Path) -> None:
        config = folder / "config.xml"
        self._folder = f"{folder / 'engine'}?config-file={config}" if config.exists() else folder / "engine"  # type: ignore[assignment] # what chDB connects to
        self._keeper = chdb.connect(str(self._folder))


def prepare(folder: Path) -> dict[str, str]:
    """Make the schema, with a session in it of which the words are to go."""
    store = Restricted(folder)
    migrate(store, SETTINGS)
    _insert(store, folder, Signal.LOGS, calls([1], session="private"))
    store.close()
    return {}


def take_away(folder: Path) -> dict[str, str]:
    """Drop all that was made."""
    store = Restricted(folder)
    left = uninstall(store, SETTINGS)
    store.close()
    return dict.fromkeys(left, "left")


def collect(folder: Path) -> dict[str, str]:
    """Make the collector's tables, with a record in them."""
    store = Restricted(folder)
    make_tables(store, LANDING.otel_database)
    said = {"session.id": "s", "event.name": "user_prompt", "prompt.id": "p", "prompt": "words"}
    insert(store, f"{LANDING.otel_database}.otel_logs", [log(Body="claude_code.user_prompt", LogAttributes=said)])
    store.close()
    return {}


def land(folder: Path) -> dict[str, str]:
    """Put facts and views on the collector's tables, and read in what is there."""
    store = Restricted(folder)
    settings = replace(LANDING, landing=look(store, LANDING.otel_database))
    migrate(store, settings)
    looked_at = backfill(store, settings) and backfill(store, settings, again=True)
    store.close()
    return {} if looked_at else {"backfill": "nothing was read"}


def work(folder: Path) -> dict[str, str]:
    """Do all that a service does, once."""
    store = Restricted(folder)
    asked = ErasureRequest("private", "command", "somebody", 1).envelope(DEFAULT_WORKSPACE, 1)
    roller = Roller(store, lambda: SETTINGS, Telemetry(), RollSettings(margin_s=-1, pause_s=0))
    changes = (
        People((Person("ada@example.com", "Ada", "core", "1"),)),
        People(()),
        Budget("team", "core", 10.0),
        Mute("", "", "ada@example.com", "", is_removed=False),
    )
    steps: dict[str, Callable[[], object]] = {
        "check the schema": lambda: plan(store, SETTINGS),
        "load": lambda: _insert(store, folder, Signal.LOGS, calls([2])),
        "load a control": lambda: _insert_envelope(store, folder, asked),
        "erase": Eraser(store, lambda: SETTINGS, lambda _: None).erase_pending,
        "roll": roller.roll_settled,
        "tell of erasures": lambda: store.rows("SELECT * FROM argus.erasures"),
        "tell of dropped records": lambda: store.rows("SELECT * FROM argus.dropped_records"),
        **{f"set {type(change).__name__} {number}": _setting(store, change) for number, change in enumerate(changes)},
    }
    refused = {name: said for name, step in steps.items() if (said := _refusal(step))}
    store.close()
    return refused


def found(folder: Path) -> dict[str, str]:
    """Return what the work left."""
    store = Restricted(folder)
    counts = {
        "gone": "SELECT count() AS n FROM argus.erasures WHERE gone_at IS NOT NULL",
        "rolled": "SELECT uniqExact(session_id) AS n FROM argus.session_rollup",
        "calls": "SELECT count() AS n FROM argus.api_requests",
        "budgets": "SELECT count() AS n FROM argus.budgets",
    }
    answer = {name: str(store.rows(sql)[0]["n"]) for name, sql in counts.items()}
    store.close()
    return answer


def ask(folder: Path) -> dict[str, str]:
    """Run the statements of FOLDER/statements.json."""
    store = Restricted(folder)
    refused = {}
    for sql in json.loads((folder / "statements.json").read_text()):
        if said := _refusal(lambda sql=sql: store.execute(sql)):  # type: ignore[misc] # a lambda with a default
            refused[sql] = said
    store.close()
    return refused


def _setting(store: EmbeddedStore, change: Budget | Mute | People) -> Callable[[], None]:
    return lambda: apply(store, SETTINGS.argus_database, change)


def _refusal(step: Callable[[], object]) -> str:
    try:
        step()
    except StoreError as error:
        return str(error)
    return ""


def _insert(store: EmbeddedStore, folder: Path, signal: Signal, body: bytes) -> None:
    _insert_envelope(store, folder, Envelope(signal, DEFAULT_WORKSPACE, 1, 1, 0, body))


def _insert_envelope(store: EmbeddedStore, folder: Path, envelope: Envelope) -> None:
    segment = folder / "segment"
    segment.write_bytes(encode(envelope))
    store.insert([segment], f"{SETTINGS.otel_database}.otlp_{envelope.signal.name.lower()}")


if __name__ == "__main__":
    named = (prepare, take_away, collect, land, work, found, ask)
    print(json.dumps({what.__name__: what for what in named}[sys.argv[1]](Path(sys.argv[2]))))
