"""Which hours are anomalies: expected values from the definition (docs/views.md) and arithmetic, on what came in as OTLP."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from math import exp, log, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from native import T0_NS, api_request
from native import log as log_record

from argus_otel.schema.render import SchemaSettings, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from databases import Databases
    from native import Request

    from argus_otel.store import EmbeddedStore

TODAY = datetime(2026, 11, 23, tzinfo=UTC)
"""A Monday."""
PAST_WEEKDAYS = [-ago for ago in range(28, 0, -1) if (TODAY - timedelta(days=ago)).weekday() < 5]
MORNING = (9, 10, 11)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def loaded(fresh: Callable[..., Databases]) -> Iterator[Databases]:
    """One pair of databases; each test has workspaces of its own in it."""
    made = fresh()
    yield made
    made.drop()


def spent(user: str, day: int, hour: int, usd: float) -> Request:
    """Return one API call, of a session of its own for each user and day."""
    at_s = (TODAY + timedelta(days=day, hours=hour, minutes=5)).timestamp() - T0_NS / 1e9
    session = f"{user}/{day}"
    request_id = f"{session}/{hour}"
    return api_request(request_id, usd, at_s=at_s, session=session, **{"user.email": f"{user}@example.com"})


def mornings(user: str, days: Iterable[int] = PAST_WEEKDAYS, usd: float = 1.0) -> list[Request]:
    return [spent(user, day, hour, usd) for day in days for hour in MORNING]


def load(databases: Databases, requests: list[Request]) -> str:
    workspace = f"w{next(_numbers)}"
    databases.load(requests, workspace=workspace)
    return workspace


def rows(databases: Databases, workspace: str, first_hour: int = 0, last_hour: int = 23) -> dict[tuple[str, int], Any]:
    """Return today's rows by user, '' for the workspace, and hour of the day."""
    begins_s = int(TODAY.timestamp())
    found = databases.view(
        f"cost_anomalies(from = toDateTime({begins_s + 3600 * first_hour}),"
        f" to = toDateTime({begins_s + 3600 * (last_hour + 1)}))",
        where=f"workspace = '{workspace}'",
    )
    return {(row["user_label"].partition("@")[0], int(row["hour"][11:13])): row for row in found}


def anomalies(of: dict[tuple[str, int], Any]) -> set[tuple[str, int]]:
    return {key for key, row in of.items() if row["is_anomaly"]}


def spread(days: int) -> float:
    """Return the spread of someone whose days are all alike: 0.43 is assumed, with the weight of 40 days."""
    return sqrt(40 * 0.43**2 / (days + 40) * (1 + 1 / (days + 0.75)))


def test_a_spike_over_a_flat_past(loaded: Databases) -> None:
    found = rows(loaded, load(loaded, [*mornings("ada"), spent("ada", 0, 9, 1.0), spent("ada", 0, 10, 30.0)]))
    assert anomalies(found) == {("ada", 10), ("", 10)}
    spike, before = found["ada", 10], found["ada", 9]
    assert (spike["scope"], spike["severity"]) == ("user", "ticket")
    assert (spike["cost_usd"], spike["baseline_usd"], spike["ratio"]) == (30.0, 1.0, 30.0)
    assert spike["score"] == pytest.approx(log(30) / spread(20) / 2.5, abs=1e-6)
    # Eight o'clock, when nothing is spent, is averaged in: two hours of three.
    assert (before["cost_usd"], before["baseline_usd"]) == (1.0, pytest.approx(2 / 3))
    whole = found["", 10]
    assert (whole["scope"], whole["severity"], whole["baseline_usd"]) == ("workspace", "page", 1.0)
    assert whole["score"] == pytest.approx(log(30) / spread(20) / 4.0, abs=1e-6)


def test_the_usual_is_none(loaded: Databases) -> None:
    """Neither the same as ever, nor many times as much of next to nothing, nor 20 USD of who spends 10."""
    found = rows(
        loaded,
        load(
            loaded,
            [
                *mornings("same"), *mornings("same", [0]),
                *mornings("little", usd=0.01), spent("little", 0, 10, 4.9),
                *mornings("much", usd=10.0), spent("much", 0, 10, 20.0),
            ],
        ),
    )  # fmt: skip
    assert anomalies(found) == set()
    assert {user for user, _ in found} == {"", "same", "little", "much"}


def test_a_small_excess_that_goes_on_is_one(loaded: Databases) -> None:
    found = rows(
        loaded, load(loaded, [*mornings("ada", usd=0.1), *(spent("ada", 0, hour, 2.0) for hour in range(14, 18))])
    )
    # 2, 4 and 6 USD within four hours: from 5 on it matters.
    assert {hour for user, hour in anomalies(found) if user == "ada"} == {16, 17}


