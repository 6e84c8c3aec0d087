"""
Every alert rule on made-up workspaces: which must set it off, and that no other does; with which labels, figures and links;
that repeated and late records change nothing; whom a mute leaves alone. And what Grafana asks of the files.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import alert_scenarios as scenarios
import pytest
import yaml
from databases import Databases

from argus_otel.grafana import dashboards
from argus_otel.grafana.alerting import Instance, ProvisionedRule, duration, read_rules
from argus_otel.grafana.alerts.rules import RULES
from argus_otel.grafana.macros import PANEL_MACROS
from argus_otel.grafana.render import Grafana, render
from argus_otel.schema.migrate import migrate
from argus_otel.schema.render import SchemaSettings
from argus_otel.store import EmbeddedStore

if TYPE_CHECKING:
    from collections.abc import Iterator

GRAFANA_URL = "https://grafana.example.com/"
NOON_MS = 1_795_435_200_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

BUDGETS = [
    ("workspace", "calm", 1000),
    ("workspace", "runaway", 85),  # of which 78 are spent, 60 of them today
    ("workspace", "costly", 60),  # 63 are spent, 45 of them today
    ("workspace", "together", 5),  # broken days ago
    ("user", "batch@example.com", 62),  # 60 are spent, all today
]
"""Scope, name and USD a month. An ordinary day costs 1.80 USD: until a day ago nine of them, and today."""

DEAR_HOURS = {"runaway", "burst", "dear", "costly", "apart", "together"}
"""With at least 7 USD more in one of the last three hours than the 0.60 USD of an ordinary one."""

FIRES: dict[str, set[str]] = {
    "cost-anomaly": DEAR_HOURS,
    "user-cost-anomaly": DEAR_HOURS,
    "budget": {"runaway", "costly", ""},
    "runaway-session": {"runaway", "busy"},
    "session-price": {"runaway", "dear"},
    "tool-failures": {"failing"},
    "api-errors": {"erring"},
    "cache-collapse": {"cold"},
    "risky-action": {"risky", "wrecking"},
    "one-leg": {"one-legged"},
    "attribute-loss": {"losing"},
    "redaction-surge": {"leaking"},
    "meter-disagreement": {"apart"},
    "silence": {"silent"},
    "datasource": set(),
}
"""By rule the workspaces of the scenarios that must set it off; all others must not."""


@dataclass(frozen=True)
class Fleet:
    """The scenarios in an engine, and every rule that asks it."""

    databases: Databases
    workspaces: list[scenarios.Workspace]
    rules: dict[str, ProvisionedRule]
    seen: dict[str, list[Instance]] = field(default_factory=dict)

    def instances(self, rule: str) -> list[Instance]:
        """Return a rule's instances at NOW, evaluated once."""
        if rule not in self.seen:
            self.seen[rule] = self.rules[rule].evaluated(self.databases.store, scenarios.NOW, GRAFANA_URL)
        return self.seen[rule]

    def firing(self, rule: str) -> dict[str, Instance]:
        """Return those over the limits, by workspace."""
        return {one.labels["workspace"]: one for one in self.instances(rule) if one.is_over}

    def firing_now(self, rule: str) -> dict[str, Instance]:
        """Evaluate again: after more was loaded or muted."""
        self.seen.pop(rule, None)
        return self.firing(rule)

    def mute(self, rule: str = "", workspace: str = "", user: str = "", *, is_removed: bool = False) -> None:
        self.databases.store.execute(
            f"INSERT INTO {self.databases.settings.argus_database}.mute_facts SELECT "
            f"'{rule}' AS rule, '{workspace}' AS workspace, '{user}' AS user_key, now64(9) AS set_at, 'batch', {is_removed}"
        )

    def budget(self, scope: str, name: str, month_usd: int, set_at: datetime = LONG_AGO) -> None:
        self.databases.store.execute(
            f"INSERT INTO {self.databases.settings.argus_database}.budget_facts SELECT "
            f"'{scope}' AS scope, '{name}' AS name, fromUnixTimestamp64Nano({int(set_at.timestamp()) * 10**9}), "
            f"{month_usd * 10**9}, false"
        )


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    store = EmbeddedStore(tmp_path_factory.mktemp("alerts") / "clickhouse")
    migrate(store, SchemaSettings())
    databases = Databases(store, SchemaSettings(), tmp_path_factory.mktemp("segments"))
    workspaces = list(scenarios.fleet())
    scenarios.load(databases, workspaces)
    made = Fleet(databases, workspaces, {rule.labels["rule"]: rule for rule in _provisioned()})
    made.mute(user="batch@example.com")
    for budget in BUDGETS:
        made.budget(*budget)
    yield made
    store.close()


