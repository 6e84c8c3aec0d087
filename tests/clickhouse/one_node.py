"""
`one_node.py WHAT FOLDER`: an engine that is the one node of a cluster, in a process of its own; does WHAT, prints JSON.

What one process cannot have is taken out of the statements: ON CLUSTER (the engine runs no queue of them) and, but for
`replicated`, the replication (its keeper of one process takes no rows). Distributed tables are what a cluster has.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import chdb

from argus_otel.demo import recordings
from argus_otel.envelope import DEFAULT_WORKSPACE, Envelope, encode
from argus_otel.erase import Eraser
from argus_otel.errors import StoreError
from argus_otel.privacy.erasure import ErasureRequest
from argus_otel.roll import Roller, RollSettings
from argus_otel.schema.cluster import READING_SETTINGS
from argus_otel.schema.migrate import migrate, plan
from argus_otel.schema.render import SchemaSettings, render
from argus_otel.store import EmbeddedStore
from argus_otel.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RECEIVED_AT_NS = 1_795_500_000_000_000_000
ONE = SchemaSettings(cluster="one")
PLAIN = SchemaSettings(otel_database="plain_otel", argus_database="plain_argus")
_never_closed: list[Node] = []
NODE = "<host>127.0.0.1</host><port>9000</port>"


class Node(EmbeddedStore):
    """The engine with the profile of a cluster's login."""

    def __init__(self, folder: Path, *, is_replicated: bool = False) -> None:
        self._is_replicated = is_replicated
        profile = "".join(f"<{name}>{value}</{name}>" for name, value in READING_SETTINGS.items())
        users, config = folder / "users.xml", folder / "config.xml"
        users.write_text(
            f"<clickhouse><profiles><default>{profile}</default></profiles><quotas><default/></quotas><users><default>"
            "<password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>"
            "</default></users></clickhouse>"
        )
        shard = f"<shard><internal_replication>true</internal_replication><replica>{NODE}</replica></shard>"
        config.write_text(
            f"<clickhouse><users_config>{users}</users_config><tcp_port>9000</tcp_port>"
            "<macros><shard>1</shard><replica>a</replica></macros>"
            "<zookeeper><implementation>testkeeper</implementation></zookeeper>"
            f"<remote_servers><one>{shard}</one><two>{shard}{shard}</two></remote_servers></clickhouse>"
        )
        self._folder = f"{folder / 'engine'}?config-file={config}"  # type: ignore[assignment] # what chDB connects to
        self._keeper = chdb.connect(str(self._folder))

    def execute(self, sql: str) -> None:
        if "SYSTEM SYNC REPLICA" not in sql:
            super().execute(self._of_one_process(sql))

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return super().rows(sql, parameters)

    def _of_one_process(self, sql: str) -> str:
        sql = re.sub(r" ON CLUSTER '\w+'", "", sql)
        if self._is_replicated:
            return sql
        sql = re.sub(r"Replicated(\w+MergeTree|MergeTree)\('[^']*', '[^']*'(?:, )?", r"\1(", sql)
        return sql.replace("MergeTree()", "MergeTree")


def views(settings: SchemaSettings) -> list[str]:
    """Return the names of all that is read without parameters."""
    made = [statement for statement in render(settings) if statement.kind == "view"]
    of_argus = [one for one in made if one.target.startswith(f"{settings.argus_database}.")]
    return sorted(one.target.partition(".")[2] for one in of_argus if not re.search(r"\{\w+:\w+", one.sql))


