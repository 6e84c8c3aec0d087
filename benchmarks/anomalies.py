"""
Seeds in; out how many incidents `argus.cost_anomalies` finds in time, and how often it is wrong.

The view is the product's own, over a table with the columns of `argus.cost_hourly` that it reads. It is asked for weeks at once:
a row says the same as when its hour had just ended (tests/schema/test_anomalies.py), so the first row that is an anomaly is what
an alert would have seen by the end of that hour, or earlier in it.
"""

from __future__ import annotations

import statistics
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from argus_otel.schema.render import SchemaSettings, environment
from argus_otel.store import EmbeddedStore
from benchmarks.baselines import Baselines
from benchmarks.incidents import FOUND_WITHIN_H, KINDS, Incident, border_usd, inject
from benchmarks.spending import BEGAN_AT_S, DAYS, HOURS, User, organization

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.baselines import Scope

DATABASE = "anomalies"
_TABLES = (
    "cost_hourly (workspace LowCardinality(String), hour DateTime('UTC'), session_id String, user_label String,"  # noqa: ISC004
    " user_id String, enduser_id String, user_email String, cost_nanousd Int64) ENGINE = MergeTree ORDER BY (workspace, hour)",
    "mutes (rule LowCardinality(String), workspace LowCardinality(String), user_key String) ENGINE = MergeTree ORDER BY rule",
)
_ASKED_DAYS = 15

APART_H = 6
"""Anomalous hours of one scope that are nearer than this are one page, or one ticket; and belong to an incident that is."""

SIZES = ((1.0, "at most twice the border"), (2.0, "2 to 5 times"), (5.0, "over 5 times"))


@dataclass(frozen=True, slots=True)
class DetectionFigure:
    """What one set of seeds adds up to; the targets are 95 %, 1 and 1."""

    seeds: str
    due_incidents: int
    found_percent: float
    found_by_page_percent: float  # where a page is due: of a workspace's incidents, those that its own page found
    found_later_percent: float  # while it went on
    due_by_hour_incidents: int
    found_by_hour_percent: float
    false_pages_per_week_of_3000_users: float
    false_tickets_per_100_user_weeks: float
    ordinary_over_border_per_100_user_weeks: float  # episodes that are nobody's fault, and by the stricter border
    ordinary_by_hour_per_100_user_weeks: float
    median_minutes_to_find: float


@dataclass(frozen=True, slots=True)
class RecallFigure:
    """How many of those that are due were found, of one kind or size."""

    incidents: str
    seeds: str
    found: int
    due: int


@dataclass(slots=True)
class Tally:
    """What is counted over seeds."""

    seed_count: int = 0
    user_weeks: int = 0
    false_pages: int = 0
    false_tickets: int = 0
    minutes_to_find: list[float] = field(default_factory=list)
    due: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    found_later: int = 0
    due_pages: int = 0
    found_pages: int = 0
    due_by_hour: int = 0
    found_by_hour: int = 0
    ordinary: int = 0
    ordinary_by_hour: int = 0