def test_many_together_page_where_none_does_alone(loaded: Databases) -> None:
    users = [f"u{number}" for number in range(20)]
    past = [request for user in users for request in mornings(user)]
    found = rows(loaded, load(loaded, [*past, *(spent(user, 0, 10, 3.1) for user in users)]))
    # Of each the logarithm is ln 3.1 above the usual, in spreads of sqrt(20 / (60 + 20)); together sqrt(20) times that.
    assert found["", 10]["score"] == pytest.approx(log(3.1) / 0.5 * sqrt(20) / 2.8, abs=1e-6)
    assert ("", 10) in anomalies(found)
    assert found["u0", 10]["score"] == pytest.approx(log(3.1) / spread(20) / 2.5, abs=1e-6)


@pytest.mark.parametrize(
    ("rule", "key", "muted", "workspace_usd"),
    [
        ("", "night@example.com", {"night"}, 1.0),
        ("user-cost-anomaly", "night@example.com", {"night"}, 91.0),
        ("cost-anomaly", "night@example.com", set(), 1.0),
        ("", "", {"", "ada", "night"}, 91.0),
        ("tool-failures", "night@example.com", set(), 91.0),
    ],
)
def test_who_is_muted_is_marked_and_left_out_of_the_workspace(
    loaded: Databases, rule: str, key: str, muted: set[str], workspace_usd: float
) -> None:
    workspace = load(loaded, [*mornings("ada"), *mornings("night"), *mornings("ada", [0]), spent("night", 0, 10, 90.0)])
    loaded.store.execute(
        f"INSERT INTO {loaded.settings.argus_database}.mute_facts (rule, workspace, user_key, set_at, reason)"
        f" SELECT '{rule}', '{workspace}', '{key}', now64(9), 'a nightly job'"
    )
    found = rows(loaded, workspace)
    assert {user for (user, hour), row in found.items() if hour == 10 and row["is_muted"]} == muted
    assert found["", 10]["cost_usd"] == workspace_usd
    assert found["night", 10]["is_anomaly"]
    assert found["", 10]["is_anomaly"] == (workspace_usd > 1)


@pytest.mark.parametrize("key", ["dev9@example.com", "Dev Nine"])
def test_who_is_known_by_enduser_id_is_muted_by_every_key(loaded: Databases, key: str) -> None:
    """The command stores an e-mail in lower case, and an import gives its user another label."""
    at_s = (TODAY + timedelta(hours=10)).timestamp() - T0_NS / 1e9
    of_agent = {"request_id": "nine", "cost_usd": 90.0}
    workspace = load(
        loaded,
        [log_record("api_request", of_agent, session="nine", at_s=at_s, resource={"enduser.id": "Dev9@Example.com"})],
    )
    argus = loaded.settings.argus_database
    loaded.store.execute(f"INSERT INTO {argus}.people_facts SELECT now64(9), 'dev9@example.com', 'Dev Nine', '', ''")
    loaded.store.execute(
        f"INSERT INTO {argus}.mute_facts (rule, workspace, user_key, set_at, reason)"
        f" SELECT 'user-cost-anomaly', '{workspace}', '{key}', now64(9), 'a nightly job'"
    )
    assert rows(loaded, workspace)["Dev Nine", 10]["is_muted"]


def test_hours_that_cost_nothing_are_none(loaded: Databases) -> None:
    free = [spent("ada", day, 20, 0.0) for day in PAST_WEEKDAYS]
    found = rows(loaded, load(loaded, [*mornings("ada"), *free, spent("ada", 0, 10, 30.0), spent("ada", 0, 12, 0.0)]))
    assert set(found) == {("ada", 10), ("", 10)}
    assert found["ada", 10]["score"] == pytest.approx(log(30) / spread(20) / 2.5, abs=1e-6)


def test_late_and_repeated_data_give_the_same(loaded: Databases) -> None:
    requests = [*mornings("ada"), *mornings("bob", usd=2.0), spent("ada", 0, 10, 30.0)]
    once = load(loaded, requests)
    twice = load(loaded, list(reversed(requests)))
    loaded.load(requests[::3], workspace=twice)
    assert _nameless(rows(loaded, once)) == _nameless(rows(loaded, twice))


def _nameless(of: dict[tuple[str, int], Any]) -> dict[tuple[str, int], Any]:
    return {key: {**row, "workspace": ""} for key, row in of.items()}


def test_a_holiday_counts_with_nothing_spent_and_a_week_away_does_not(loaded: Databases) -> None:
    holiday = [day for day in PAST_WEEKDAYS if day != -5]
    here = [day for day in PAST_WEEKDAYS if day < -21 or day >= -14]
    found = rows(
        loaded,
        load(
            loaded,
            [*mornings("holiday", holiday), *mornings("away", here), *mornings("holiday", [0]), *mornings("away", [0])],
        ),
    )
    # Of 20 days the dearest 2 do not count: 17 of 18 with 1 USD.
    assert found["holiday", 10]["baseline_nanousd"] == 17 * 10**9 // 18
    assert found["away", 10]["baseline_nanousd"] == 10**9


