"""
The way of Grafana's data source for real: its client, clickhouse-go, asks the embedded endpoint of a real service, with
each kind of compression, what every dashboard asks.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from asking import ask
from opening import open_dashboard, questions, uids

from argus_otel.grafana.dashboards import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services import Service

PROGRAM = Path(__file__).parent / "go"
THE_PLUGINS_OWN = "gzip"
COMPRESSIONS = (THE_PLUGINS_OWN, "lz4", "none", "zstd")
DENIED = "497"

FIXED = (
    "SELECT 1 AS a, 'x' AS b",
    "SELECT number FROM numbers(100000)",
    "SELECT toDateTime64(1.5, 3, 'UTC') AS t, map('k', 'v') AS m, [1, 2] AS l, NULL AS n, toLowCardinality('s') AS c",
    "SELECT nobody",
    "INSERT INTO argus.facts SELECT 1",
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed: the plugin's access path is not tried")
    told = subprocess.run([go, "mod", "download"], cwd=PROGRAM, capture_output=True, text=True, timeout=240)
    if told.returncode != 0:
        pytest.skip(f"the Go modules cannot be had here: {told.stderr.strip()[-300:]}")
    built = tmp_path_factory.mktemp("go") / "plugin-access"
    subprocess.run([go, "build", "-o", str(built), "."], cwd=PROGRAM, check=True, timeout=600)
    return built


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_it_connects_and_reads(program: Path, service: Service, compression: str) -> None:
    report = told_by(program, service, FIXED, compression)
    assert not report["error"]
    assert report["version"] == ask(service, "SELECT version() AS version").rows[0]["version"]
    one, many, types, unknown, insert = report["answers"]
    assert (one["columns"], one["types"], one["first"]) == (["a", "b"], ["UInt8", "String"], ["1", "x"])
    assert many["rows"] == 100_000
    assert types["types"][:3] == ["DateTime64(3, 'UTC')", "Map(String, String)", "Array(UInt8)"]
    assert "Unknown expression identifier" in unknown["error"], "ClickHouse's own words arrive"
    assert DENIED in insert["error"]


@pytest.mark.parametrize("uid", uids())
def test_it_reads_what_every_dashboard_asks(program: Path, service: Service, uid: str) -> None:
    dashboard = load(uid)
    statements = [open_dashboard(service, dashboard).statement(question.sql) for question in questions(dashboard)]
    report = told_by(program, service, statements, THE_PLUGINS_OWN)
    for statement, answer in zip(statements, report["answers"], strict=True):
        assert not answer["error"], f"{answer['error']}: {statement}"
        expected = ask(service, statement)
        assert answer["rows"] == len(expected.rows), statement
        assert not expected.rows or answer["columns"] == expected.columns


def told_by(program: Path, service: Service, statements: Sequence[str], compression: str) -> dict[str, Any]:
    told = subprocess.run(
        [str(program), service.addresses["clickhouse_http"], "default", "", "argus", compression],
        input=json.dumps(statements),
        capture_output=True,
        text=True,
        timeout=280,
        check=True,
    )
    report: dict[str, Any] = json.loads(told.stdout)
    return report