def same(folder: Path) -> dict[str, Any]:
    """Load the recordings into a cluster and into plain tables; return the views that differ, before and after summing up."""
    store = Node(folder)
    found: dict[str, Any] = {}
    for settings in (ONE, PLAIN):
        migrate(store, settings)
    found["pending"] = [step.statement.name for step in plan(store, ONE) if step.action != "unchanged"]
    sent = [one for name in recordings.NAMES for one in (*recordings.requests(name), *recordings.content(name))]
    for settings in (ONE, PLAIN):
        for signal in sorted({signal for signal, _ in sent}, key=lambda signal: signal.value):
            bodies = [body for of, body in sent if of is signal]
            insert(
                store,
                folder,
                settings,
                *(Envelope(signal, DEFAULT_WORKSPACE, RECEIVED_AT_NS, 1, 0, body) for body in bodies),
            )
    names = views(ONE)
    found["views"] = len(names)
    found["rows"] = sum(len(answer) for name in names if (answer := read(store, ONE, name)))
    found["differ"] = [name for name in names if read(store, ONE, name) != read(store, PLAIN, name)]
    for settings in (ONE, PLAIN):
        roll(store, settings)
    found["rolled"] = store.rows("SELECT count() AS n FROM argus_shard.session_rollup")[0]["n"]
    found["differ rolled"] = [name for name in names if read(store, ONE, name) != read(store, PLAIN, name)]
    found["by shards"] = store.rows("SELECT count() AS n FROM argus_shard.facts")[0]["n"]
    [session] = store.rows("SELECT session_id FROM argus.texts GROUP BY session_id ORDER BY count() DESC LIMIT 1")
    before = store.rows(
        "SELECT count() AS n FROM argus_shard.texts WHERE session_id = {s:String}", {"s": session["session_id"]}
    )
    asked = ErasureRequest(session["session_id"], "command", "somebody", 1)
    insert(store, folder, ONE, asked.envelope(DEFAULT_WORKSPACE, 1))
    Eraser(store, lambda: ONE, lambda _: None).erase_pending()
    after = store.rows(
        "SELECT count() AS n FROM argus_shard.texts WHERE session_id = {s:String}", {"s": session["session_id"]}
    )
    found["texts of the private session"] = [before[0]["n"] > 0, after[0]["n"]]
    found["gone"] = store.rows("SELECT count() AS n FROM argus.erasures WHERE gone_at IS NOT NULL")[0]["n"]
    store.close()
    return found


def two(folder: Path) -> dict[str, Any]:
    """Return which views of a cluster of two shards the engine would not plan; both are this node, so figures say nothing."""
    store = Node(folder)
    settings = SchemaSettings(cluster="two")
    migrate(store, settings)
    statements = {statement.target: statement.sql for statement in render(settings) if statement.kind == "view"}
    refused = {}
    for target, sql in statements.items():
        told = dict(re.findall(r"\{(\w+):(\w+)", sql))
        values = ", ".join(f"{name} = now()" for name in told)
        try:
            store.rows(f"EXPLAIN SELECT * FROM {target}{f'({values})' if told else ''}")
        except StoreError as error:
            refused[target] = str(error)[:300]
    plans = {
        "one session": "EXPLAIN SELECT * FROM argus.facts WHERE workspace = 'default' AND session_id = 'x'",
        "by session": "EXPLAIN SELECT workspace, session_id, count() FROM argus.facts GROUP BY workspace, session_id",
    }
    told_plans = {name: "\n".join(row["explain"] for row in store.rows(sql)) for name, sql in plans.items()}
    store.close()
    return {"views": len(statements), "refused": refused, "plans": told_plans}


def replicated(folder: Path) -> dict[str, Any]:
    """Make the tables as a cluster has them, and return how many there are of each engine."""
    store = Node(folder, is_replicated=True)
    _never_closed.append(store)  # with tables that wait for a keeper, closing never ends
    for database in ONE.databases:
        store.execute(f"CREATE DATABASE {database}")
    made: Counter[str] = Counter()
    for statement in render(ONE):
        if statement.kind == "table":
            store.execute(statement.sql)
            made[re.findall(r"ENGINE = (\w+)", statement.sql)[0]] += 1
    return dict(made)


def insert(store: Node, folder: Path, settings: SchemaSettings, *envelopes: Envelope) -> None:
    """Insert envelopes of one signal."""
    segment = folder / "segment"
    segment.write_bytes(b"".join(map(encode, envelopes)))
    store.insert([segment], f"{settings.otel_database}.otlp_{envelopes[0].signal.name.lower()}")


def read(store: Node, settings: SchemaSettings, name: str) -> str:
    volatile = {"erasures": "workspace, session_id"}.get(name, "*")
    rows = store.rows(f"SELECT {volatile} FROM {settings.argus_database}.{name} ORDER BY ALL")
    return "\n".join(sorted(json.dumps(_in_order(row), sort_keys=True, default=str) for row in rows))


def _in_order(value: Any) -> Any:
    """Return it with its lists sorted: some are gathered in whatever order rows are read."""
    if isinstance(value, dict):
        return {name: _in_order(one) for name, one in value.items()}
    return sorted(map(_in_order, value), key=repr) if isinstance(value, list) else value


def roll(store: Node, settings: SchemaSettings) -> None:
    Roller(store, lambda: settings, Telemetry(), RollSettings(margin_s=-1, pause_s=0)).roll_settled()


if __name__ == "__main__":
    does: dict[str, Callable[[Path], dict[str, Any]]] = {"same": same, "two": two, "replicated": replicated}
    print(json.dumps(does[sys.argv[1]](Path(sys.argv[2]))), flush=True)
    os._exit(0)  # an engine with a keeper of its own may abort when it ends
