"""
A cluster, as far as one process can have one: what its schema says, a node of it on the real engine, and that a view of which a
row is one session's may be asked of each shard. What cannot be run here: docs/clickhouse.md.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argus_otel.demo import recordings
from argus_otel.schema.cluster import READING_SETTINGS, missing_settings
from argus_otel.schema.erasure import PrivateSession, erasure_statements
from argus_otel.schema.probes import erase_probe
from argus_otel.schema.render import SchemaSettings, render
from argus_otel.schema.rollup import RollupStatements
from argus_otel.schema.uninstall import uninstall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from databases import Databases

    from argus_otel.store import EmbeddedStore

HERE = Path(__file__).parent
CLUSTER = SchemaSettings(cluster="main")
ACROSS_SESSIONS = {
    "attribute_presence", "budget_status", "budgets", "cost_anomalies", "daily_users", "invoices", "mutes", "people",
    "pipeline_metrics", "reported_vs_invoiced",
}  # fmt: skip


def run(what: str, folder: Path) -> dict[str, Any]:
    told = subprocess.run(
        [sys.executable, str(HERE / "one_node.py"), what, str(folder)],
        capture_output=True,
        text=True,
        timeout=280,
        env={"PYTHONPATH": f"{HERE}:{HERE.parents[1]}", "PATH": "/usr/bin:/bin"},
    )
    assert told.stdout, told.stderr[-3000:]
    answer: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return answer


def views_of_shards() -> list[str]:
    made = [statement for statement in render(CLUSTER) if statement.kind == "view"]
    return sorted(one.target.partition(".")[2] for one in made if one.target.startswith("argus_shard."))


def test_without_a_cluster_no_statement_speaks_of_one() -> None:
    for statement in render(SchemaSettings()):
        assert not re.search(r"ON CLUSTER|Replicated|Distributed|_shard\b", statement.sql), statement.name


def test_what_is_kept_is_replicated_and_what_is_read_is_of_all_shards() -> None:
    made = {statement.name: statement for statement in render(CLUSTER)}
    assert made["301_facts"].target == "argus_shard.facts"
    assert (
        "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')"
        in made["301_facts"].sql
    )
    assert (
        "AS argus_shard.facts ENGINE = Distributed('main', argus_shard, facts, cityHash64(workspace, session_id))"
        in made["301_facts_distributed"].sql
    )
    assert "FROM argus_shard.facts" in made["401_api_requests"].sql
    assert made["401_api_requests_distributed"].target == "argus.api_requests"
    assert "TO argus.facts" in made["311_facts_from_logs"].sql, "a row goes to its session's shard"
    assert "FROM argus.people_facts" in made["430_people"].sql, "what operators set is one list"
    for statement in made.values():
        assert " ON CLUSTER 'main'" in statement.sql or statement.kind == "fill", statement.name


def test_a_sessions_records_are_on_its_shard_whatever_table_they_are_in() -> None:
    keys = {}
    for statement in render(CLUSTER):
        if found := re.search(r"ENGINE = Distributed\('main', (\w+), (\w+), (.*?)\)( COMMENT|$)", statement.sql):
            keys[found[2]] = found[3]
    of_session = {name: key for name, key in keys.items() if key == "cityHash64(workspace, session_id)"}
    assert {"facts", "texts", "session_facts", "erasure_facts", "text_findings", "session_rollup", "sessions"} <= set(
        of_session
    )
    assert set(views_of_shards()) <= set(of_session)
    assert keys["otel_logs"] == (
        "cityHash64(workspace, if(LogAttributes['session.id'] != '', LogAttributes['session.id'], "
        "ResourceAttributes['session.id']))"
    )
    assert set(keys) - set(of_session) == {
        "otel_logs", "otel_traces", "otel_traces_trace_id_ts", "otel_metrics_gauge", "otel_metrics_sum",
        "otel_metrics_histogram", "otel_metrics_exponential_histogram", "otel_metrics_summary", "dropped_records",
    }  # fmt: skip


def test_the_engine_reads_every_statement(store: EmbeddedStore) -> None:
    statements = [statement.sql for statement in render(CLUSTER)]
    statements += [one.sql for one in erasure_statements(CLUSTER, [PrivateSession("w", "s", 1, 2)])]
    rollup = RollupStatements(CLUSTER)
    statements += [rollup.mark(1), rollup.unmark, rollup.roll(["('w', 's')"]), str(rollup.synchronize)]
    for sql in statements:
        handle = store.connect()
        try:
            handle.query(f"EXPLAIN AST {sql}") if sql.startswith("SELECT") else handle.query(
                f"SELECT formatQuery({quoted(sql)})"
            )
        finally:
            handle.close()


def test_erasure_changes_the_shards_and_counts_in_all() -> None:
    for statement in erasure_statements(CLUSTER, [PrivateSession("w", "s", 1, 2)]):
        assert "_shard." in statement.table
        assert f"ALTER TABLE {statement.table} ON CLUSTER 'main'" in statement.sql
        assert f"FROM {statement.table.replace('_shard.', '.')} WHERE" in statement.count


class Told:
    """A database that has the cluster's tables, and keeps what it is told to do."""

    def __init__(self) -> None:
        self.executed: list[str] = []

    def execute(self, sql: str) -> None:
        self.executed.append(sql)

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        names = {one.target: one.sql for one in render(CLUSTER) if one.kind != "alteration"}
        if "FROM system.tables WHERE database IN" in sql:
            return [{"database": name.split(".")[0], "name": name.split(".")[1]} for name in names]
        if "AS found" in sql:
            return [{"found": 1}]
        if "schema_migrations FINAL" in sql:
            return [{"name": "301_facts", "checksum": ""}]
        if "total_rows" in sql:
            database = (parameters or {})["database"]
            return [{"name": name, "row_count": 0} for name in names if name.startswith(f"{database}.")]
        return [] if "system." in sql else [{"1": 1}]