def _provisioned() -> list[ProvisionedRule]:
    return [rule for text in _files() for rule in read_rules(text)]


def _files() -> list[str]:
    return list(render(Grafana(), ("alerting",)).values())


@pytest.mark.parametrize("rule", FIRES)
def test_a_rule_fires_where_it_must_and_nowhere_else(fleet: Fleet, rule: str) -> None:
    assert set(fleet.firing(rule)) == FIRES[rule]


def test_every_rule_is_tried() -> None:
    assert set(FIRES) == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", [rule for rule in FIRES if FIRES[rule]])
def test_labels_are_these_three(fleet: Fleet, rule: str) -> None:
    severity = next(one.severity for one in RULES if one.name == rule)
    for workspace, instance in fleet.firing(rule).items():
        assert instance.labels == {"workspace": workspace, "rule": rule, "severity": severity}


@pytest.mark.parametrize(
    ("rule", "workspace", "summary"),
    [
        (
            "runaway-session",
            "runaway",
            "Runaway sessions in runaway: 1, up to 6.00 USD and 2 requests a minute for 10 minutes; the limits are 5 USD and 120",
        ),
        ("session-price", "dear", "Sessions of dear that cost more than 50 USD: 1, up to 60.00 USD"),
        # Usual is what an hour and its neighbours cost on average: 0.60, 0.60 and nothing at noon.
        ("cost-anomaly", "runaway", "runaway spent 60.60 USD in one hour; 0.40 USD is usual at that time"),
        (
            "user-cost-anomaly",
            "runaway",
            "Users of runaway who spend far above their usual: 1, up to 60.60 USD in one hour; 0.40 USD is usual",
        ),
        # 78 USD of 85; the last seven days' 72.60 go on for 7.5 days.
        (
            "budget",
            "runaway",
            (
                "Budgets that passed a limit within a day: 1; of the fullest 91.76% of 85.00 USD is spent, at this pace "
                "183.3% by the end of the month. Workspace: runaway; none for budgets of teams and users"
            ),
        ),
        # Of 34 calls since 10:00, 4 are of ordinary sessions.
        (
            "tool-failures",
            "failing",
            "Failing tools in failing: 1, up to 88.24% of the calls, 30 failures; 0% is usual",
        ),
        # Beside 30 errors, 3 requests of each of 3 + 4 sessions.
        ("api-errors", "erring", "58.82% of the API requests of erring failed, 30 of them; 0% is usual"),
        # 300 requests with 100 of 1,000 tokens cached and 12 with 900.
        ("cache-collapse", "cold", "13.08% of the input of cold came from the cache; 90% is usual"),
        (
            "risky-action",
            "wrecking",
            (
                "Risky actions in wrecking: 0 of high and 12 of medium severity, sessions: 1; 0 of medium severity are "
                "usual at this time"
            ),
        ),
        (
            "one-leg",
            "one-legged",
            "Sessions of one-legged that came on one leg only: 6, 100% of a surface's; 0% is usual",
        ),
        (
            "attribute-loss",
            "losing",
            "Attributes that losing lost with a client version: 1, down to 0% of its sessions; 100% before",
        ),
        ("redaction-surge", "leaking", "Redacted secrets in leaking: 25, sessions: 1; 0 are usual at this time"),
        ("meter-disagreement", "apart", "The meters of apart say 12.00 USD, the events 10.00 USD: 16.67% apart"),
        (
            "silence",
            "silent",
            "silent has been silent for 3 hours; in each of the three weeks before at least 6 sessions were active at this time",
        ),
    ],
)
def test_the_summary_has_value_and_baseline(fleet: Fleet, rule: str, workspace: str, summary: str) -> None:
    assert fleet.firing(rule)[workspace].annotations["summary"] == summary


