"""argus-cost: what it costs, where that goes, what is out of the ordinary; and from there down to the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder import links, look
from builder.layout import dashboard as page
from builder.layout import heading, line
from builder.panels import CHANGED, bar_gauge, stat, table, timeseries
from builder.queries import against_last, any_chosen, chosen, named, within
from builder.queries import table as rows
from builder.spending import SPENT, over_time
from builder.variables import STANDARD

if TYPE_CHECKING:
    from builder import Json

_SESSIONS = f"{chosen('workspace', 'surface', 'team', 'user')} AND {any_chosen('model', 'models')}"
_DURING = "started_at < $__toTime AND ended_at >= $__fromTime"
"""A session that was running at any time of the range: its cost may lie in it, whenever it began."""
_SESSION_RANGE = """
    toString(toUnixTimestamp64Milli(started_at)) AS from_ms,
    toString(toUnixTimestamp64Milli(ended_at) + 1000) AS to_ms"""
_HOUR_RANGE = (
    "toString(toUnixTimestamp(hour) * 1000) AS from_ms, toString((toUnixTimestamp(hour) + 3600) * 1000) AS to_ms"
)
_ANOMALIES = (
    "argus.cost_anomalies(from = toDateTime(intDiv(toUnixTimestamp($__fromTime), 3600) * 3600), to = $__toTime)"
)
_BASELINE = "docs/views.md says how the baseline is found. Of the filters only the workspace narrows it."
_TO_SESSION = links.to_session()


def dashboard() -> Json:
    """Return the dashboard."""
    return page(
        "argus-cost",
        "Argus / Cost",
        """What is spent, by whom and on what, which hours are out of the ordinary, and how the budgets stand. All of it works for
        a login that is granted the number views only. Every bar, point and row leads to the sessions behind it.""",
        STANDARD,
        [
            line(5, _cost(), _anomalous_hours(), _budget_at_risk(), _rebuilds(), _per_commit(), _costliest_session()),
            line(9, _against_baseline(), _anomalies(), widths=(13, 11)),
            line(9, over_time("model", look.matching(look.MODELS)), _budgets(), widths=(13, 11)),
            line(10, _top_sessions()),
            line(8, _reported_and_invoiced(), _invoices(), widths=(13, 11)),
            heading("Where it goes"),
            line(9, *(_share(*each) for each in _SHARES[:4])),
            line(9, *(_share(*each) for each in _SHARES[4:])),
            heading("What it brings, and what is wasted"),
            line(9, _by_team(), _rebuilding_sessions()),
        ],
    )


def _cost() -> Json:
    return stat(
        "Cost",
        """What the API calls of this range reported; a call known from its span alone is estimated at list price. The client's
        figure, not a bill.""",
        against_last("cost", "sum(cost_nanousd) / 1e9", "argus.cost_hourly", where=SPENT),
        look.USD,
        colour=look.COST,
        links=[links.to_sessions()],
        overrides=[CHANGED],
    )


def _anomalous_hours() -> Json:
    return stat(
        "Anomalous hours",
        f"Hours in which a whole workspace spent far more than usual, and those in which a single user did. {_BASELINE}",
        rows(f"""
            SELECT countIf(scope = 'workspace') AS workspaces, countIf(scope = 'user') AS users
            FROM {_ANOMALIES}
            WHERE is_anomaly AND NOT is_muted AND {chosen("workspace")}"""),
        look.COUNT,
        thresholds=look.steps(look.GOOD, (1, look.WARNING)),
        links=[links.to_sessions()],
        overrides=[look.override("workspaces", thresholds=look.steps(look.GOOD, (1, look.BAD)))],
    )


def _budget_at_risk() -> Json:
    return stat(
        "Budget most at risk",
        """The budget that will be exceeded furthest, and what the month that this range ends in comes to, as a share of it. Set
        with `argus-otel budget set`. Of the filters only the workspace narrows it.""",
        rows(f"""
            SELECT name, projected_usd / month_usd AS projected
            FROM argus.budget_status(at = $__toTime)
            WHERE {_BUDGETS_CHOSEN}
            ORDER BY projected DESC, name
            LIMIT 1"""),
        look.SHARE,
        thresholds=_BUDGET_STEPS,
        links=[links.to_sessions()],
        no_value="no budget set",
        decimals=0,
        of_row=True,
        is_named=True,
    )


_REBUILD = """A rebuild is a request that wrote to the cache and read nothing from it, though the same agent had asked the same
    model before in the session: its cache had expired, or its prefix had changed. All that such requests cost counts."""


def _rebuilds() -> Json:
    return stat(
        "Cache rebuilds",
        f"What requests cost that built their cache anew. {_REBUILD}",
        rows(f"""
            SELECT rebuilt.cost AS cost, cost / nullIf(everything.cost, 0) AS "of all"
            FROM
            (
                SELECT sum(cost_nanousd) / 1e9 AS cost FROM argus.rebuilds_hourly WHERE {within("hour")} AND {SPENT}
            ) AS rebuilt
            CROSS JOIN
            (
                SELECT sum(cost_nanousd) / 1e9 AS cost FROM argus.cost_hourly WHERE {within("hour")} AND {SPENT}
            ) AS everything"""),
        look.USD,
        colour=look.WARNING,
        links=[links.to_sessions()],
        overrides=[look.override("of all", unit=look.SHARE, color=look.fixed(look.NEUTRAL))],
    )


def _per_commit() -> Json:
    per_commit = "sumIf(cost_nanousd, commit_count IS NOT NULL) / 1e9 / nullIf(sum(commit_count), 0)"
    return stat(
        "USD per commit",
        """What the sessions cost that began in this range and send meters, over the commits made in them. A surface that sends
        none, as Cowork, is on neither side.""",
        against_last('"per commit"', per_commit, "argus.session_list", time="started_at", where=_SESSIONS),
        look.USD,
        links=[links.to_sessions()],
        overrides=[CHANGED],
        no_value="no commit sent",
    )


def _costliest_session() -> Json:
    return stat(
        "Costliest session",
        "The whole cost of the costliest session that ran in this range. A click opens it, at its costliest turns.",
        rows(f"""
            SELECT cost_usd AS cost, workspace, session_id, {_SESSION_RANGE.strip()}
            FROM argus.session_list
            WHERE {_DURING} AND {_SESSIONS}
            ORDER BY cost_nanousd DESC, session_id
            LIMIT 1"""),
        look.USD,
        colour=look.COST,
        links=[_TO_SESSION],
        of_row=True,
    )


def _against_baseline() -> Json:
    panel = timeseries(
        "Each hour against its baseline",
        f"What the chosen workspaces spent in each hour, and what such an hour costs as a rule. A dot is an anomaly. {_BASELINE}",
        [
            rows(f"""
                SELECT hour + toIntervalMinute(30) AS time, sum(cost_nanousd) / 1e9 AS cost
                FROM argus.cost_hourly
                WHERE {within("hour")} AND {chosen("workspace")}
                GROUP BY hour
                ORDER BY hour"""),
            rows(
                f"""
                SELECT
                    hour + toIntervalMinute(30) AS time,
                    sum(baseline_nanousd) / 1e9 AS baseline,
                    if(max(is_anomaly), sum(cost_nanousd) / 1e9, NULL) AS anomaly
                FROM {_ANOMALIES}
                WHERE scope = 'workspace' AND {chosen("workspace")}
                GROUP BY hour
                ORDER BY hour""",
                ref="B",
            ),
        ],
        look.USD,
        style="bars",
        links=[links.to_sessions("Sessions of this hour, costliest first", when=links.POINT)],
        overrides=[
            look.override("cost", color=look.fixed(look.COST)),
            look.override(
                "baseline",
                color=look.fixed(look.WARNING),
                custom__drawStyle="line",
                custom__fillOpacity=0,
                custom__lineWidth=2,
            ),
            look.override(
                "anomaly",
                color=look.fixed(look.BAD),
                custom__drawStyle="points",
                custom__showPoints="always",
                custom__pointSize=10,
            ),
        ],
    )
    return panel | {"maxDataPoints": 2000}  # an hour is a point, for a link to open just that hour


def _anomalies() -> Json:
    return table(
        "Anomalies",
        f"""Hours out of the ordinary, latest first: what was spent, what such an hour costs as a rule, and the ratio of the two.
        Who is muted raises no alert. {_BASELINE}""",
        rows(f"""
            SELECT
                hour, if(is_muted, 'muted', severity) AS kind, workspace, user_label AS user,
                cost_usd AS cost, baseline_usd AS baseline, ratio, {_HOUR_RANGE}
            FROM {_ANOMALIES}
            WHERE is_anomaly AND {chosen("workspace")}
            ORDER BY hour DESC, cost DESC, workspace, user
            LIMIT 200"""),
        [
            look.column("hour", look.TIME, width=160, links=[_SESSIONS_OF_ROW]),
            look.column("kind", colours=look.SEVERITIES, width=70),
            look.column("workspace", width=100),
            look.column("user", links=[_SESSIONS_OF_ROW], no_value="(all)"),
            look.column("cost", look.USD, width=90),
            look.column("baseline", look.USD, width=90),
            look.column("ratio", look.TIMES, width=80),
        ],
        no_value="",
    )


_SESSIONS_OF_ROW = links.to_sessions(
    "Sessions of this hour, costliest first", when=links.ROW, workspace="workspace", user="user"
)
_BUDGETS_CHOSEN = f"(workspace = '' OR {chosen('workspace')})"


def _budgets() -> Json:
    return table(
        "Budgets",
        """What is spent of each budget in the month that this range ends in (UTC), and what the month comes to at its pace. Set
        with `argus-otel budget set`. Of the filters only the workspace narrows it.""",
        rows(f"""
            SELECT
                scope, name, spent_share AS used, spent_usd AS spent, month_usd AS budget, projected_usd AS projected,
                projected_usd / month_usd AS "projected share",
                workspace, if(scope = 'team', name, '') AS team, if(scope = 'user', name, '') AS user,
                toString(toUnixTimestamp(toStartOfMonth($__toTime, 'UTC')) * 1000) AS from_ms,
                toString(toUnixTimestamp($__toTime) * 1000) AS to_ms
            FROM argus.budget_status(at = $__toTime)
            WHERE {_BUDGETS_CHOSEN}
            ORDER BY used DESC, scope, name"""),
        [
            look.column("scope", width=90),
            look.column("name", links=[_SESSIONS_OF_BUDGET]),
            look.column("used", look.SHARE, gauge=True),
            look.column("spent", look.USD, width=90),
            look.column("budget", look.USD, width=90),
            look.column("projected", look.USD, width=90),
            look.column("projected share", look.SHARE, width=110, thresholds=_BUDGET_STEPS),
        ],
        hide=("workspace", "team", "user"),
    )


_SESSIONS_OF_BUDGET = links.to_sessions(
    "Sessions of this month, costliest first", when=links.ROW, workspace="workspace", team="team", user="user"
)
_BUDGET_STEPS = look.steps(look.GOOD, (0.9, look.WARNING), (1, look.BAD))


_DAY_AROUND = "time=${__value.time}&time.window=86400000"
"""Of a bar that stands at noon, however wide Grafana's interval is."""
_INVOICED = "argus.reported_vs_invoiced(from = $__fromTime, to = $__toTime)"
_INVOICES_CHOSEN = f"(workspace = '' OR {chosen('workspace')})"
_OF_BILLS = """Imported with `argus-otel invoice import`. A bill of all workspaces is compared with all of them, whatever is
    chosen; docs/cost.md says what the clients do not report."""