def measure_anomalies(seeds: range) -> tuple[DetectionFigure, list[RecallFigure]]:
    """Return the figures of these seeds, and what was found by kind and by size."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        store = EmbeddedStore(Path(folder) / "clickhouse")
        try:
            for seed in seeds:
                count(tally, store, Path(folder), seed)
        finally:
            store.close()
    return figures(f"{seeds.start} to {seeds.stop - 1}", tally)


def count(tally: Tally, store: EmbeddedStore, folder: Path, seed: int) -> None:
    """Fill the database with a seed, and add what is found in it and what is wrong."""
    users = organization(seed)
    baselines = Baselines(users)
    _count_ordinary(tally, users, baselines)
    incidents = inject(seed, users, baselines)
    _fill(store, folder / "spent.tsv", users)
    _compare(tally, users, incidents, _anomalous_hours(store))


def _count_ordinary(tally: Tally, users: Iterable[User], baselines: Baselines) -> None:
    """Count how often a user passes the borders with nothing wrong: what no detector can tell from an incident of that size."""
    for user in users:
        if user.is_muted:
            continue
        over, over_by_hour = [], []
        for hour in sorted(user.spent_usd):
            usd = user.cost_usd(hour)
            if usd > border_usd(baselines.of(user.workspace, user.label, hour // 24)):
                over.append(hour)
            if usd > border_usd(user.expected_usd[hour]):
                over_by_hour.append(hour)
        tally.ordinary += len([*_episodes(over)])
        tally.ordinary_by_hour += len([*_episodes(over_by_hour)])


def _fill(store: EmbeddedStore, file: Path, users: Iterable[User]) -> None:
    store.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
    store.execute(f"CREATE DATABASE {DATABASE}")
    for table in _TABLES:
        store.execute(f"CREATE TABLE {DATABASE}.{table}")
    templates = environment(SchemaSettings(argus_database=DATABASE))
    store.execute(templates.get_template("4_views/461_cost_anomalies.sql").render())
    file.write_text("".join(_rows(users)))
    store.execute(f"INSERT INTO {DATABASE}.cost_hourly SELECT * FROM file('{file}', 'TSV')")
    if muted := ", ".join(f"('', '', '{_email(user)}')" for user in users if user.is_muted):
        store.execute(f"INSERT INTO {DATABASE}.mutes VALUES {muted}")


def _rows(users: Iterable[User]) -> Iterable[str]:
    for user in users:
        for hour, sessions in user.spent_usd.items():
            at = datetime.fromtimestamp(BEGAN_AT_S + 3600 * hour, UTC)
            for session, usd in sessions.items():
                yield (
                    f"{user.workspace}\t{at:%Y-%m-%d %H:%M:%S}\t{user.label}-{session}\t{user.label}\t\t\t{_email(user)}"
                    f"\t{round(usd * 1e9)}\n"
                )


def _email(user: User) -> str:
    return f"{user.label}@example.com"


def _anomalous_hours(store: EmbeddedStore) -> dict[Scope, list[int]]:
    """Return the hours that would page or make a ticket, of each scope in order."""
    hours: dict[Scope, list[int]] = defaultdict(list)
    for day in range(0, DAYS, _ASKED_DAYS):
        begins_s = BEGAN_AT_S + 86_400 * day
        rows = store.rows(
            f"SELECT workspace, user_label, toUnixTimestamp(hour) AS at_s FROM {DATABASE}.cost_anomalies("
            f"from = toDateTime({begins_s}), to = toDateTime({begins_s + 86_400 * _ASKED_DAYS}))"
            " WHERE is_anomaly AND NOT is_muted ORDER BY at_s"
        )
        for row in rows:
            hours[row["workspace"], row["user_label"]].append((row["at_s"] - BEGAN_AT_S) // 3600)
    return hours


def _compare(tally: Tally, users: Sequence[User], incidents: Sequence[Incident], hours: dict[Scope, list[int]]) -> None:
    tally.seed_count += 1
    tally.user_weeks += len({(user.label, hour // 168) for user in users for hour in user.spent_usd})
    for incident in incidents:
        first = _first(incident, hours)
        if incident.due is not None:
            _look_for(tally, incident, incident.due, first)
            if incident.scope == "workspace":
                paged = _first(incident, {scope: hours[scope] for scope in hours if not scope[1]})
                tally.due_pages += 1
                tally.found_pages += _is_in_time(paged, incident.due)
        if incident.due_by_hour is not None:
            tally.due_by_hour += 1
            tally.found_by_hour += _is_in_time(first, incident.due_by_hour)
    spans = _spans(incidents)
    for scope, anomalous in hours.items():
        for first, last in _episodes(anomalous):
            if not any(first < ends + APART_H and last >= begins for begins, ends in spans[scope]):
                tally.false_pages += scope[1] == ""
                tally.false_tickets += scope[1] != ""


def _first(incident: Incident, hours: Mapping[Scope, list[int]]) -> int | None:
    """Return the first anomalous hour of its users or its workspace."""
    scopes = {(incident.workspace, ""), *((incident.workspace, user.label) for user in incident.users)}
    return min((hour for scope in scopes for hour in hours.get(scope, []) if hour in incident.span), default=None)


def _is_in_time(first: int | None, due: int) -> bool:
    return first is not None and first < due + FOUND_WITHIN_H


def _look_for(tally: Tally, incident: Incident, due: int, first: int | None) -> None:
    """Count an incident as found by a ticket of one of its users or the page of its workspace."""
    names = [incident.kind, next(name for least, name in reversed(SIZES) if incident.times_over >= least)]
    tally.due.update(names)
    if first is not None and _is_in_time(first, due):
        tally.found.update(names)
        tally.minutes_to_find.append(60.0 * (first + 1 - incident.begins))
    elif first is not None:
        tally.found_later += 1


def _spans(incidents: Iterable[Incident]) -> dict[Scope, list[tuple[int, int]]]:
    """Return when something was wrong: with a workspace, if only with one of its users; with a user, if only as one of many."""
    spans: dict[Scope, list[tuple[int, int]]] = defaultdict(list)
    for incident in incidents:
        ends = min(incident.begins + incident.hours, HOURS)
        for label in {"", *(user.label for user in incident.users)}:
            spans[incident.workspace, label].append((incident.begins, ends))
    return spans


def _episodes(hours: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Yield the first and last of hours that are one episode."""
    breaks = [0] if hours else []
    for before, after in pairwise(hours):
        breaks.append(breaks[-1] + (after - before > APART_H))
    for _, episode in groupby(zip(breaks, hours, strict=True), key=lambda each: each[0]):
        members = [hour for _, hour in episode]
        yield members[0], members[-1]


def figures(seeds: str, tally: Tally) -> tuple[DetectionFigure, list[RecallFigure]]:
    """Return what a tally adds up to, and what was found by kind and by size."""
    due = sum(tally.due[kind] for kind in KINDS)
    found = sum(tally.found[kind] for kind in KINDS)
    weeks_of_3000 = tally.seed_count / 10 * DAYS / 7
    figure = DetectionFigure(
        seeds,
        due,
        100 * found / due,
        100 * tally.found_pages / tally.due_pages,
        100 * tally.found_later / due,
        tally.due_by_hour,
        100 * tally.found_by_hour / tally.due_by_hour,
        tally.false_pages / weeks_of_3000,
        100 * tally.false_tickets / tally.user_weeks,
        100 * tally.ordinary / tally.user_weeks,
        100 * tally.ordinary_by_hour / tally.user_weeks,
        statistics.median(tally.minutes_to_find),
    )
    names = [*KINDS, *(name for _, name in SIZES)]
    return figure, [RecallFigure(name, seeds, tally.found[name], tally.due[name]) for name in names]
