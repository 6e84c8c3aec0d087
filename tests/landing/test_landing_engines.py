"""Facts and views over tables of the collector's own, on each engine that the mode promises."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from engines import VERSIONS, Engine
from exporter import LOGS, SUMS, TRACES, insert, make_tables

from argus_otel.demo.recordings import NAMES, content, requests, truth
from argus_otel.schema.backfill import backfill
from argus_otel.schema.landing import look
from argus_otel.schema.migrate import migrate, plan
from argus_otel.schema.render import SchemaSettings, render
from argus_otel.schema.uninstall import doomed, uninstall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from databases import Databases

    from argus_otel.store import EmbeddedStore

FIGURES = {
    "default": (13, 0.090675, 15600, 650, 65000, 3900, 9, 1, 0, 3),
    "content-on": (13, 0.090675, 15600, 650, 65000, 3900, 9, 1, 0, 3),
    "resume": (7, 0.1645, 14000, 350, 84000, 7000, 4, 1, 1, 3),
}
"""API requests, cost, the four token counts, tool calls, failed, rejected, prompts: the recordings' README."""
PARAMETERS = {
    "at": "'2026-11-24 00:00:00'",
    "from": "'2026-11-20 00:00:00'",
    "to": "'2026-11-25 00:00:00'",
}
COLUMNS = (
    "api_request_count, cost_usd, input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens, "
    "tool_call_count, tool_failure_count, tool_rejected_count, turn_count"
)


@pytest.fixture(scope="module")
def recorded(fresh: Callable[..., Databases]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the recordings, both legs, in the exporter's columns."""
    made = fresh()
    for name in NAMES:
        made.load([*requests(name), *content(name)])
    tables = {"otel_logs": LOGS, "otel_traces": TRACES, "otel_metrics_sum": SUMS}
    rows = {
        table: made.landed(table, ", ".join(f"`{column}`" for column in columns)) for table, columns in tables.items()
    }
    made.drop()
    return rows


@pytest.fixture(params=["current", *VERSIONS])
def engine(request: pytest.FixtureRequest, store: EmbeddedStore, tmp_path: Any) -> Iterator[EmbeddedStore | Engine]:
    if request.param == "current":
        yield store
        return
    with Engine(request.param, tmp_path) as opened:
        yield opened


def landed(engine: EmbeddedStore | Engine, name: str) -> SchemaSettings:
    return SchemaSettings(otel_database=name, argus_database=f"argus_of_{name}", landing=look(engine, name))


def check(engine: EmbeddedStore | Engine, settings: SchemaSettings) -> None:
    argus = settings.argus_database
    for name in NAMES:
        [row] = engine.rows(f"SELECT {COLUMNS} FROM {argus}.sessions WHERE session_id = '{truth(name)['session_id']}'")
        assert tuple(row.values()) == FIGURES[name]
        [spent] = engine.rows(
            f"SELECT sum(cost_nanousd) AS cost FROM {argus}.cost_hourly"
            f" WHERE session_id = '{truth(name)['session_id']}'"
        )
        assert spent["cost"] == round(FIGURES[name][1] * 10**9)
    [text] = engine.rows(
        f"SELECT first_prompt FROM {argus}.session_text WHERE session_id = '{truth('default')['session_id']}'"
    )
    assert text["first_prompt"] == truth("default")["turns"][0]["prompt"]


def read_views(engine: EmbeddedStore | Engine, settings: SchemaSettings) -> None:
    """Read every column of every view; those with parameters as the dashboards do."""
    views = [statement for statement in render(settings) if statement.kind == "view"]
    assert len(views) > 30
    for view in views:
        names = sorted(set(re.findall(r"{(\w+):", view.sql)))
        asked = f"({', '.join(f'{name} = {PARAMETERS[name]}' for name in names)})" if names else ""
        engine.rows(f"SELECT * FROM {view.target}{asked}")


def found(engine: EmbeddedStore | Engine, name: str) -> list[dict[str, Any]]:
    """Return the tables of a database, how each was made, and the hash of its rows."""
    made = engine.rows(f"SELECT name, create_table_query FROM system.tables WHERE database = '{name}' ORDER BY name")
    for table in made:
        table["rows"] = engine.rows(f"SELECT count() AS count, sum(sipHash64(*)) AS hash FROM {name}.{table['name']}")
    return made


def test_figures_are_exact_backfilled_and_live_and_nothing_is_left(
    engine: EmbeddedStore | Engine, recorded: dict[str, list[dict[str, Any]]]
) -> None:
    make_tables(engine, "collected")
    for table, rows in recorded.items():
        insert(engine, f"collected.{table}", rows[: len(rows) // 2])
    before = found(engine, "collected")
    settings = landed(engine, "collected")

    migrate(engine, settings)
    assert found(engine, "collected") == before
    assert {step.action for step in plan(engine, settings)} == {"unchanged"}
    for table, rows in recorded.items():
        insert(engine, f"collected.{table}", rows[len(rows) // 2 :])
    told = []
    looked_at = backfill(engine, settings, rows_max=500, tell=told.append)
    assert looked_at == sum(map(len, recorded.values())) == told[-1].rows_done == told[-1].rows_all
    assert len(told) > 1
    check(engine, settings)
    assert backfill(engine, settings) == 0, "what is done is done"
    backfill(engine, settings, again=True)
    check(engine, settings)
    read_views(engine, settings)

    stored = found(engine, "collected")
    assert not any(one.name.startswith("collected.") for one in doomed(engine, settings))
    assert uninstall(engine, settings) == []
    assert found(engine, "collected") == stored
    assert [table["create_table_query"] for table in stored] == [table["create_table_query"] for table in before]
    databases = engine.rows("SELECT name FROM system.databases")
    assert settings.argus_database not in {row["name"] for row in databases}
    engine.execute("DROP DATABASE collected")
