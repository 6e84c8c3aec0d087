"""Views on tables that are shared with other services: what they see, and that no record fails its INSERT."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from engines import VERSIONS, Engine
from exporter import insert, log, make_tables, point, span

from argus_otel.errors import SchemaError, StoreUnavailableError
from argus_otel.schema.landing import EVERY_TABLE, look
from argus_otel.schema.migrate import migrate
from argus_otel.schema.render import SchemaSettings, render
from argus_otel.schema.uninstall import uninstall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from argus_otel.store import EmbeddedStore

SESSION = "6f0f1a1e-0000-4000-8000-000000000001"
ODD_NUMBERS = (
    "",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "99999999999999999999999999",
    "0x10",
    "1.5",
    "none",
    "é",
    "1" * 5000,
)
ODD_TEXTS = (
    "",
    "[" * 20_000,
    '{"command": "' + "rm -rf / ; " * 5_000 + '"}',
    '{"command": 7, "mcp_server_name": [1, {"a": null}]}',
    '{"mcp_server_name": "' + "\\ud800" * 10 + '"}',
    "[REDACTED:" * 3_000,
    "[REDACTED:x]" * 3_000,
    "\x00\x01\x02\ufffd",
)
EVENTS = (
    "user_prompt",
    "api_request",
    "assistant_response",
    "api_error",
    "tool_decision",
    "tool_result",
    "subagent_completed",
    "",
)
RECORDS = (
    "user_prompt",
    "tool_call",
    "tool_result",
    "assistant_message",
    "subagent_stop",
    "session_end",
    "private",
    "permission",
    "",
)


@pytest.fixture(params=["current", *VERSIONS], scope="module")
def engine(
    request: pytest.FixtureRequest, store: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedStore | Engine]:
    if request.param == "current":
        yield store
        return
    with Engine(request.param, tmp_path_factory.mktemp("engine")) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(engine: EmbeddedStore | Engine) -> Iterator[SchemaSettings]:
    make_tables(engine, "shared")
    settings = SchemaSettings(otel_database="shared", argus_database="argus_shared", landing=look(engine, "shared"))
    migrate(engine, settings)
    yield settings
    uninstall(engine, settings)
    engine.execute("DROP DATABASE shared")


def counted(engine: EmbeddedStore | Engine, table: str) -> int:
    return int(engine.rows(f"SELECT count() AS rows FROM {table}")[0]["rows"])


def test_records_of_others_become_nothing(engine: EmbeddedStore | Engine, shared: SchemaSettings) -> None:
    insert(engine, "shared.otel_logs", [log(LogAttributes={"session.id": SESSION, "event.name": "api_request"})] * 3)
    insert(engine, "shared.otel_traces", [span(SpanAttributes={"session.id": SESSION, "argus.record": "private"})] * 3)
    insert(engine, "shared.otel_metrics_sum", [point(Attributes={"session.id": SESSION})] * 3)
    for table in ("facts", "texts", "session_facts", "attribute_facts", "erasure_facts"):
        assert counted(engine, f"argus_shared.{table}") == 0


def test_no_record_however_odd_fails_its_insert(engine: EmbeddedStore | Engine, shared: SchemaSettings) -> None:
    numbers = itertools.cycle(ODD_NUMBERS)
    texts = itertools.cycle(ODD_TEXTS)
    names = (
        "cost_usd",
        "cost_usd_micros",
        "input_tokens",
        "duration_ms",
        "ttft_ms",
        "tool_input_size_bytes",
        "prompt_length",
    )
    logs = [
        log(
            ServiceName="claude-code",
            Body=f"claude_code.{event}",
            Timestamp=at,
            LogAttributes={
                "session.id": SESSION,
                "event.name": event,
                "prompt": text,
                "tool_input": text,
                "tool_parameters": next(texts),
                "error": text,
                "tool_name": "mcp_x",
                "success": next(numbers),
                **{name: next(numbers) for name in names},
            },
            ResourceAttributes={"argus.workspace": next(texts)[:200], "team": next(texts)[:200]},
        )
        for event in EVENTS
        for text in ODD_TEXTS
        for at in ("1970-01-01 00:00:00.000000000", "2261-12-31 00:00:00.000000000", "2026-11-23 10:00:00.999999999")
    ]
    spans = [
        span(
            ServiceName="claude-code",
            SpanName=name,
            ScopeName=scope,
            Duration=duration,
            SpanAttributes={
                "session.id": SESSION,
                "argus.record": record,
                "gen_ai.tool.call.id": "toolu_1",
                "gen_ai.tool.call.arguments": next(texts),
                "gen_ai.input.messages": next(texts),
                "gen_ai.output.messages": next(texts),
                "tool_use_id": "toolu_1",
                "model": "claude-opus-4-1",
                **{
                    key: next(numbers)
                    for key in ("input_tokens", "output_tokens", "argus.content.bytes", "duration_ms")
                },
            },
            **{"Events.Timestamp": ["2026-11-23 10:00:00.000000000"], "Events.Name": ["tool.output"]},
            **{"Events.Attributes": [{"output": next(texts)}]},
        )
        for record in RECORDS
        for name, scope in (("claude_code.llm_request", ""), ("claude_code.tool", ""), ("x", "argus_otel.capture"))
        for duration in (0, 10**18, 2**64 - 1)
    ]
    points = [
        point(
            MetricName="claude_code.cost.usage",
            # More months than the engine lets one INSERT have of partitions.
            StartTimeUnix=f"{1990 + month // 12}-{month % 12 + 1:02}-01 00:00:00.000000000",
            Value=value,
            AggregationTemporality=month % 4,
            Attributes={"session.id": f"{SESSION}-{month}", "type": "input"},
        )
        for month in range(240)
        for value in (1e308, -1.0, 0)
    ]
    for table in ("otel_logs", "otel_traces", "otel_metrics_sum"):
        engine.execute(f"TRUNCATE TABLE shared.{table}")
    insert(engine, "shared.otel_logs", logs)
    insert(engine, "shared.otel_traces", spans)
    insert(engine, "shared.otel_metrics_sum", points)
    engine.execute(
        "INSERT INTO shared.otel_metrics_sum (MetricName, Attributes, Value, TimeUnix) SELECT 'claude_code.token.usage',"
        f" map('session.id', '{SESSION}', 'type', 'input'), arrayJoin([nan, inf, -inf, 1e308]), '2026-11-23 10:00:00'"
    )
    engine.execute(
        "INSERT INTO shared.otel_logs (Timestamp, ServiceName, Body, LogAttributes) SELECT '2026-11-23 10:00:00', 'claude-code',"
        " unhex('FFFE00C328'), map('session.id', unhex('C328FF'), 'event.name', 'tool_result', 'tool_input', unhex('22FFFEC328'),"
        " 'tool_parameters', unhex('7B22FF'), 'tool_use_id', unhex('FF'))"
    )
    assert counted(engine, "shared.otel_logs") == len(logs) + 1
    assert counted(engine, "shared.otel_traces") == len(spans)
    assert counted(engine, "shared.otel_metrics_sum") == len(points) + 4
    assert counted(engine, "argus_shared.facts") > 0


def test_the_workspace_is_the_resources_or_default(store: EmbeddedStore) -> None:
    make_tables(store, "spaces")
    settings = SchemaSettings(otel_database="spaces", argus_database="argus_spaces", landing=look(store, "spaces"))
    migrate(store, settings)
    said = {"session.id": SESSION, "event.name": "api_request", "request_id": "req_1", "cost_usd": "0.25"}
    for attributes in ({}, {"argus.workspace": "payments"}):
        one = log(Body="claude_code.api_request", LogAttributes=said, ResourceAttributes=attributes)
        insert(store, "spaces.otel_logs", [one])
    rows = store.rows("SELECT workspace, cost_usd FROM argus_spaces.sessions ORDER BY workspace")
    assert [tuple(row.values()) for row in rows] == [("default", 0.25), ("payments", 0.25)]
    uninstall(store, settings)
    store.execute("DROP DATABASE spaces")


def test_a_private_session_is_in_no_text_view(store: EmbeddedStore) -> None:
    make_tables(store, "quiet")
    settings = SchemaSettings(otel_database="quiet", argus_database="argus_quiet", landing=look(store, "quiet"))
    migrate(store, settings)
    said = {"session.id": SESSION, "event.name": "user_prompt", "prompt.id": "p1", "prompt": "Tell nobody."}
    insert(store, "quiet.otel_logs", [log(Body="claude_code.user_prompt", LogAttributes=said)])
    assert [row["prompt"] for row in store.rows("SELECT prompt FROM argus_quiet.turn_text")] == ["Tell nobody."]
    opted_out = {"session.id": SESSION, "argus.record": "private"}
    insert(store, "quiet.otel_traces", [span(ScopeName="argus_otel.capture", SpanAttributes=opted_out)])
    assert {row["prompt"] for row in store.rows("SELECT prompt FROM argus_quiet.turn_text")} <= {""}
    assert store.rows("SELECT is_private, turn_count FROM argus_quiet.sessions") == [
        {"is_private": True, "turn_count": 1}
    ]
    uninstall(store, settings)
    store.execute("DROP DATABASE quiet")


def test_words_are_taken_away_by_hand_as_the_document_says(store: EmbeddedStore) -> None:
    document = (Path(__file__).parents[2] / "docs/landing.md").read_text()
    [block] = [code for code in re.findall(r"```sql\n(.*?)```", document, re.S) if "erasure_facts" in code]
    make_tables(store, "byhand")
    settings = SchemaSettings(otel_database="byhand", argus_database="argus_byhand", landing=look(store, "byhand"))
    migrate(store, settings)
    prompt = {"event.name": "user_prompt", "prompt.id": "p1"}
    for told, resource, words in (
        ({"session.id": SESSION}, {}, f"Words of {SESSION}."),
        ({}, {"session.id": SESSION, "argus.workspace": "default"}, f"More of {SESSION}."),
        ({"session.id": "another"}, {"session.id": SESSION}, "Words of another."),
        ({"session.id": SESSION}, {"argus.workspace": "payments"}, "Words of payments."),
    ):
        said = {**prompt, **told, "prompt": words}
        one = log(Body="claude_code.user_prompt", LogAttributes=said, ResourceAttributes=resource)
        insert(store, "byhand.otel_logs", [one])
    names = {" argus.": " argus_byhand.", "otel_agents.": "byhand.", "'SESSION'": f"'{SESSION}'"}
    for old, new in names.items():
        block = block.replace(old, new)
    for statement in block.split(";")[:-1]:
        changes = statement.lstrip().startswith("ALTER")
        store.execute(f"{statement} SETTINGS mutations_sync = 2" if changes else statement)
    asked = "SELECT DISTINCT prompt FROM argus_byhand.turn_text WHERE prompt != ''"
    assert sorted(row["prompt"] for row in store.rows(asked)) == ["Words of another.", "Words of payments."]
    for table in ("argus_byhand.texts", "byhand.otel_logs"):
        [row] = store.rows(f"SELECT countIf(position(toString(tuple(*)), '{SESSION}.') > 0) AS kept FROM {table}")
        assert row["kept"] == 0
    assert store.rows("SELECT sum(turn_count) AS turns FROM argus_byhand.sessions") == [{"turns": 3}]
    uninstall(store, settings)
    store.execute("DROP DATABASE byhand")


def test_an_older_exporters_logs_without_event_name_are_read(store: EmbeddedStore) -> None:
    make_tables(store, "older")
    store.execute("ALTER TABLE older.otel_logs DROP COLUMN EventName")
    settings = SchemaSettings(otel_database="older", argus_database="argus_older", landing=look(store, "older"))
    migrate(store, settings)
    one = log(
        Body="claude_code.api_request", LogAttributes={"session.id": SESSION, "request_id": "r", "cost_usd": "0.5"}
    )
    del one["EventName"]
    insert(store, "older.otel_logs", [one])
    assert store.rows("SELECT cost_usd FROM argus_older.sessions") == [{"cost_usd": 0.5}]
    uninstall(store, settings)
    store.execute("DROP DATABASE older")


def test_columns_of_the_tables_own_choosing_change_nothing(store: EmbeddedStore) -> None:
    make_tables(store, "added")
    settings = SchemaSettings(otel_database="added", argus_database="argus_added", landing=look(store, "added"))
    migrate(store, settings)
    for name in ("event", "session", "request", "derived", "said", "workspace", "thing"):
        store.execute(f"ALTER TABLE added.otel_logs ADD COLUMN {name} String DEFAULT 'theirs'")
    said = {"session.id": SESSION, "event.name": "api_request", "request_id": "r", "cost_usd": "0.5"}
    insert(store, "added.otel_logs", [log(ServiceName="claude-code", LogAttributes=said)])
    rows = store.rows("SELECT workspace, session_id, cost_usd FROM argus_added.sessions")
    assert rows == [{"workspace": "default", "session_id": SESSION, "cost_usd": 0.5}]
    uninstall(store, settings)
    store.execute("DROP DATABASE added")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DROP TABLE odd.otel_logs", r"there is no table odd\.otel_logs"),
        ("ALTER TABLE odd.otel_logs DROP COLUMN ScopeName", r"odd\.otel_logs\.ScopeName is missing"),
        ("ALTER TABLE odd.otel_traces MODIFY COLUMN Duration Float64", r"odd\.otel_traces\.Duration is Float64"),
    ],
)
def test_other_tables_are_refused_before_anything_is_made(store: EmbeddedStore, statement: str, told: str) -> None:
    make_tables(store, "odd")
    store.execute(statement)
    with pytest.raises(SchemaError, match=told):
        look(store, "odd")
    store.execute("DROP DATABASE odd")


class Replicated:
    """An engine that says of its tables that they have so many replicas."""

    def __init__(self, engine: EmbeddedStore | Engine, replica_count: int) -> None:
        self._engine = engine
        self._replica_count = replica_count

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        rows = self._engine.rows(sql, parameters)
        if "system.replicas" in sql:
            assert rows == [], "the engine can be asked, and has none"
            return [{"total_replicas": self._replica_count}]
        return [{**row, "engine": f"Replicated{row['engine']}"} if "engine" in row else row for row in rows]


def test_tables_of_which_a_view_would_miss_inserts_are_refused(
    engine: EmbeddedStore | Engine, shared: SchemaSettings
) -> None:
    assert look(Replicated(engine, 1), "shared") == shared.landing
    with pytest.raises(SchemaError, match=r"shared\.otel_logs has 2 replicas"):
        look(Replicated(engine, 2), "shared")


@pytest.mark.parametrize("name", ["argus_otel", "claude_code", "session", "facts", "said"])
def test_whatever_the_database_is_called_the_same_is_made(name: str) -> None:
    names = {
        otel: [one.name for one in render(SchemaSettings(otel_database=otel, landing=EVERY_TABLE))]
        for otel in (name, "otel_agents")
    }
    assert names[name] == names["otel_agents"]


class Interrupted:
    """A store that is gone after some DROPs."""

    def __init__(self, store: EmbeddedStore, drops: int) -> None:
        self._store = store
        self._left = drops

    def execute(self, sql: str) -> None:
        self._left -= sql.startswith("DROP")
        if self._left < 0:
            raise StoreUnavailableError("gone")
        self._store.execute(sql)

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return self._store.rows(sql, parameters)


@pytest.mark.parametrize("drops", [0, 5, 60])
def test_after_an_interrupted_uninstall_nothing_is_migrated_until_it_is_finished(
    store: EmbeddedStore, drops: int
) -> None:
    make_tables(store, "halved")
    settings = SchemaSettings(otel_database="halved", argus_database="argus_halved", landing=look(store, "halved"))
    migrate(store, settings)
    with pytest.raises(StoreUnavailableError):
        uninstall(Interrupted(store, drops), settings)
    with pytest.raises(SchemaError, match="an --uninstall was interrupted; finish it with migrate --uninstall"):
        migrate(store, settings)
    assert uninstall(store, settings) == []
    migrate(store, settings)
    said = {"session.id": SESSION, "event.name": "api_request", "request_id": "r", "cost_usd": "0.5"}
    insert(store, "halved.otel_logs", [log(ServiceName="claude-code", LogAttributes=said)])
    assert store.rows("SELECT cost_usd FROM argus_halved.sessions") == [{"cost_usd": 0.5}]
    uninstall(store, settings)
    store.execute("DROP DATABASE halved")


def test_tables_of_a_collector_are_neither_migrated_over_nor_uninstalled(store: EmbeddedStore) -> None:
    make_tables(store, "theirs")
    insert(store, "theirs.otel_logs", [log()])
    mistaken = SchemaSettings(otel_database="theirs", argus_database="argus_theirs")  # without --landing
    with pytest.raises(SchemaError, match=r"theirs\.otel_logs is not of argus-otel: give --landing theirs"):
        migrate(store, mistaken)
    assert store.rows("SELECT name FROM system.databases WHERE name = 'argus_theirs'") == []
    store.execute("CREATE DATABASE argus_theirs")  # what an earlier version had begun
    store.execute(
        "CREATE TABLE argus_theirs.schema_migrations (name String, checksum String) ENGINE = ReplacingMergeTree ORDER BY name"
    )
    store.execute("INSERT INTO argus_theirs.schema_migrations SELECT '111_otel_logs', ''")
    left = uninstall(store, mistaken)
    assert {"theirs.otel_logs", "theirs.otel_traces", "theirs.otel_metrics_sum"} <= set(left)
    assert store.rows("SELECT count() AS found FROM theirs.otel_logs") == [{"found": 1}]
    store.execute("DROP DATABASE theirs")


def test_two_kinds_of_tables_do_not_share_facts(store: EmbeddedStore) -> None:
    make_tables(store, "one_kind")
    settings = SchemaSettings(otel_database="one_kind", argus_database="argus_kind", landing=look(store, "one_kind"))
    migrate(store, settings)
    with pytest.raises(SchemaError, match="holds facts of the collector's tables in one_kind"):
        migrate(store, SchemaSettings(otel_database="own_kind", argus_database="argus_kind"))
    assert "own_kind" not in {row["name"] for row in store.rows("SELECT name FROM system.databases")}
    uninstall(store, settings)
    store.execute("DROP DATABASE one_kind")


def test_uninstalling_our_own_leaves_what_others_put_there(store: EmbeddedStore) -> None:
    settings = SchemaSettings(otel_database="own_otel", argus_database="own_argus")
    migrate(store, settings)
    store.execute("CREATE TABLE own_argus.theirs (x UInt8) ENGINE = MergeTree ORDER BY x")
    assert uninstall(store, settings) == ["own_argus.theirs"]
    rows = store.rows(
        "SELECT concat(database, '.', name) AS name FROM system.tables WHERE startsWith(database, 'own_')"
    )
    assert [row["name"] for row in rows] == ["own_argus.theirs"]
    with pytest.raises(SchemaError, match="nothing of argus-otel"):
        uninstall(store, settings)
    store.execute("DROP DATABASE own_argus")