def test_a_probe_is_looked_for_in_all_shards_and_deleted_in_each() -> None:
    database = Told()
    assert erase_probe(database, CLUSTER, "argus-otel-probe-1795400000-0123456789ab") == len(database.executed) == 9
    tables = {one.target for one in render(CLUSTER) if one.kind == "table" and " AS " not in one.sql}
    for sql in database.executed:
        [table] = re.findall(r"^ALTER TABLE (\w+_shard\.\w+) ON CLUSTER 'main' DELETE WHERE", sql)
        assert table in tables


def test_what_is_dropped_leaves_no_replica_in_the_keeper() -> None:
    database = Told()
    uninstall(database, CLUSTER)
    drops = [sql for sql in database.executed if sql.startswith("DROP")]
    assert len(drops) > 50
    assert "DROP TABLE IF EXISTS argus.api_requests ON CLUSTER 'main' SYNC" in drops, "it is Distributed, no view"
    assert all(sql.endswith(" ON CLUSTER 'main' SYNC") for sql in drops)


def test_what_shards_say_put_together_is_what_one_server_says(fresh: Callable[..., Databases]) -> None:
    """Sessions in two databases, as on two shards; a view that looked at another session would differ."""
    names = views_of_shards()
    made = {one.target.partition(".")[2] for one in render(SchemaSettings()) if one.kind == "view"}
    assert made - set(names) == ACROSS_SESSIONS
    whole, *shards = fresh(), fresh(), fresh()
    for number, name in enumerate(recordings.NAMES):
        sent = [*recordings.requests(name), *recordings.content(name)]
        whole.load(sent)
        shards[number % 2].load(sent)
    compared = 0
    for name in names:
        together = sorted(row for shard in shards for row in rows_of(shard, name))
        assert rows_of(whole, name) == together, name
        compared += len(together)
    assert compared > 300
    for databases in (whole, *shards):
        databases.drop()


def test_a_node_of_a_cluster_answers_as_a_server_does(tmp_path: Path) -> None:
    found = run("same", tmp_path)
    assert found["pending"] == [], "migrated whole"
    assert found["views"] > 30
    assert (found["differ"], found["differ rolled"]) == ([], [])
    assert found["rolled"] == len(recordings.NAMES)
    assert found["texts of the private session"] == [True, 0]
    assert found["gone"] == 1


def test_of_two_shards_every_view_is_planned_and_groups_where_the_rows_are(tmp_path: Path) -> None:
    found = run("two", tmp_path)
    assert found["refused"] == {}
    one, by_session = found["plans"]["one session"], found["plans"]["by session"]
    assert "Union" not in one, "of one session one shard is asked"
    assert by_session.count("Aggregating") == 2
    assert by_session.index("Union") < by_session.index("Aggregating"), (
        "what shards counted is put side by side, not merged"
    )


def test_the_engine_makes_the_replicated_tables(tmp_path: Path) -> None:
    found = run("replicated", tmp_path)
    tables = [one for one in render(CLUSTER) if one.kind == "table"]
    assert sum(found.values()) == len(tables)
    assert {engine for engine in found if engine.endswith("MergeTree")} == {
        "ReplicatedMergeTree",
        "ReplicatedReplacingMergeTree",
        "ReplicatedAggregatingMergeTree",
    }


def test_a_login_without_the_profile_is_told_what_it_lacks() -> None:
    rows = [{"name": name, "value": value} for name, value in READING_SETTINGS.items()]
    assert missing_settings(rows) == []
    assert missing_settings(rows[:1]) == [f"{name} = {value}" for name, value in list(READING_SETTINGS.items())[1:]]


def rows_of(databases: Databases, name: str) -> list[str]:
    rows = databases.view(name)
    return sorted(json.dumps(in_order(row), sort_keys=True, default=str) for row in rows)


def in_order(value: Any) -> Any:
    """Return it with its lists sorted: some are gathered in whatever order rows are read."""
    if isinstance(value, dict):
        return {name: in_order(one) for name, one in value.items()}
    return sorted(map(in_order, value), key=repr) if isinstance(value, list) else value


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
