"""
(provisioned alert rules, a reader of ClickHouse, an instant) -> alert instances, as Grafana would have them.

The evaluator takes a rule as Grafana's file provisioning does and goes its way: each query's macros written out for the
rule's window, the table turned into numbers with labels, reduce and threshold over them, `for` and `keepFiringFor` over
successive instants. It knows the kinds of expressions our rules use and refuses others.

How an instance gets its `$values` (Grafana's `ngalert/eval`): every query and expression that came out as single numbers is
looked through for one with the instance's labels, exactly the same or a sub- or superset of them. Hence our rules' shape:
all queries of a rule return the same rows, each with the label `workspace` and one figure.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import yaml

from argus_otel.errors import ArgusError, StoreError
from argus_otel.grafana.annotations import expand as expand_annotation
from argus_otel.grafana.macros import TimeRange
from argus_otel.grafana.macros import expand as expand_macros

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

EXPRESSIONS_UID = "__expr__"
MISSING_EVALUATIONS_MAX = 2
"""An instance whose row is gone is resolved at the second evaluation without it."""

Labels = tuple[tuple[str, str], ...]
Numbers = dict[Labels, float]


class RuleError(ArgusError):
    """Grafana would refuse this rule, or its query returns what Grafana cannot alert on."""


class State(StrEnum):
    """What an instance is in; `Recovering` still counts as firing."""

    NORMAL = "Normal"
    PENDING = "Pending"
    ALERTING = "Alerting"
    RECOVERING = "Recovering"


class Reader(Protocol):
    """A ClickHouse that is read: an EmbeddedStore, a ServerStore."""

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Run a query."""


@dataclass(frozen=True, slots=True)
class ProvisionedRule:
    """One rule of a provisioning file, its keys as they stand there."""

    uid: str
    title: str
    condition: str
    data: tuple[dict[str, Any], ...]
    labels: dict[str, str]
    annotations: dict[str, str]
    for_: timedelta
    keep_firing_for: timedelta
    no_data_state: str
    exec_err_state: str

    def evaluated(self, reader: Reader, at: datetime, external_url: str = "http://localhost:3000/") -> list[Instance]:
        """
        Return every instance at one instant, over its threshold or not, ordered by labels.

        Raises:
            RuleError: the rule is one that Grafana refuses or cannot evaluate.
            TemplateError: an annotation cannot be written.
            StoreError: ClickHouse refused a query.
        """
        results = self._results(reader, at)
        return [
            self._instance(labels, results, external_url, is_over=number != 0)
            for labels, number in sorted(results[self.condition].items())
        ]

    def _results(self, reader: Reader, at: datetime) -> dict[str, Numbers]:
        results: dict[str, Numbers] = {}
        for part in self.data:
            model = part["model"]
            if part["datasourceUid"] == EXPRESSIONS_UID:
                results[part["refId"]] = _expression(model, results)
            else:
                results[part["refId"]] = _number_table(reader, _statement(part, at))
        if self.condition not in results:
            raise RuleError(f"{self.uid}: condition {self.condition!r} is none of {', '.join(results)}")
        # One query without rows, and Grafana says of the whole rule that it has no data.
        if any(not numbers for numbers in results.values()):
            return {**results, self.condition: {}}
        return results

    def _instance(
        self,
        labels: Labels,
        results: dict[str, Numbers],
        external_url: str,
        *,
        is_over: bool,
    ) -> Instance:
        own = dict(labels)
        if clash := own.keys() & self.labels.keys():
            raise RuleError(f"{self.uid}: {', '.join(clash)} is a label of the rule and a column of its query")
        values = {name: number for name, numbers in results.items() for of, number in numbers.items() if of == labels}
        texts = {key: expand_annotation(text, own, values, external_url) for key, text in self.annotations.items()}
        return Instance(own | self.labels, values, texts, is_over)


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance at one instant. Grafana adds labels of its own: alertname, grafana_folder."""

    labels: dict[str, str]
    values: dict[str, float]
    annotations: dict[str, str]
    is_over: bool


@dataclass(slots=True)
class Alert:
    """What is remembered of an instance between evaluations."""

    instance: Instance
    state: State = State.NORMAL
    since: datetime | None = None
    missing_count: int = 0

    @property
    def is_firing(self) -> bool:
        return self.state in (State.ALERTING, State.RECOVERING)


@dataclass(slots=True)
class Evaluation:
    """A rule over successive instants: `for`, `keepFiringFor`, and what errors and no data do."""

    rule: ProvisionedRule
    external_url: str = "http://localhost:3000/"
    alerts: dict[Labels, Alert] = field(default_factory=dict)

    def step(self, reader: Reader, at: datetime) -> list[Instance]:
        """
        Evaluate once, later than before, and return what fires now.

        An error of ClickHouse leaves everything as it was (KeepLast) or is itself what fires (Error, Alerting).
        """
        try:
            instances = self.rule.evaluated(reader, at, self.external_url)
        except StoreError as error:
            return self._failed("DatasourceError", str(error), self.rule.exec_err_state)
        if not instances and self.rule.no_data_state != "OK":
            return self._failed("DatasourceNoData", "no data", self.rule.no_data_state)
        seen = {tuple(sorted(instance.labels.items())): instance for instance in instances}
        for labels, instance in seen.items():
            self._moved(self.alerts.setdefault(labels, Alert(instance)), instance, at)
        for labels in self.alerts.keys() - seen.keys():
            self._missed(labels)
        return self.firing

    @property
    def firing(self) -> list[Instance]:
        """Return what fires, by labels."""
        return [alert.instance for _, alert in sorted(self.alerts.items()) if alert.is_firing]

    def _moved(self, alert: Alert, instance: Instance, at: datetime) -> None:
        alert.missing_count = 0
        state = self._next(alert, is_over=instance.is_over, at=at)
        if state is not alert.state:
            alert.state, alert.since = state, at
        alert.instance = instance  # Grafana writes the annotations anew each time, also while it recovers

    def _next(self, alert: Alert, *, is_over: bool, at: datetime) -> State:
        waited = at - (alert.since or at)
        if is_over:
            if alert.is_firing or not self.rule.for_:
                return State.ALERTING
            return State.ALERTING if alert.state is State.PENDING and waited >= self.rule.for_ else State.PENDING
        if alert.state is State.ALERTING and self.rule.keep_firing_for:
            return State.RECOVERING
        if alert.state is State.RECOVERING and waited < self.rule.keep_firing_for:
            return State.RECOVERING
        return State.NORMAL

    def _missed(self, labels: Labels) -> None:
        self.alerts[labels].missing_count += 1
        if self.alerts[labels].missing_count >= MISSING_EVALUATIONS_MAX:
            del self.alerts[labels]

    def _failed(self, name: str, text: str, state: str) -> list[Instance]:
        if state in ("KeepLast", "OK"):
            return self.firing
        return [Instance({**self.rule.labels, "alertname": name}, {}, {"Error": text}, is_over=True)]


def read_rules(text: str) -> list[ProvisionedRule]:
    """
    Return the rules of a provisioning file.

    Raises:
        RuleError: a key that Grafana needs is missing; it would refuse the whole file at its start.
    """
    return [_rule(rule) for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def _rule(rule: Mapping[str, Any]) -> ProvisionedRule:
    if missing := [key for key in ("uid", "title", "condition", "data") if not rule.get(key)]:
        raise RuleError(f"rule {rule.get('uid')!r} has no {', '.join(missing)}")
    return ProvisionedRule(
        uid=rule["uid"],
        title=rule["title"],
        condition=rule["condition"],
        data=tuple(rule["data"]),
        labels=dict(rule.get("labels", {})),
        annotations=dict(rule.get("annotations", {})),
        for_=duration(rule.get("for", "0s")),
        keep_firing_for=duration(rule.get("keepFiringFor", "0s")),
        no_data_state=rule.get("noDataState", "NoData"),
        exec_err_state=rule.get("execErrState", "Alerting"),
    )


def duration(text: str) -> timedelta:
    """Read a duration as Grafana writes it: 0s, 15m, 2h, 1d."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    parts = re.findall(r"(\d+)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise RuleError(f"{text!r} is no duration: 30s, 15m, 2h, 1d")
    return sum((timedelta(**{units[unit]: int(number)}) for number, unit in parts), timedelta())


