"""
What a variable is set to, by a link that anyone may write, changes no statement: it stays one literal.

Grafana's own `singlequote` would not do: it leaves the backslash alone. Nor would it stop the backend's macros, which are
written out inside literals too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from asking import ask
from opening import open_dashboard, questions, uids
from test_grafana_statements import each_question

from argus_otel.grafana.dashboards import load
from argus_otel.grafana.macros import ALL, TimeRange
from argus_otel.grafana.variables import Choice, Scope, references

if TYPE_CHECKING:
    from opening import Question
    from services import Service

EVIL = (
    "'; DROP TABLE x --",
    "\\' OR 1=1 -- ",
    "\\",
    "'",
    '"` OR 1=1 --',
    "') OR (1=1",
    "a','b",
    "}{,",
    "/*",
    "$__all",
    "${x}",
    "${__from}",
    "$__fromTime",
    "$__timeFilter(x)",
    "$__dateFilter( OR 1=1 -- )",
    "%27 OR 1=1",
    "100 %",
    "\n\t\0",
    "支付 'é",
)
PLAIN = "plain"


@pytest.mark.parametrize("value", EVIL)
@pytest.mark.parametrize("value_is_one_of_several", [False, True])
def test_the_engine_gets_the_very_value(service: Service, value: str, value_is_one_of_several: bool) -> None:
    value = value.replace("\0", "")  # no URL brings it
    chosen = ("x", value) if value_is_one_of_several else value
    scope = Scope({"v": Choice("v", chosen)}, TimeRange(0, 1))
    sql = scope.statement("SELECT decodeURLComponent('${v:percentencode}') AS said")
    assert ask(service, sql).rows == [{"said": f"{{x,{value}}}" if value_is_one_of_several else value}]


@each_question()
def test_no_value_changes_a_statement(service: Service, question: Question) -> None:
    scope = open_dashboard(service, load(question.uid))
    variables = {variable["name"]: variable for variable in load(question.uid).variables}
    for name in {name for name, _, _ in references(question.sql)} & variables.keys():
        several = bool(variables[name].get("multi"))
        shape = _shape(scope.choose(_choice(name, PLAIN, several=several)), question.sql)
        for value in EVIL:
            if value != ALL:
                evil = scope.choose(_choice(name, value, several=several))
                assert _shape(evil, question.sql) == shape, f"{name} = {value!r}"


def _choice(name: str, value: str, *, several: bool) -> Choice:
    return Choice(name, (PLAIN, value) if several else value)


def _shape(scope: Scope, sql: str) -> str:
    """Return the statement without what stands in its literals, by rules of its own: '…' with \\ and '' as escapes."""
    return re.sub(r"'(?:[^'\\]|\\.|'')*'", "'…'", scope.statement(sql), flags=re.DOTALL)


@pytest.mark.parametrize("uid", uids())
def test_the_engine_reads_the_same_tree(service: Service, uid: str) -> None:
    """By the engine's own parser, with every variable set to the worst at once."""
    dashboard = load(uid)
    scope = open_dashboard(service, dashboard)
    several = {one["name"]: bool(one.get("multi")) for one in dashboard.variables if one["type"] != "datasource"}
    for question in questions(dashboard):
        trees = {
            _tree(
                service, scope.choose(*(_choice(name, value, several=many) for name, many in several.items())), question
            )
            for value in (PLAIN, "".join(value for value in EVIL if value != ALL), EVIL[1])
        }
        assert len(trees) == 1, question


def _tree(service: Service, scope: Scope, question: Question) -> str:
    sql = scope.statement(question.sql)
    lines = service.query(f"EXPLAIN AST {sql}", "TSVRaw").decode()
    return re.sub(r"Literal .*", "Literal", lines)