@pytest.mark.parametrize(
    ("rule", "workspace", "from_ms", "to_ms", "rest"),
    [
        # From the minute of its first request to the one after its last.
        ("runaway-session", "runaway", NOON_MS - 12 * 60_000, NOON_MS - 2 * 60_000, "&var-sort=cost"),
        # The hour from 11 to 12.
        ("cost-anomaly", "runaway", NOON_MS - HOUR_MS, NOON_MS, "&var-sort=cost"),
        ("budget", "runaway", NOON_MS - 22 * DAY_MS - 12 * HOUR_MS, NOON_MS, "&var-sort=cost"),
        ("session-price", "dear", NOON_MS - 6 * HOUR_MS, NOON_MS, "&var-sort=cost"),
        ("tool-failures", "failing", NOON_MS - 2 * HOUR_MS, NOON_MS, "&var-sort=failures"),
        (
            "one-leg",
            "one-legged",
            NOON_MS - HOUR_MS // 2 - 6 * HOUR_MS,
            NOON_MS - HOUR_MS // 2,
            "&var-sort=started&var-coverage=native&var-coverage=hook",
        ),
    ],
)
def test_the_link_to_the_sessions_is_absolute(
    fleet: Fleet, rule: str, workspace: str, from_ms: int, to_ms: int, rest: str
) -> None:
    sources = "&var-datasource=argus-clickhouse&var-content=argus-clickhouse"
    where = f"?var-workspace={workspace}&from={from_ms}&to={to_ms}{sources}"
    annotations = fleet.firing(rule)[workspace].annotations
    assert annotations["sessions"] == f"{GRAFANA_URL}d/argus-sessions{where}{rest}"
    panel = next(one.panel for one in RULES if one.name == rule)
    assert annotations["dashboard"] == f"{GRAFANA_URL}d/{panel.dashboard}{where}"


@pytest.mark.parametrize("rule", [rule for rule in FIRES if FIRES[rule]])
def test_a_session_that_set_it_off_lies_in_the_links_window(fleet: Fleet, rule: str) -> None:
    argus = fleet.databases.settings.argus_database
    for workspace, instance in fleet.firing(rule).items():
        asked = parse_qs(urlsplit(instance.annotations["sessions"]).query)
        (counted,) = fleet.databases.store.rows(
            f"SELECT count() AS count FROM {argus}.session_list WHERE '{workspace}' IN ('', workspace) "
            f"AND started_at < fromUnixTimestamp64Milli({asked['to'][0]}) "
            f"AND ended_at >= fromUnixTimestamp64Milli({asked['from'][0]})"
        )
        assert counted["count"] > 0


@pytest.mark.parametrize("rule", [rule for rule in FIRES if FIRES[rule]])
def test_of_what_is_over_no_more_the_links_still_show_its_window(fleet: Fleet, rule: str) -> None:
    """Grafana writes an alert's annotations anew while it recovers and when it resolves."""
    for instance in fleet.instances(rule):
        asked = parse_qs(urlsplit(instance.annotations["sessions"]).query)
        from_ms, to_ms = int(asked["from"][0]), int(asked["to"][0])
        assert NOON_MS - 31 * DAY_MS <= from_ms < to_ms <= NOON_MS + HOUR_MS


def test_links_set_what_the_sessions_dashboard_has(fleet: Fleet) -> None:
    variables = {one["name"]: one for one in dashboards.load("argus-sessions").variables}
    sorts = {option["value"] for option in variables["sort"]["options"]}
    for rule in RULES:
        asked = parse_qs(urlsplit("/" + rule.sessions.replace("&", "?", 1)).query)
        assert {name.removeprefix("var-") for name in asked} <= variables.keys()
        assert set(asked["var-sort"]) <= sorts


@pytest.fixture(scope="module")
def before(fleet: Fleet) -> dict[str, dict[str, Instance]]:
    """Return what fired until everything noticed came again, in another order."""
    fired = {rule: fleet.firing(rule) for rule in FIRES}
    noticed = [one for one in fleet.workspaces if one.name in set().union(*FIRES.values())]
    for workspace in noticed:
        random.Random(1).shuffle(workspace.requests)
    scenarios.load(fleet.databases, noticed)
    return fired


@pytest.mark.parametrize("rule", FIRES)
def test_records_that_come_again_change_nothing(
    fleet: Fleet, before: dict[str, dict[str, Instance]], rule: str
) -> None:
    assert fleet.firing_now(rule) == before[rule]


