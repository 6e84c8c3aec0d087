"""
A login that is granted the number views, with what they read, and nothing else: every panel that is not on the source for
text works for it, and no text can be had.

The views run with the rights of whoever asks (SQL SECURITY INVOKER, ClickHouse's default), so the tables behind them must be
granted too; none of those holds text. The engine knows no GRANT statement without a server, but it takes users from a
file: there its one user gets exactly these grants, in a process of its own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from known import RECORDED_NANOUSD
from opening import given, is_clickhouse, questions, uids

from argus_otel.demo import recordings
from argus_otel.grafana.dashboards import load
from argus_otel.grafana.macros import TimeRange
from argus_otel.schema.render import SchemaSettings, render

if TYPE_CHECKING:
    from opening import Question

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "views.md").read_text()
GRANTED = re.findall(r"^GRANT SELECT ON (\S+) TO argus_numbers;$", DOCUMENTED, re.MULTILINE)

TEXT = """
    argus.texts argus.session_text argus.turn_text argus.tool_text argus.transcript argus.messages argus.user_messages
    argus.assistant_messages argus.tool_messages argus.interjections argus.notes otel.otel_logs otel.otel_traces
""".split()
ACCESS_DENIED = "497"


def numbers() -> list[tuple[str, Question]]:
    """Return the statements that are not on the source for text, with nothing chosen but the session."""
    found: list[tuple[str, Question]] = []
    for uid in uids():
        dashboard = load(uid)
        scope = dashboard.scope(TimeRange(1_794_000_000_000, 1_796_000_000_000), 3_600_000).choose(*given(dashboard))
        asked = [
            one for one in questions(dashboard) if is_clickhouse(one.source, dashboard) and one.source != "${content}"
        ]
        found += [(scope.statement(question.sql), question) for question in asked]
    return found


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """The engine with the schema and the recordings in it, in a folder that no process has open."""
    folder = tmp_path_factory.mktemp("login")
    segment = folder / "requests.json"
    sent = [request for name in recordings.NAMES for request in (*recordings.requests(name), *recordings.content(name))]
    segment.write_text(json.dumps([[signal.name, body.hex()] for signal, body in sent]))
    _run("fill", folder, str(segment))
    return Reader(folder)


class Reader:
    """Asks as the login that is granted GRANTED."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        grants = "".join(f"<query>GRANT SELECT ON {name}</query>" for name in GRANTED)
        users, config = folder / "users.xml", folder / "config.xml"
        users.write_text(
            "<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default><password/>"
            "<networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>"
            f"<grants>{grants}</grants></default></users></clickhouse>"
        )
        config.write_text(f"<clickhouse><users_config>{users}</users_config></clickhouse>")

    def ask(self, statements: list[str]) -> list[str]:
        """Return what each statement was refused with; empty if it was answered."""
        file = self.folder / "statements.json"
        file.write_text(json.dumps(statements))
        refusals: list[str] = json.loads(_run("ask", self.folder, str(file)))
        return refusals


def _run(*arguments: Any) -> str:
    script = Path(__file__).parent / "login_process.py"
    told = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)], capture_output=True, text=True, timeout=280
    )
    assert told.returncode == 0, told.stderr[-3000:]
    return told.stdout


def test_the_login_has_what_its_views_read_and_no_text() -> None:
    views = {statement.target: statement.sql for statement in render(SchemaSettings()) if statement.kind == "view"}
    needed = set(GRANTED) & set(views)
    assert needed, "docs/views.md has the grants"
    waiting = list(needed)
    while waiting:
        body = views[waiting.pop()].split(" AS\n", 1)[1]
        read = set(re.findall(r"\b(?:argus|otel)\.\w+", re.sub(r"--.*|'[^']*'", "", body))) - needed
        needed |= read
        waiting += [name for name in read if name in views]
    assert not needed & set(TEXT), "a number view reads text"
    assert needed <= set(GRANTED), needed - set(GRANTED)


def test_every_panel_without_text_works_for_it(reader: Reader) -> None:
    asked = numbers()
    assert len(asked) > 50
    refusals = reader.ask([sql for sql, _ in asked])
    refused = {str(question): refusal[:300] for (_, question), refusal in zip(asked, refusals, strict=True) if refusal}
    assert not refused


def test_no_text_can_be_had(reader: Reader) -> None:
    refusals = reader.ask([f"SELECT * FROM {name}" for name in TEXT])
    assert all(ACCESS_DENIED in refusal for refusal in refusals), dict(zip(TEXT, refusals, strict=True))


def test_a_panel_with_text_says_that_it_may_not(reader: Reader) -> None:
    dashboard = load("argus-session")
    scope = dashboard.scope(TimeRange(1_794_000_000_000, 1_796_000_000_000)).choose(*given(dashboard))
    texts = [scope.statement(one.sql) for one in questions(dashboard) if one.source == "${content}"]
    assert texts
    assert all(ACCESS_DENIED in refusal for refusal in reader.ask(texts))


def test_the_figures_are_the_same_for_it(reader: Reader) -> None:
    cost = sum(RECORDED_NANOUSD.values())
    sums = "SELECT throwIf(sum(cost_nanousd) != {0}) FROM argus.{1}"
    views = ("session_list", "cost_hourly", "daily_users", "sessions", "api_requests")
    assert reader.ask([sums.format(cost, view) for view in views]) == [""] * len(views)
