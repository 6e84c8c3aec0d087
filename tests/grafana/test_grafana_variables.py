"""Variables against the table of formats in Grafana's documentation, and on the engine where they reach a statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from argus_otel.grafana.macros import ALL, TimeRange
from argus_otel.grafana.variables import Choice, Scope, choice_from, references

if TYPE_CHECKING:
    from argus_otel.grafana.variables import Value

RANGE = TimeRange(1_594_671_549_254, 1_594_675_149_254)
"""2020-07-13T20:19:09.254Z, as in Grafana's documentation, and an hour more."""


def scope(value: Value = "", **more: object) -> Scope:
    return Scope({"servers": Choice("servers", value, **more)}, RANGE)  # type: ignore[arg-type] # fields of Choice


@pytest.mark.parametrize(
    ("form", "value", "written"),
    [
        ("csv", ("test1", "test2"), "test1,test2"),
        ("distributed", ("test1", "test2"), "test1,servers=test2"),
        ("doublequote", ('te"st', "b"), r'"te\"st","b"'),
        ("glob", ("test1", "test2"), "{test1,test2}"),
        ("glob", ("test1",), "test1"),
        ("json", ("test'1", "test2"), '["test\'1","test2"]'),
        ("lucene", ("test", "test2"), '("test" OR "test2")'),
        ("percentencode", ("foo()bar BAZ", "test2"), "%7Bfoo%28%29bar%20BAZ%2Ctest2%7D"),
        ("percentencode", "a'b\\c$支", "a%27b%5Cc%24%E6%94%AF"),
        ("pipe", ("test1.", "test2"), "test1.|test2"),
        ("raw", ("test1", "test2"), "test1,test2"),
        ("regex", ("test1.", "test2"), r"(test1\.|test2)"),
        ("singlequote", ("te'st", "b"), r"'te\'st','b'"),
        ("singlequote", "a\\", "'a\\'"),
        ("sqlstring", ("te'st", "b"), "'te''st','b'"),
        ("text", ("test1", "test2"), "test1 + test2"),
        ("queryparam", ("test 1", "test2"), "var-servers=test%201&var-servers=test2"),
        ("customqueryparam:v", ("a'b", "c"), "v=a%27b&v=c"),
        ("join: or ", ("a", "b"), "a or b"),
        ("nobody", ("a", "b"), "{a,b}"),
    ],
)
def test_formats(form: str, value: Value, written: str) -> None:
    assert scope(value).interpolate(f"<${{servers:{form}}}>") == f"<{written}>"


@pytest.mark.parametrize("text", ["$servers", "${servers}", "[[servers]]", "[[servers:raw]]", "${servers:raw}"])
def test_ways_of_naming(text: str) -> None:
    assert scope("a").interpolate(f"x {text}.y") == "x a.y"


def test_nothing_is_filled_in_twice_and_the_unknown_stays() -> None:
    assert scope("${servers} $__from").interpolate("${servers} $nobody ${nobody:raw} $1") == (
        "${servers} $__from $nobody ${nobody:raw} $1"
    )


def test_all_stands_for_the_options_or_for_what_is_written_instead() -> None:
    every = scope((ALL,), options=("a", "b"))
    assert every.interpolate("${servers:singlequote} ${servers:text} ${servers:queryparam}") == (
        "'a','b' All var-servers=$__all"
    )
    assert scope(ALL, all_value=".*").interpolate("${servers:regex}") == ".*"


def test_in_a_statement_several_are_quoted_and_one_is_bare_as_the_plugin_does() -> None:
    assert scope(("a", "b")).statement("x IN ($servers)") == "x IN ('a','b')"
    assert scope("a").statement("x = $servers") == "x = a"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("${__from}", "1594671549254"),
        ("${__from:date}", "2020-07-13T20:19:09.254Z"),
        ("${__from:date:iso}", "2020-07-13T20:19:09.254Z"),
        ("${__from:date:seconds}", "1594671549"),
        ("${__from:date:YYYY-MM}", "2020-07"),
        ("$__interval $__interval_ms", "1m 60000"),
        ("${__url_time_range}", "from=1594671549254&to=1594675149254"),
        ("${__all_variables}", "var-servers=a"),
    ],
)
def test_what_is_built_in(text: str, written: str) -> None:
    assert scope("a").interpolate(text) == written


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ({"type": "textbox", "query": "hello"}, "hello"),
        ({"type": "textbox", "query": "", "current": {"value": ""}}, ""),
        ({"type": "constant", "query": "argus"}, "argus"),
        ({"type": "custom", "query": "one : 1, two : 2"}, "1"),
        ({"type": "custom", "query": "started,cost", "current": {"value": "cost"}}, "cost"),
        ({"type": "query", "includeAll": True, "multi": True, "current": {"value": ["$__all"]}}, (ALL,)),
        ({"type": "query", "includeAll": True, "multi": True, "current": {}}, (ALL,)),
        ({"type": "query", "multi": False, "current": {}}, ""),
        ({"type": "datasource", "query": "grafana-clickhouse-datasource", "current": {}}, ""),
    ],
)
def test_what_is_chosen_when_a_dashboard_opens(variable: dict[str, object], value: Value) -> None:
    assert choice_from({"name": "x", **variable}).value == value


def test_references_are_found() -> None:
    text = "$a ${b:csv} ${__data.fields.c:percentencode} [[d]]"
    assert list(references(text)) == [
        ("a", "", ""),
        ("b", "", "csv"),
        ("__data", "fields.c", "percentencode"),
        ("d", "", ""),
    ]