@pytest.mark.parametrize("mute", [("session-price", "dear", ""), ("", "", "dev1@example.com")])
def test_a_mute_that_fits_leaves_alone(fleet: Fleet, mute: tuple[str, str, str]) -> None:
    fleet.mute(*mute)
    assert "dear" not in fleet.firing_now("session-price")
    fleet.mute(*mute, is_removed=True)
    assert "dear" in fleet.firing_now("session-price")


def test_a_mute_that_does_not_fit_changes_nothing(fleet: Fleet) -> None:
    assert "runaway-batch" not in fleet.firing("session-price")  # its user is muted everywhere
    mutes = [("one-leg", "dear", ""), ("session-price", "costly", ""), ("session-price", "", "dev2@example.com")]
    for mute in mutes:
        fleet.mute(*mute)
    assert set(fleet.firing_now("session-price")) == FIRES["session-price"]
    for mute in mutes:
        fleet.mute(*mute, is_removed=True)


@pytest.mark.parametrize("rule", [rule for rule in FIRES if FIRES[rule] and rule != "session-price"])
def test_every_rule_leaves_a_muted_workspace_alone(fleet: Fleet, rule: str) -> None:
    workspace = max(FIRES[rule])
    fleet.mute(rule, workspace)
    try:
        assert set(fleet.firing_now(rule)) == FIRES[rule] - {workspace}
    finally:
        fleet.mute(rule, workspace, is_removed=True)


def test_a_mute_may_name_what_the_query_can_leave_out(fleet: Fleet) -> None:
    for rule in RULES:
        sql = fleet.rules[rule.name].data[0]["model"]["rawSql"]
        looked_for = {
            "user": "has([lower(user_email)" in sql or ".cost_anomalies(" in sql,
            "workspace": ".mutes AS mutes" in sql or ".cost_anomalies(" in sql,
        }
        assert rule.mutable_by == {part for part, is_there in looked_for.items() if is_there}, rule.name


def test_what_arrives_late_still_fires(fleet: Fleet) -> None:
    """The records of ten minutes ago come now: the evaluation before saw nothing, the next one does."""
    assert "tardy" not in fleet.firing("runaway-session")
    tardy = scenarios.Workspace("tardy")
    tardy.session(-15 * 60, count=20, usd=3, every_s=30)
    scenarios.load(fleet.databases, [tardy])
    assert "tardy" in fleet.firing_now("runaway-session")
    assert "tardy" in fleet.firing_now("session-price")


