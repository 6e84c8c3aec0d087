"""The table of rules: what each looks for, who is woken, where it leads, and what of it can be set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from argus_otel.grafana.alerts.thresholds import Threshold

HOUR_S = 3600
DAY_S = 24 * HOUR_S
WORKSPACE = "{{ $labels.workspace }}"
WORKSPACE_OR_USER: frozenset[Literal["workspace", "user"]] = frozenset({"workspace", "user"})


def usd(figure: str) -> str:
    """Return the template of an amount of money."""
    return f'{{{{ printf "%.2f" $values.{figure}.Value }}}} USD'


def count(figure: str) -> str:
    """Return the template of a whole number."""
    return f'{{{{ printf "%.0f" $values.{figure}.Value }}}}'


def share(figure: str) -> str:
    """Return the template of a share, as a percentage."""
    return f"{{{{ humanizePercentage $values.{figure}.Value }}}}"


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of our dashboards, by its dashboard and title."""

    dashboard: str
    title: str


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One alert rule.

    Its name is the value of the label `rule`, the section of the runbook and of the thresholds file, what a mute names, and,
    with `argus-` before it, Grafana's uid. Its query is the .sql file of that name.

    Attributes:
        window_s: how far back the query looks from the end of its window.
        delay_s: how long before now the window ends, for what must not be judged before late records are in.
        summary: a template of Grafana's; `<name>` is the threshold of that name.
        sessions: further parameters of the link to argus-sessions.
        if_failing: what Grafana does when the query fails; only the rule on the datasource alerts on it.
        mutable_by: what a mute of this rule may name: what its query can leave out.
    """

    name: str
    title: str
    severity: Literal["page", "ticket"]
    panel: Panel
    summary: str
    window_s: int
    delay_s: int = 0
    for_: str = "0s"
    keep_firing_for: str = "0s"
    sessions: str = "&var-sort=cost"
    thresholds: tuple[Threshold, ...] = ()
    if_failing: Literal["KeepLast", "Error"] = "KeepLast"
    mutable_by: frozenset[Literal["workspace", "user"]] = WORKSPACE_OR_USER

    @property
    def uid(self) -> str:
        return f"argus-{self.name}"

    @property
    def figures(self) -> list[str]:
        """The columns of the query that are asked for: what decides, what the links need, what the summary names."""
        if self.if_failing == "Error":
            return ["over"]  # no row of its own to tell of
        named = re.findall(r"\$values\.(\w+)", self.summary)
        return list(dict.fromkeys(["over", "from_ms", "to_ms", *named]))


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, every `interval`."""

    name: str
    interval: str
    rules: tuple[Rule, ...]


RECENT_HOURS = Threshold(
    "recent_hours", 2, "hours", "how many hours up to now are held against the week before", maximum=24
)
SESSIONS_MIN = Threshold("sessions_min", 3, "sessions", "from how many sessions on; fewer are one person's trouble")

PAGES = (
    Rule(
        name="cost-anomaly",
        title="Cost of a workspace is far above its usual",
        severity="page",
        panel=Panel("argus-cost", "Each hour against its baseline"),
        summary=f"{WORKSPACE} spent {usd('cost_usd')} in one hour; {usd('baseline_usd')} is usual at that time",
        window_s=3 * HOUR_S,
        keep_firing_for="15m",
        thresholds=(
            Threshold("ratio_min", 2.0, "times the baseline", "how far above its baseline an anomaly must be"),
            Threshold("excess_usd_min", 0.0, "USD", "how much above its baseline an hour of an anomaly must be"),
        ),
    ),
    Rule(
        name="runaway-session",
        title="A session runs away",
        severity="page",
        panel=Panel("argus-cost", "Costliest sessions"),
        summary=(
            f"Runaway sessions in {WORKSPACE}: {count('over')}, up to {usd('usd_per_minute')} and "
            f"{count('requests_per_minute')} requests a minute for <span_minutes> minutes; the limits are "
            "<usd_per_minute_max> USD and <requests_per_minute_max>"
        ),
        window_s=20 * 60,
        keep_firing_for="10m",
        thresholds=(
            Threshold("span_minutes", 10, "minutes", "for how long the rate is held, on average", maximum=20),
            Threshold("usd_per_minute_max", 5.0, "USD", "what one session may spend a minute"),
            Threshold("requests_per_minute_max", 120.0, "requests", "what one session may ask the API a minute"),
        ),
    ),
    Rule(
        name="budget",
        title="A budget is about to break",
        severity="page",
        panel=Panel("argus-cost", "Budgets"),
        summary=(
            f"Budgets that passed a limit within a day: {count('over')}; of the fullest {share('spent_share')} of "
            f"{usd('month_usd')} is spent, at this pace {share('projected_share')} by the end of the month. Workspace: "
            f"{WORKSPACE}; none for budgets of teams and users"
        ),
        window_s=DAY_S,
        thresholds=(
            Threshold(
                "spent_share_min", 0.9, "share", "what of a budget may be spent without anybody being told", maximum=1
            ),
            Threshold("projected_share_min", 1.1, "share", "what the month may come to at its pace"),
            Threshold("projected_from_share", 0.25, "share", "what must be spent before the pace counts", maximum=1),
        ),
        mutable_by=frozenset({"workspace"}),
    ),
)

