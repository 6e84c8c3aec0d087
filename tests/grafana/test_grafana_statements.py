"""Every statement of every dashboard, on a real service: it runs whatever is chosen, and its columns are what its panel needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from asking import ask
from opening import is_clickhouse, open_dashboard, questions, uids, with_all

from argus_otel.grafana.dashboards import LOGS, TABLE, TIME_SERIES, TRACES, load
from argus_otel.grafana.variables import Choice, references

if TYPE_CHECKING:
    from asking import Answer
    from opening import Question
    from services import Service

    from argus_otel.grafana.variables import Scope

EVERY = [question for uid in uids() for question in questions(load(uid))]
TRACE_COLUMNS = {"traceID", "spanID", "parentSpanID", "serviceName", "operationName", "startTime", "duration"}
"""What the traces panel cannot do without."""

EMPTY: dict[tuple[str, str], str] = {}
"""Panels that have nothing to show for this data, and why."""


def each_question() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("question", EVERY, ids=str)


@pytest.fixture
def scope(service: Service, question: Question) -> Scope:
    return open_dashboard(service, load(question.uid))


@each_question()
def test_it_asks_one_of_the_dashboards_sources(question: Question) -> None:
    assert is_clickhouse(question.source, load(question.uid)), question.source


@each_question()
def test_it_runs_as_the_dashboard_opens(service: Service, question: Question, scope: Scope) -> None:
    answer = ask(service, scope.statement(question.sql))
    _check_columns(question, answer)
    if (question.uid, question.panel.title if question.panel else question.place) not in EMPTY:
        assert answer.rows, (
            "nothing to show: a panel must show something on this data, or stand in EMPTY with its reason"
        )


@each_question()
def test_it_runs_with_one_value_of_each_variable(service: Service, question: Question, scope: Scope) -> None:
    variables = {variable["name"]: variable for variable in load(question.uid).variables}
    named = {name for name, _, _ in references(question.sql)} & variables.keys()
    values = {name: scope.choices[name].options[-1:] for name in named}
    one = [Choice(name, value if variables[name].get("multi") else value[0]) for name, value in values.items() if value]
    ask(service, scope.choose(*one).statement(question.sql))


@each_question()
def test_it_runs_with_all_chosen(service: Service, question: Question, scope: Scope) -> None:
    """Where a condition on All is not left out, All stands for every option."""
    dashboard = load(question.uid)
    every = with_all(scope, dashboard).statement(question.sql)
    if every != scope.statement(question.sql):
        ask(service, every)


@each_question()
def test_it_runs_where_nothing_has_happened(service: Service, question: Question, scope: Scope) -> None:
    year_ms = 365 * 86_400_000
    empty = type(scope.time_range)(scope.time_range.from_ms - year_ms, scope.time_range.to_ms - year_ms)
    ask(service, type(scope)(scope.choices, empty, scope.interval_ms).statement(question.sql))


@each_question()
def test_rows_that_tie_have_one_order(service: Service, question: Question, scope: Scope) -> None:
    """The keys that a statement sorts by tell its rows apart: none is lost if each key's first row is kept."""
    statement, keys = _sorted_by(scope.statement(question.sql))
    if keys:
        every = service.query(f"SELECT count() FROM ({statement})", "TSV")
        first_of_each = service.query(f"SELECT count() FROM ({statement} LIMIT 1 BY {keys})", "TSV")
        assert first_of_each == every


def _sorted_by(sql: str) -> tuple[str, str]:
    """Return the statement without its LIMIT, and its outermost sort keys; empty if it is not sorted."""
    before, _, behind = sql.rpartition("ORDER BY ")
    order = re.sub(r"\s+LIMIT \d+\s*$", "", behind)
    if not before or order.count("(") != order.count(")"):  # unsorted, or sorted in a subquery only
        return sql, ""
    return f"{before}ORDER BY {order}", re.sub(r" DESC(?=,|$)", "", order)


def _check_columns(question: Question, answer: Answer) -> None:
    if question.target is None or question.panel is None:
        return
    match question.target.format:
        case n if n == TIME_SERIES:
            _check_time_series(answer)
        case n if n == LOGS:
            assert answer.columns[:3] == ["timestamp", "body", "level"]
            assert [answer.kind(name) for name in answer.columns[:3]] == ["time", "string", "string"]
        case n if n == TRACES:
            assert set(answer.columns) >= TRACE_COLUMNS, TRACE_COLUMNS - set(answer.columns)
        case n if n == TABLE:
            assert question.panel.kind != "timeseries" or answer.kind(answer.columns[0]) == "time"
            _check_table(question, answer)


def _check_time_series(answer: Answer) -> None:
    first, *others = answer.columns
    assert answer.kind(first) == "time", f"{first} is {answer.types[first]}"
    assert any(answer.kind(name) == "number" for name in others), answer.types
    assert not any(answer.kind(name) in {"time", "other"} for name in others), answer.types
    times = answer.column(first)
    assert times == sorted(times), "not by time: Grafana turns rows into series in their order"


def _check_table(question: Question, answer: Answer) -> None:
    """What the panel says about a column, or links to, is a column."""
    assert question.panel
    if len(question.panel.targets) > 1 or question.panel.json.get("transformations"):
        return
    text = str(question.panel.json.get("fieldConfig", {}))
    linked = set(re.findall(r"__data\.fields\.(\w+)", text)) | set(
        re.findall(r"""__data\.fields\[["']([^"']+)""", text)
    )
    assert linked <= set(answer.columns), f"links name no such columns: {linked - set(answer.columns)}"