def _reported_and_invoiced() -> Json:
    return timeseries(
        "Reported / invoiced by day",
        f"""What the clients reported and what was billed on each day (UTC) that a bill has. {_OF_BILLS}""",
        rows(f"""
            SELECT
                toDateTime(period_begin, 'UTC') + toIntervalHour(12) AS time,
                sum(reported_usd) AS reported,
                sum(invoiced_usd) AS invoiced
            FROM {_INVOICED}
            WHERE period_end = period_begin + 1 AND {_INVOICES_CHOSEN}
            GROUP BY period_begin
            ORDER BY time"""),
        look.USD,
        style="bars",
        links=[links.to_sessions("Sessions of this day, costliest first", when=_DAY_AROUND)],
        overrides=[
            look.override("reported", color=look.fixed(look.COST)),
            look.override(
                "invoiced",  # points, for bars would hide those of what was reported; a line of one day would be none
                color=look.fixed(look.WARNING),
                custom__drawStyle="points",
                custom__showPoints="always",
                custom__pointSize=10,
            ),
        ],
        no_value="no bill imported",
        interval="1d",
    )


def _invoices() -> Json:
    return table(
        "Reported / invoiced",
        f"""By bill: what was billed in the days of it that this range has a part in, what the clients reported in the same days,
        and that as a share of the bill. {_OF_BILLS}""",
        rows(f"""
            SELECT
                name AS bill, workspace, min(period_begin) AS begin, max(period_end) - 1 AS last,
                sum(reported_usd) AS reported, sum(invoiced_usd) AS invoiced, reported / nullIf(invoiced, 0) AS share,
                toString(toUnixTimestamp(toDateTime(begin, 'UTC')) * 1000) AS from_ms,
                toString(toUnixTimestamp(toDateTime(max(period_end), 'UTC')) * 1000) AS to_ms
            FROM {_INVOICED}
            WHERE {_INVOICES_CHOSEN}
            GROUP BY name, workspace, if(period_end > period_begin + 1, period_begin, toDate(0))
            ORDER BY bill, workspace, begin"""),
        [
            look.column("bill", links=[_SESSIONS_OF_BILL]),
            look.column("workspace", width=100, no_value="(all)"),
            look.column("begin", width=100),
            look.column("last", width=100),
            look.column("reported", look.USD, width=90),
            look.column("invoiced", look.USD, width=90),
            look.column("share", look.SHARE, name="reported share", width=110, thresholds=_COVERED_STEPS),
        ],
    )