TICKETS = (
    Rule(
        name="user-cost-anomaly",
        title="Users spend far above their usual",
        severity="ticket",
        panel=Panel("argus-cost", "Anomalies"),
        summary=(
            f"Users of {WORKSPACE} who spend far above their usual: {count('over')}, up to {usd('cost_usd')} in one "
            f"hour; {usd('baseline_usd')} is usual"
        ),
        window_s=3 * HOUR_S,
        keep_firing_for="1h",
        thresholds=(
            Threshold("ratio_min", 2.0, "times the baseline", "how far above their baseline an anomaly must be"),
            Threshold("excess_usd_min", 0.0, "USD", "how much above their baseline an hour of an anomaly must be"),
        ),
    ),
    Rule(
        name="session-price",
        title="Sessions cost more than one may",
        severity="ticket",
        panel=Panel("argus-cost", "Costliest sessions"),
        summary=f"Sessions of {WORKSPACE} that cost more than <usd_max> USD: {count('over')}, up to {usd('cost_usd')}",
        window_s=2 * HOUR_S,
        keep_firing_for="1h",
        thresholds=(Threshold("usd_max", 50.0, "USD", "what one session may cost"),),
    ),
    Rule(
        name="tool-failures",
        title="Tools fail far more often than usual",
        severity="ticket",
        panel=Panel("argus-tools", "Failed"),
        summary=(
            f"Failing tools in {WORKSPACE}: {count('over')}, up to {share('failure_share')} of the calls, "
            f"{count('failure_count')} failures; {share('baseline_share')} is usual"
        ),
        window_s=7 * DAY_S,
        sessions="&var-sort=failures",
        thresholds=(
            RECENT_HOURS,
            Threshold("share_min", 0.2, "share", "which share of a tool's calls must fail", maximum=1),
            Threshold("ratio_min", 3.0, "times the baseline", "how far above the week before that must be"),
            Threshold("failures_min", 20, "failures", "from how many failures on"),
            SESSIONS_MIN,
        ),
    ),
    Rule(
        name="api-errors",
        title="API requests fail far more often than usual",
        severity="ticket",
        panel=Panel("argus-tools", "API errors"),
        summary=(
            f"{share('error_share')} of the API requests of {WORKSPACE} failed, {count('error_count')} of them; "
            f"{share('baseline_share')} is usual"
        ),
        window_s=7 * DAY_S,
        sessions="&var-sort=started",
        thresholds=(
            RECENT_HOURS,
            Threshold("share_min", 0.05, "share", "which share of the requests must fail", maximum=1),
            Threshold("ratio_min", 3.0, "times the baseline", "how far above the week before that must be"),
            Threshold("errors_min", 20, "errors", "from how many errors on"),
            SESSIONS_MIN,
        ),
    ),
    Rule(
        name="cache-collapse",
        title="The prompt cache is hit far less than usual",
        severity="ticket",
        panel=Panel("argus-overview", "Cache efficiency"),
        summary=f"{share('cache_share')} of the input of {WORKSPACE} came from the cache; {share('baseline_share')} is usual",
        window_s=7 * DAY_S,
        thresholds=(
            RECENT_HOURS,
            Threshold("drop_min", 0.2, "share", "by how much the share of cached input must fall", maximum=1),
            Threshold("baseline_share_min", 0.5, "share", "how high it must have been", maximum=1),
            Threshold("requests_min", 100, "requests", "from how many requests on, now and in the week before"),
            SESSIONS_MIN,
        ),
    ),
    Rule(
        name="risky-action",
        title="Risky actions",
        severity="ticket",
        panel=Panel("argus-governance", "Risky actions by rule"),
        summary=(
            f"Risky actions in {WORKSPACE}: {count('high_count')} of high and {count('medium_count')} of medium severity, "
            f"sessions: {count('session_count')}; {count('baseline_count')} of medium severity are usual at this time"
        ),
        window_s=8 * DAY_S,
        sessions="&var-sort=started",
        keep_firing_for="1h",
        thresholds=(
            Threshold(
                "recent_hours", 2, "hours", "how many hours up to now are held against those of other days", maximum=24
            ),
            Threshold("high_min", 1, "actions", "from how many actions of high severity on"),
            Threshold("medium_min", 10, "actions", "from how many actions of medium severity on"),
            Threshold("ratio_min", 3.0, "times the baseline", "how far above their usual number those must be"),
        ),
    ),
    Rule(
        name="one-leg",
        title="Sessions come on one leg only",
        severity="ticket",
        panel=Panel("argus-governance", "Where the plugin or the telemetry is missing or silent"),
        summary=(
            f"Sessions of {WORKSPACE} that came on one leg only: {count('session_count')}, {share('one_leg_share')} of a "
            f"surface's; {share('baseline_share')} is usual"
        ),
        window_s=7 * DAY_S,
        delay_s=HOUR_S // 2,
        sessions="&var-sort=started&var-coverage=native&var-coverage=hook",
        thresholds=(
            Threshold("recent_hours", 6, "hours", "how many hours are held against the week before", maximum=24),
            Threshold("share_min", 0.5, "share", "which share of a surface's sessions must lack a leg", maximum=1),
            Threshold(
                "baseline_share_max", 0.2, "share", "which share may have lacked one in the week before", maximum=1
            ),
            Threshold("sessions_min", 5, "sessions", "from how many sessions on, now and before"),
        ),
    ),
    Rule(
        name="attribute-loss",
        title="A client version lost attributes",
        severity="ticket",
        panel=Panel("argus-governance", "Attributes lost by client version"),
        summary=(
            f"Attributes that {WORKSPACE} lost with a client version: {count('over')}, down to "
            f"{share('present_share')} of its sessions; {share('baseline_share')} before"
        ),
        window_s=14 * DAY_S,
        delay_s=HOUR_S // 2,
        sessions="&var-sort=started",
        thresholds=(
            Threshold("recent_days", 2, "days", "how many days count as now", maximum=7),
            Threshold(
                "present_share_max", 0.5, "share", "in which share of the sessions an attribute may still be", maximum=1
            ),
            Threshold(
                "baseline_share_min", 0.9, "share", "in which share it must have been, with other versions", maximum=1
            ),
            Threshold("sessions_min", 5, "sessions", "from how many sessions on, of the version and of the others"),
        ),
        mutable_by=frozenset({"workspace"}),
    ),
    Rule(
        name="redaction-surge",
        title="Far more secrets are redacted than usual",
        severity="ticket",
        panel=Panel("argus-governance", "Redactions over time"),
        summary=(
            f"Redacted secrets in {WORKSPACE}: {count('match_count')}, sessions: {count('session_count')}; "
            f"{count('baseline_count')} are usual at this time"
        ),
        window_s=8 * DAY_S,
        sessions="&var-sort=started",
        thresholds=(
            Threshold(
                "recent_hours", 2, "hours", "how many hours up to now are held against those of other days", maximum=24
            ),
            Threshold("matches_min", 20, "matches", "from how many redactions on"),
            Threshold("ratio_min", 5.0, "times the baseline", "how far above the usual number that must be"),
        ),
    ),
    Rule(
        name="meter-disagreement",
        title="The cost meter disagrees with the events",
        severity="ticket",
        panel=Panel("argus-pipeline", "Sessions whose meters differ most"),
        summary=(
            f"The meters of {WORKSPACE} say {usd('metered_usd')}, the events {usd('reported_usd')}: "
            f"{share('difference_share')} apart"
        ),
        window_s=DAY_S,
        delay_s=HOUR_S,
        thresholds=(
            Threshold("difference_share_max", 0.05, "share", "how far apart the two may be", maximum=1),
            Threshold("difference_usd_min", 1.0, "USD", "how far apart they must be for anybody to care"),
        ),
    ),
    Rule(
        name="silence",
        title="A workspace fell silent",
        severity="ticket",
        panel=Panel("argus-governance", "Sessions by leg"),
        summary=(
            f"{WORKSPACE} has been silent for <quiet_hours> hours; in each of the three weeks before at least "
            f"{count('baseline_count')} sessions were active at this time"
        ),
        window_s=22 * DAY_S,
        delay_s=HOUR_S // 4,
        for_="30m",
        sessions="&var-sort=started",
        thresholds=(
            Threshold("quiet_hours", 3, "hours", "for how long nothing came", maximum=24),
            Threshold("sessions_min", 5, "sessions", "how many sessions must have been active then, each week"),
        ),
    ),
)

HEALTH = (
    Rule(
        name="datasource",
        title="Grafana gets no answers from ClickHouse",
        severity="page",
        panel=Panel("argus-pipeline", "Last report"),
        summary="Grafana gets no answers from ClickHouse: the other rules of argus-otel keep their last state and see nothing",
        window_s=HOUR_S,
        for_="5m",
        if_failing="Error",
        mutable_by=frozenset(),
    ),
)

GROUPS = (
    Group("argus-pages", "5m", PAGES),
    Group("argus-tickets", "15m", TICKETS),
    Group("argus-health", "1m", HEALTH),
)
RULES = tuple(rule for group in GROUPS for rule in group.rules)
