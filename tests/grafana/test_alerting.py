"""The evaluator of alert rules: tables, expressions, states over time, and the templates of annotations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from argus_otel.grafana.alerting import Evaluation, ProvisionedRule, RuleError, duration, read_rules
from argus_otel.grafana.annotations import TemplateError, expand
from argus_otel.store import EmbeddedStore

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    opened = EmbeddedStore(tmp_path_factory.mktemp("alerting") / "clickhouse")
    opened.execute(
        "CREATE TABLE default.levels (at DateTime('UTC'), room String, level Float64) ENGINE = MergeTree ORDER BY at"
    )
    yield opened
    opened.close()


def _rule(sql: str, limit: float = 0, **of: Any) -> ProvisionedRule:
    query = {
        "refId": "rows",
        "datasourceUid": "clickhouse",
        "relativeTimeRange": {"from": 600, "to": 60},
        "model": {"editorType": "sql", "format": 1, "rawSql": sql},
    }
    reduce = {"refId": "B", "type": "reduce", "expression": "rows", "reducer": "last", "settings": {"mode": "dropNN"}}
    conditions = [{"evaluator": {"type": "gt", "params": [limit]}}]
    threshold = {"refId": "C", "type": "threshold", "expression": "B", "conditions": conditions}
    expressions = [{"refId": one["refId"], "datasourceUid": "__expr__", "model": one} for one in (reduce, threshold)]
    rule = {
        "uid": "one",
        "title": "One",
        "condition": "C",
        "data": [query, *expressions],
        "labels": {"rule": "one"},
        **of,
    }
    (read,) = read_rules(yaml.safe_dump({"groups": [{"rules": [rule]}]}))
    return read


def test_a_row_is_an_instance_with_its_texts_as_labels(store: EmbeddedStore) -> None:
    rule = _rule("SELECT arrayJoin(['a', 'b']) AS room, if(room = 'a', 1, 3) AS level", limit=2)
    quiet, loud = rule.evaluated(store, NOON)
    assert (quiet.labels, quiet.is_over, quiet.values) == (
        {"room": "a", "rule": "one"},
        False,
        {"rows": 1, "B": 1, "C": 0},
    )
    assert (loud.labels, loud.is_over, loud.values) == ({"room": "b", "rule": "one"}, True, {"rows": 3, "B": 3, "C": 1})


def test_the_limit_itself_is_not_over_it(store: EmbeddedStore) -> None:
    (instance,) = _rule("SELECT 'a' AS room, 2 AS level", limit=2).evaluated(store, NOON)
    assert not instance.is_over


def test_the_window_is_the_rules(store: EmbeddedStore) -> None:
    rule = _rule(
        "SELECT toUnixTimestamp($__toTime) - toUnixTimestamp($__fromTime) AS level, toString($__toTime) AS until"
    )
    (instance,) = rule.evaluated(store, NOON)
    assert instance.values["B"] == 540


def test_what_is_no_number_is_dropped_and_no_rows_are_no_data(store: EmbeddedStore) -> None:
    assert _rule("SELECT 'a' AS room, nan AS level").evaluated(store, NOON) == []
    assert _rule("SELECT 'a' AS room, CAST(NULL, 'Nullable(Float64)') AS level").evaluated(store, NOON) == []
    assert _rule("SELECT 'a' AS room, 1 AS level WHERE 0").evaluated(store, NOON) == []


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("SELECT 1 AS a, 2 AS b", "one numeric column"),
        ("SELECT 'a' AS room", "one numeric column"),
        ("SELECT toDateTime(0) AS at, 1 AS level", "one numeric column"),
        ("SELECT toLowCardinality('a') AS room, 1 AS level", "one numeric column"),
        ("SELECT 'a' AS room, number AS level FROM numbers(2)", "two rows"),
        ("SELECT 'a' AS rule, 1 AS level", "a label of the rule"),
        ("SELECT 1 AS level WHERE $__conditionalAll(1, $team)", "frontend"),
    ],
)
def test_what_grafana_would_refuse_is_refused(store: EmbeddedStore, sql: str, complaint: str) -> None:
    with pytest.raises(RuleError, match=complaint):
        _rule(sql).evaluated(store, NOON)


@pytest.mark.parametrize("key", ["uid", "title", "condition", "data"])
def test_a_rule_without_a_key_that_grafana_needs(key: str) -> None:
    rule = {"uid": "one", "title": "One", "condition": "C", "data": [{}]}
    del rule[key]
    with pytest.raises(RuleError, match=key):
        read_rules(yaml.safe_dump({"groups": [{"rules": [rule]}]}))


def _states(store: EmbeddedStore, rule: ProvisionedRule, levels: list[float | None]) -> list[int]:
    """Return how many instances fire at each minute, given one level a minute or none."""
    store.execute("TRUNCATE TABLE default.levels")
    evaluation = Evaluation(rule)
    firing = []
    for minute, level in enumerate(levels):
        if level is not None:
            store.execute(
                f"INSERT INTO default.levels VALUES ({int((NOON + minute * MINUTE).timestamp()) - 61}, 'a', {level})"
            )
        firing.append(len(evaluation.step(store, NOON + minute * MINUTE)))
    return firing


LATEST = (
    "SELECT room, sum(level) AS level FROM default.levels WHERE at >= $__toTime - 2 AND at < $__toTime GROUP BY room"
)


def test_for_waits_and_keep_firing_for_goes_on(store: EmbeddedStore) -> None:
    rule = _rule(LATEST, **{"for": "2m", "keepFiringFor": "2m"})
    #                                0  1  2  3  4  5  6  7
    assert _states(store, rule, [1, 1, 1, 0, 0, 0, 1, 0]) == [0, 0, 1, 1, 1, 0, 0, 0]
    assert _states(store, _rule(LATEST), [0, 1, 0]) == [0, 1, 0]


def test_an_instance_without_a_row_ends_at_the_second_evaluation(store: EmbeddedStore) -> None:
    rule = _rule("SELECT 'b' AS room, 0 AS level UNION ALL " + LATEST)
    assert _states(store, rule, [1, None, None, None]) == [1, 1, 0, 0]


def test_an_error_keeps_the_last_state_or_is_what_fires(store: EmbeddedStore) -> None:
    broken = "SELECT 'a' AS room, 1 AS level FROM default.nowhere"
    kept = Evaluation(_rule("SELECT 'a' AS room, 1 AS level", execErrState="KeepLast"))
    (before,) = kept.step(store, NOON)
    kept.rule = _rule(broken, execErrState="KeepLast")
    assert kept.step(store, NOON + MINUTE) == [before]
    (error,) = Evaluation(_rule(broken, execErrState="Error")).step(store, NOON)
    assert error.labels == {"rule": "one", "alertname": "DatasourceError"}


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("15m", 900), ("1h30m", 5400), ("2d", 172_800)])
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "1.5h", "5 m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(RuleError):
        duration(text)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("{{ $labels.workspace }}", "R&D team"),
        ('{{ printf "%.2f" $values.usd.Value }} USD', "12.35 USD"),
        ('{{ printf "%.0f" $values.ms.Value }}', "1795435200000"),
        ("{{ urlquery $labels.workspace }}", "R%26D+team"),
        ("{{ humanizePercentage $values.share.Value }}", "16.67%"),
        ("{{ externalURL }}d/x", "https://grafana.example.com/d/x"),
    ],
)
def test_templates_expand_as_in_go(template: str, text: str) -> None:
    assert _expanded(template) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ $labels.team }}",  # no such label
        "{{ $values.B.Value }}",  # no such value
        "{{ $values.usd }}",  # in Go a value with its labels
        "{{ $values.ms.Value }}",  # Go would print 1.7954352e+12
        "{{ if $labels.workspace }}x{{ end }}",
        "{{ $labels.workspace | urlquery }}",
        '{{ printf "%d" $values.usd.Value }}',  # a float with %d is an error in Go's text
        '{{ printf "%.2f %.2f" $values.usd.Value }}',
        "{{ toUpper $labels.workspace }}",
        "{{$labels.workspace}} {{",
        "{{ $labels.workspace",
    ],
)
def test_a_template_that_is_not_known_is_an_error(template: str) -> None:
    with pytest.raises(TemplateError):
        _expanded(template)


def _expanded(template: str) -> str:
    values = {"usd": 12.345678, "ms": 1_795_435_200_000.0, "share": 1 / 6}
    return expand(template, {"workspace": "R&D team"}, values, "https://grafana.example.com/")