def test_a_saturday_is_compared_with_saturdays(loaded: Databases) -> None:
    saturdays = [-23, -16, -9, -2]
    workspace = load(loaded, [*mornings("ada"), *mornings("ada", saturdays, usd=4.0)])
    begins_s = int((TODAY - timedelta(days=2)).timestamp())
    [row] = loaded.view(
        f"cost_anomalies(from = toDateTime({begins_s + 36_000}), to = toDateTime({begins_s + 39_600}))",
        where=f"workspace = '{workspace}' AND scope = 'user'",
    )
    assert row["baseline_usd"] == 4.0


def test_a_newcomer_is_judged_by_the_others(loaded: Databases) -> None:
    past = [request for user, usd in (("ada", 1.0), ("bob", 2.0), ("cleo", 3.0)) for request in mornings(user, usd=usd)]
    found = rows(loaded, load(loaded, [*past, spent("quiet", 0, 10, 9.0), spent("loud", 0, 10, 40.0)]))
    assert {user for user, _ in anomalies(found)} >= {"loud"}
    assert not found["quiet", 10]["is_anomaly"]
    assert found["loud", 10]["baseline_usd"] == pytest.approx(2.0)
    assert found["loud", 10]["score"] == pytest.approx(log(40 / 2) / spread(0) / 2.5, abs=1e-6)


def test_who_is_there_for_the_third_day_is_judged_by_two_of_their_own_and_the_others(loaded: Databases) -> None:
    past = [request for user in ("ada", "bob") for request in mornings(user)]
    found = rows(loaded, load(loaded, [*past, *mornings("third", [-5, -4], usd=8.0), spent("third", 0, 10, 80.0)]))
    usual = 2 / 2.75 * log(8)  # of the others it is ln 1
    assert found["third", 10]["score"] == pytest.approx((log(80) - usual) / spread(2) / 2.5, abs=1e-6)
    assert found["third", 10]["baseline_usd"] == pytest.approx(exp(usual))


def test_nobody_is_judged_where_nothing_is_known(loaded: Databases) -> None:
    assert not anomalies(rows(loaded, load(loaded, [*mornings("ada", PAST_WEEKDAYS[-4:]), spent("ada", 0, 10, 500.0)])))


def test_an_hour_is_judged_while_it_is_unfinished(loaded: Databases) -> None:
    """Asked at ten past, the hour says what it says later; so does an hour whose day has gone on."""
    requests = [*mornings("ada"), spent("ada", 0, 10, 30.0)]
    early, late = load(loaded, requests), load(loaded, [*requests, spent("ada", 0, 11, 80.0), spent("ada", 1, 9, 80.0)])
    asked_early = rows(loaded, early, 9, 10)["ada", 10]
    assert asked_early["is_anomaly"]
    assert {**asked_early, "workspace": ""} == {**rows(loaded, late)["ada", 10], "workspace": ""}


@pytest.fixture(scope="module")
def seed(
    store: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Any]:
    """The first seed of the benchmark, in a database of its own; what it adds up to."""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(Path(__file__).parents[2])
    from benchmarks import anomalies as benchmark

    tally = benchmark.Tally()
    benchmark.count(tally, store, tmp_path_factory.mktemp("seed"), 1)
    yield benchmark, tally
    store.execute(f"DROP DATABASE {benchmark.DATABASE}")
    patch.undo()


def test_a_seed_of_the_benchmark(seed: Any) -> None:
    """Loosely: the figures are docs/benchmarks.md's."""
    benchmark, tally = seed
    figure, _ = benchmark.figures("1", tally)
    assert figure.due_incidents > 30
    assert figure.found_percent > 85
    assert figure.false_tickets_per_100_user_weeks < 2
    assert tally.false_pages < 5


@pytest.mark.parametrize("hour", [500, 1234, 1777])
def test_asked_at_once_and_asked_then_agree(store: EmbeddedStore, seed: Any, hour: int) -> None:
    """What an alert saw at that moment, with nothing later there, is what 15 days asked at once say of its hours."""
    benchmark, _ = seed
    at_s = benchmark.BEGAN_AT_S + 3600 * hour
    store.execute("CREATE DATABASE then")
    try:
        for table, where in (("cost_hourly", f"hour < toDateTime({at_s})"), ("mutes", "1")):
            store.execute(f"CREATE VIEW then.{table} AS SELECT * FROM {benchmark.DATABASE}.{table} WHERE {where}")
        templates = environment(SchemaSettings(argus_database="then"))
        store.execute(templates.get_template("4_views/461_cost_anomalies.sql").render())
        then, at_once = (
            store.rows(
                f"SELECT * FROM {database}.cost_anomalies(from = toDateTime({begins_s}), to = toDateTime({ends_s}))"
                f" WHERE hour >= toDateTime({at_s - 7200}) AND hour < toDateTime({at_s}) ORDER BY ALL"
            )
            for database, begins_s, ends_s in (
                ("then", at_s - 7200, at_s),
                (benchmark.DATABASE, at_s - 10 * 86_400, at_s + 5 * 86_400),
            )
        )
    finally:
        store.execute("DROP DATABASE then")
    assert then == at_once != []