_SESSIONS_OF_BILL = links.to_sessions("Sessions of these days, costliest first", when=links.ROW, workspace="workspace")
_COVERED_STEPS = look.steps(look.WARNING, (0.9, look.GOOD), (1.1, look.WARNING))


def _top_sessions() -> Json:
    return table(
        "Costliest sessions",
        "Sessions that ran in this range, with their whole cost. A click on a row opens the session, at its costliest turns.",
        rows(f"""
            SELECT
                started_at AS started, user_label AS user, team, repository, surface, outcome, cost_usd AS cost,
                input_tokens + output_tokens + cache_read_tokens + cache_creation_tokens AS tokens,
                turn_count AS turns, tool_call_count AS tools, tool_failure_count AS failures, duration_s AS duration,
                session_id, workspace, {_SESSION_RANGE.strip()}
            FROM argus.session_list
            WHERE {_DURING} AND {_SESSIONS}
            ORDER BY cost_nanousd DESC, session_id
            LIMIT 25"""),
        [
            look.column("started", look.TIME, width=160),
            look.column("user"),
            look.column("surface", colours=look.SURFACES, width=100),
            look.column("outcome", colours=look.OUTCOMES, width=90),
            look.column("cost", look.USD, gauge=True, width=180),
            look.column("duration", look.SECONDS, width=90),
            look.column("session_id", name="session"),
        ],
        links=[_TO_SESSION],
        hide=("workspace",),
    )