def _statement(part: Mapping[str, Any], at: datetime) -> str:
    model, window = part["model"], part["relativeTimeRange"]
    if model.get("editorType") != "sql" or model.get("format") != 1:
        raise RuleError(f"query {part['refId']} must have editorType sql and format 1, a table")
    at_s = int(at.timestamp())
    time_range = TimeRange((at_s - window["from"]) * 1000, (at_s - window["to"]) * 1000)
    sql = expand_macros(model["rawSql"], time_range, model.get("intervalMs", 60_000))
    if "$" in sql:
        raise RuleError(f"query {part['refId']} has what only the frontend writes out: {sql[sql.index('$') :][:40]}")
    return sql


def _number_table(reader: Reader, sql: str) -> Numbers:
    """Run a query whose rows are labelled numbers: one numeric column, all others text, no two rows with the same text."""
    types = {column["name"]: column["type"] for column in reader.rows(f"DESCRIBE ({sql})")}
    rows = reader.rows(sql)
    numeric = [name for name, of in types.items() if re.fullmatch(r"(Nullable\()?(U?Int|Float)\d+\)?", of)]
    others = {
        name: of for name, of in types.items() if name not in numeric and of not in ("String", "Nullable(String)")
    }
    if len(numeric) != 1 or others:
        raise RuleError(
            f"one numeric column and only text beside it: {', '.join(f'{n} {t}' for n, t in types.items())}"
        )
    numbers: Numbers = {}
    for row in rows:
        labels = tuple(sorted((name, row[name] or "") for name in types if name != numeric[0]))
        if labels in numbers:
            raise RuleError(f"two rows with the labels {dict(labels)}")
        numbers[labels] = float("nan") if row[numeric[0]] is None else float(row[numeric[0]])
    return numbers


def _expression(model: Mapping[str, Any], results: Mapping[str, Numbers]) -> Numbers:
    if model["expression"] not in results:
        raise RuleError(f"{model['refId']} is over {model['expression']!r}, which is not before it")
    numbers = results[model["expression"]]
    if model["type"] == "reduce":
        if model["reducer"] != "last" or model["settings"] != {"mode": "dropNN"}:
            raise RuleError(f"{model['refId']}: only the reducer last with mode dropNN is known")
        return {labels: number for labels, number in numbers.items() if not math.isnan(number)}
    if model["type"] == "threshold":
        (condition,) = model["conditions"]
        if condition["evaluator"]["type"] != "gt":
            raise RuleError(f"{model['refId']}: only the evaluator gt is known")
        (limit,) = condition["evaluator"]["params"]
        return {labels: float(number > limit) for labels, number in numbers.items()}
    raise RuleError(f"{model['refId']}: {model['type']!r} is no expression that is known here: reduce, threshold")