SEPTEMBER_ENDS = datetime(2026, 9, 30, 12, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def turn(fleet: Fleet) -> Fleet:
    """Return the fleet with a month's turn: of 100 USD a month, 95 are spent on its last day and 95 on the next one's first."""
    spent_at = {
        "morning": (SEPTEMBER_ENDS, OCTOBER + timedelta(hours=5)),
        "midnight": (SEPTEMBER_ENDS, OCTOBER + timedelta(minutes=30)),
        "late-set": (OCTOBER - timedelta(days=5),),
    }
    workspaces = [scenarios.Workspace(name) for name in spent_at]
    for workspace in workspaces:
        for at in spent_at[workspace.name]:
            workspace.session((at - scenarios.NOW).total_seconds(), count=1, usd=95)
    scenarios.load(fleet.databases, workspaces)
    for name in ("morning", "midnight"):
        fleet.budget("workspace", name, 100)
    fleet.budget("workspace", "late-set", 100, OCTOBER - timedelta(hours=30))
    return fleet


def paged(fleet: Fleet, workspace: str, at: datetime) -> bool:
    instances = fleet.rules["budget"].evaluated(fleet.databases.store, at, GRAFANA_URL)
    return any(one.is_over for one in instances if one.labels["workspace"] == workspace)


def test_a_budget_that_broke_last_month_pages_in_the_new_one(turn: Fleet) -> None:
    assert paged(turn, "morning", OCTOBER - timedelta(hours=6))
    assert not paged(turn, "morning", OCTOBER + timedelta(hours=1))
    assert paged(turn, "morning", OCTOBER + timedelta(hours=6))
    assert paged(turn, "morning", OCTOBER + timedelta(hours=25))
    assert not paged(turn, "morning", OCTOBER + timedelta(hours=30))


def test_a_budget_that_breaks_in_the_first_hour_of_a_month_pages_once(turn: Fleet) -> None:
    """Without a gap until that hour, which counts whole, is a day ago: one alert."""
    minutes = [30, 59, 60, 61, 12 * 60, 23 * 60 + 59, 24 * 60, 24 * 60 + 30, 25 * 60]
    fired = [paged(turn, "midnight", OCTOBER + timedelta(minutes=minute)) for minute in minutes]
    assert fired == [minute < 24 * 60 for minute in minutes]


def test_a_budget_that_is_broken_when_it_is_set_pages(turn: Fleet) -> None:
    assert not paged(turn, "late-set", OCTOBER - timedelta(hours=5))
    assert paged(turn, "late-set", OCTOBER - timedelta(hours=29))


def test_a_limit_that_is_passed_pages_while_another_is_kept_again(fleet: Fleet) -> None:
    """
    Of 100 USD: 85 are spent by the evening of the 28th, 84 of them in the last week, so 112 by the end. A day later 92 are
    spent, and 108 by the end: the projection keeps its limit of 110 again, and 90 spent is passed.
    """
    spent = {
        datetime(2026, 9, 1, 12, tzinfo=UTC): 1,
        datetime(2026, 9, 28, 12, tzinfo=UTC): 84,
        datetime(2026, 9, 29, 11, tzinfo=UTC): 7,
    }
    slowing = scenarios.Workspace("slowing")
    for at, usd in spent.items():
        slowing.session((at - scenarios.NOW).total_seconds(), count=1, usd=usd)
    scenarios.load(fleet.databases, [slowing])
    fleet.budget("workspace", "slowing", 100)
    evenings = [SEPTEMBER_ENDS + timedelta(hours=6 - 24 * days) for days in (2, 1, 0)]
    assert [paged(fleet, "slowing", evening) for evening in evenings] == [True, True, False]


# What Grafana asks of the files.


def test_uids_are_short_and_told_apart() -> None:
    uids = [rule.uid for rule in _provisioned()]
    assert len(set(uids)) == len(uids) == len(RULES)
    assert all(re.fullmatch(r"[a-z0-9-]{1,40}", uid) for uid in uids)


def test_only_the_rule_on_the_data_source_alerts_on_errors() -> None:
    assert {rule.uid for rule in _provisioned() if rule.exec_err_state != "KeepLast"} == {"argus-datasource"}
    assert {rule.no_data_state for rule in _provisioned()} == {"OK"}


def test_nothing_that_grafana_expands_from_its_environment() -> None:
    for text in _files():
        assert "${" not in text  # newest versions expand it in annotations
        for group in yaml.safe_load(text)["groups"]:
            assert "$" not in group["name"] + group["folder"]
            for rule in group["rules"]:
                assert "$" not in rule["title"] + "".join(rule["labels"].values())


def test_statements_use_macros_that_alerts_have_and_no_now() -> None:
    for rule in _provisioned():
        for part in rule.data:
            sql = part["model"].get("rawSql", "")
            assert set(re.findall(r"\$__(\w+)", sql)) <= PANEL_MACROS
            assert not re.search(r"\b(now|now64|today|yesterday)\(", sql)


def test_no_policies_that_would_replace_a_users() -> None:
    for text in _files():
        assert yaml.safe_load(text).keys() == {"apiVersion", "groups"}


def test_a_group_is_evaluated_at_a_multiple_of_grafanas_ten_seconds() -> None:
    for text in _files():
        (group,) = yaml.safe_load(text)["groups"]
        assert duration(group["interval"]) % timedelta(seconds=10) == timedelta()
        assert all(duration(rule["for"]) % duration(group["interval"]) == timedelta() for rule in group["rules"])


def test_every_rule_has_its_runbook() -> None:
    runbooks = Path(__file__).parents[2] / "docs" / "runbooks.md"
    headings = set(re.findall(r"^#+ (\S+)$", runbooks.read_text(), re.MULTILINE))
    assert {rule.name for rule in RULES} <= headings
    assert all(rule.annotations["runbook_url"] == f"docs/runbooks.md#{rule.labels['rule']}" for rule in _provisioned())