_SHARES = (
    ("By team", "team", "", "Teams come from `argus-otel people import`, else from the resource attribute `team`."),
    (
        "By user",
        "user_label",
        "user",
        "The name that was imported, else the e-mail address, else the id that the client sends.",
    ),
    ("By repository", "repository", "repository", "From the resource attribute `repository`."),
    ("By model", "model", "", "The model that answered."),
    ("By skill", "skill", "used", "The skill that was active in the request; what ran outside of any is not shown."),
    (
        "By MCP server",
        "mcp_server",
        "used",
        """The MCP server that the request worked with; requests without one are not shown. `custom` is every server whose
        name the client did not send.""",
    ),
    ("By subagent", "agent_type", "agent_type", "The kind of subagent that asked; the main agent is not shown."),
    (
        "By query source",
        "query_source",
        "query_source",
        "What made the request: the main thread, a subagent, an auxiliary task.",
    ),
)
_WITHOUT_NONE = ("skill", "mcp_server", "agent_type")


def _share(title: str, column: str, variable: str, description: str) -> Json:
    only_named = f" AND {column} != ''" if column in _WITHOUT_NONE else ""
    return bar_gauge(
        title,
        f"USD of this range, the 15 largest. {description}",
        rows(f"""
            SELECT {named(column)} AS name, sum(cost_nanousd) / 1e9 AS cost
            FROM argus.cost_hourly
            WHERE {within("hour")} AND {SPENT}{only_named}
            GROUP BY name
            HAVING cost > 0
            ORDER BY cost DESC, name
            LIMIT 15"""),
        look.USD,
        colour=look.COST,
        links=[links.to_sessions(**{variable or column: "name"})],
    )


