"""Macros against the plugin's documentation, and what its parser makes of parentheses."""

from __future__ import annotations

import pytest

from argus_otel.grafana.macros import MacroError, TimeRange, conditional_all, expand

RANGE = TimeRange(1_415_792_726_123, 1_447_328_726_456)
"""2014-11-12T11:45:26.123Z to 2015-11-12T11:45:26.456Z, as in the plugin's documentation."""
DAYS = "d >= toDate('2014-11-12') AND d <= toDate('2015-11-12')"


@pytest.mark.parametrize(
    ("sql", "expanded"),
    [
        ("t >= $__fromTime AND t < $__toTime", "t >= toDateTime(1415792726) AND t < toDateTime(1447328726)"),
        ("$__fromTime_ms", "fromUnixTimestamp64Milli(1415792726123)"),
        ("($__toTime_ms)", "(fromUnixTimestamp64Milli(1447328726456))"),
        ("$__timeFilter(t)", "t >= toDateTime(1415792726) AND t <= toDateTime(1447328726)"),
        (
            "$__timeFilter_ms(t)",
            "t >= fromUnixTimestamp64Milli(1415792726123) AND t <= fromUnixTimestamp64Milli(1447328726456)",
        ),
        ("$__dateFilter(d)", DAYS),
        ("$__dt(d, t)", f"({DAYS}) AND (t >= toDateTime(1415792726) AND t <= toDateTime(1447328726))"),
        ("$__timeFrom(t)", "t >= toDateTime(1415792726)"),
        ("$__timeInterval(t)", "toStartOfInterval(toDateTime(t), INTERVAL 20 second)"),
        ("$__timeInterval_ms(t)", "toStartOfInterval(toDateTime64(t, 3), INTERVAL 20000 millisecond)"),
        ("$__timeGroup(t, 1h30m)", "toStartOfInterval(toDateTime(t), INTERVAL 5400 second)"),
        ("INTERVAL $__interval_s second", "INTERVAL 20 second"),
        ("$__interval and $__interval_ms", "20s and 20000"),
        # A parenthesis belongs to a macro only where it follows at once; one inside is the argument's own.
        ("$__fromTime AND f(x, (y))", "toDateTime(1415792726) AND f(x, (y))"),
        ("$__timeInterval(f(a, g(b)))", "toStartOfInterval(toDateTime(f(a, g(b))), INTERVAL 20 second)"),
        ("$__timeFrom(t) OR $__timeFrom(u )", "t >= toDateTime(1415792726) OR u >= toDateTime(1415792726)"),
        ("$__nobody(t) $__fromTimes", "$__nobody(t) $__fromTimes"),
        # It knows nothing of quotes: what looks like a macro in a text is one.
        ("'$__fromTime'", "'toDateTime(1415792726)'"),
    ],
)
def test_macros_are_written_out(sql: str, expanded: str) -> None:
    assert expand(sql, RANGE, interval_ms=20_000) == expanded


def test_an_interval_is_at_least_a_second_where_seconds_count() -> None:
    assert expand("$__interval_s $__timeInterval(t)", RANGE, interval_ms=200) == (
        "1 toStartOfInterval(toDateTime(t), INTERVAL 1 second)"
    )


@pytest.mark.parametrize(
    "sql", ["$__timeFilter", "$__timeFilter(a, b)", "$__dt(a)", "$__timeFilter(f(a)", "$__timeGroup(t, 1d)"]
)
def test_what_the_plugin_refuses_is_refused(sql: str) -> None:
    with pytest.raises(MacroError):
        expand(sql, RANGE)


def test_a_range_does_not_end_before_it_begins() -> None:
    with pytest.raises(MacroError):
        TimeRange(2, 1)


@pytest.mark.parametrize(
    ("value", "expanded"),
    [
        ("$__all", "WHERE 1=1 AND x"),
        ("", "WHERE 1=1 AND x"),
        ("a", "WHERE team IN (f(1, 2)) AND x"),
        ("a,b", "WHERE team IN (f(1, 2)) AND x"),
    ],
)
@pytest.mark.parametrize("variable", ["$team", "${team}"])
def test_a_condition_counts_where_something_is_chosen(variable: str, value: str, expanded: str) -> None:
    assert conditional_all(f"WHERE $__conditionalAll(team IN (f(1, 2)), {variable}) AND x", {"team": value}) == expanded


def test_a_condition_on_an_unknown_variable_stays() -> None:
    assert conditional_all("$__conditionalAll(a = 1, $nobody)", {}) == "a = 1"


def test_conditions_lie_in_each_other() -> None:
    sql = "$__conditionalAll(a = 1 OR $__conditionalAll(b = 2, $b), $a)"
    assert conditional_all(sql, {"a": "x", "b": "$__all"}) == "a = 1 OR 1=1"
    assert conditional_all(sql, {"a": "$__all", "b": "y"}) == "1=1"