def _by_team() -> Json:
    return table(
        "What a commit costs, by team",
        """What the sessions cost that began in this range and send meters, over what came of them. A surface that sends none, as
        Cowork, is on neither side.""",
        rows(f"""
            SELECT
                {named("team")} AS team,
                sum(cost_nanousd) / 1e9 AS cost,
                sum(commit_count) AS commits,
                sum(pull_request_count) AS "pull requests",
                cost / nullIf(commits, 0) AS "per commit",
                cost / nullIf("pull requests", 0) AS "per pull request",
                cost / nullIf(sum(lines_added) + sum(lines_removed), 0) * 100 AS "per 100 lines"
            FROM argus.session_list
            WHERE {within("started_at")} AND {_SESSIONS} AND commit_count IS NOT NULL
            GROUP BY team
            ORDER BY cost DESC, team"""),
        [
            look.column("team", links=[links.to_sessions(team="team")]),
            look.column("cost", look.USD),
            *(
                look.column(name, look.USD, no_value="-")
                for name in ("per commit", "per pull request", "per 100 lines")
            ),
        ],
    )


def _rebuilding_sessions() -> Json:
    return table(
        "Sessions that rebuilt their cache most",
        f"What their rebuilds in this range cost. {_REBUILD}",
        rows(f"""
            SELECT user, rebuilds, cost, "tokens written", session_id, workspace, {_SESSION_RANGE.strip()}
            FROM
            (
                SELECT
                    workspace, session_id, any(user_label) AS user, sum(rebuild_count) AS rebuilds,
                    sum(cost_nanousd) / 1e9 AS cost, sum(cache_creation_tokens) AS "tokens written"
                FROM argus.rebuilds_hourly
                WHERE {within("hour")} AND {SPENT}
                GROUP BY workspace, session_id
                ORDER BY cost DESC, session_id
                LIMIT 25
            ) AS rebuilding
            INNER JOIN
            (
                SELECT workspace, session_id, started_at, ended_at FROM argus.session_list WHERE {_DURING}
            ) AS sessions USING (workspace, session_id)
            ORDER BY cost DESC, session_id"""),
        [look.column("user"), look.column("cost", look.USD, gauge=True), look.column("session_id", name="session")],
        links=[_TO_SESSION],
        hide=("workspace",),
        no_value="",
    )
