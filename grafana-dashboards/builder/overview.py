"""argus-overview: is it used, what does it cost, what comes of it; and how that changed against the period before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder import links, look
from builder.layout import dashboard as page
from builder.layout import heading, line
from builder.panels import CHANGED, stat, table, timeseries
from builder.queries import BUCKET, against_last, any_chosen, chosen, named, series, within, within_both
from builder.queries import table as rows
from builder.spending import SPENT, over_time
from builder.variables import STANDARD

if TYPE_CHECKING:
    from builder import Json

_NOT_SENT = "not sent"
_WHO = chosen("workspace", "surface", "team", "user")
_SESSIONS = f"{_WHO} AND {any_chosen('model', 'models')}"
_INPUT = "sum(input_tokens) + sum(cache_read_tokens) + sum(cache_creation_tokens)"
_CACHED = f"sum(cache_read_tokens) / nullIf({_INPUT}, 0)"
_METERED = (
    "Sessions that began in this range and send meters count; a surface that sends none, as Cowork, says nothing of it."
)
_CACHE_STEPS = look.steps(look.WARNING, (0.5, look.NEUTRAL), (0.8, look.GOOD))


def dashboard() -> Json:
    """Return the dashboard."""
    return page(
        "argus-overview",
        "Argus / Overview",
        """Use, cost and results of Claude Code, the Agent SDK and Cowork. All of it works for a login that is granted the number
        views only. A figure's second line is its change against the window of the same length just before.""",
        STANDARD,
        [
            line(5, _cost(), _run_rate(), _sessions(), _active_users(), _tokens(), _cache_efficiency()),
            line(4, _lines(), _commits(), _pull_requests(), _active_time()),
            line(9, over_time("surface", look.named(look.SURFACES)), _cumulated(), widths=(14, 10)),
            line(8, _users_over_time(), _outcomes_over_time()),
            line(8, _tokens_over_time(), _cache_over_time()),
            heading("Who, and with what"),
            line(5, _by_surface()),
            line(8, _by_team()),
            line(7, _by_version()),
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


def _run_rate() -> Json:
    pace = "sum(cost_nanousd) / 1e9 / ($__toTime - $__fromTime) * 86400 * 30"
    return stat(
        "Run-rate",
        "What 30 days cost at this range's pace: its cost over its length. If it begins before the first session it flatters.",
        against_last('"per 30 days"', pace, "argus.cost_hourly", where=SPENT),
        look.USD,
        colour=look.COST,
        links=[links.to_sessions()],
        overrides=[CHANGED],
    )


def _sessions() -> Json:
    return stat(
        "Sessions",
        "Sessions that began in this range.",
        against_last("sessions", "count()", "argus.session_list", time="started_at", where=_SESSIONS),
        look.COUNT,
        colour=look.SESSIONS,
        links=[links.to_sessions("Sessions, latest first", sort="started")],
        overrides=[CHANGED],
    )


def _active_users() -> Json:
    return stat(
        "Active users",
        """People with a session on the last day of this range, in its last 7 days and in its last 30 days (UTC), however short
        the range. Who sends no identity is not counted. The model chosen does not narrow it.""",
        rows(f"""
            SELECT
                uniqExactIf(user_label, day = toDate($__toTime, 'UTC')) AS "per day",
                uniqExactIf(user_label, day > toDate($__toTime, 'UTC') - 7) AS "per week",
                uniqExact(user_label) AS "per month"
            FROM argus.daily_users
            WHERE day > toDate($__toTime, 'UTC') - 30 AND day <= toDate($__toTime, 'UTC') AND user_label != '' AND {_WHO}"""),
        look.COUNT,
        colour=look.USERS,
        links=[links.to_sessions("Sessions, latest first", sort="started")],
    )


def _tokens() -> Json:
    return stat(
        "Tokens",
        "Fresh input, cache reads, cache writes and output together.",
        against_last("tokens", f"{_INPUT} + sum(output_tokens)", "argus.cost_hourly", where=SPENT),
        look.COUNT,
        links=[links.to_sessions("Sessions, most tokens first", sort="tokens")],
        overrides=[CHANGED],
    )


def _cache_efficiency() -> Json:
    return stat(
        "Cache efficiency",
        "Of all input tokens the share that was read from the cache. Reading costs a tenth of fresh input: a fall is paid for.",
        against_last("cached", _CACHED, "argus.cost_hourly", where=SPENT),
        look.SHARE,
        thresholds=_CACHE_STEPS,
        links=[links.to_dashboard("Cost of cache rebuilds", "argus-cost")],
        overrides=[CHANGED],
    )


def _metered(title: str, description: str, name: str, figure: str, unit: str = look.COUNT) -> Json:
    return stat(
        title,
        f"{description} {_METERED}",
        against_last(name, figure, "argus.session_list", time="started_at", where=_SESSIONS),
        unit,
        mappings=[look.NOT_SENT],
        no_value=_NOT_SENT,
        links=[links.to_sessions("Sessions, latest first", sort="started")],
        overrides=[CHANGED],
    )


def _lines() -> Json:
    return _metered(
        "Lines", "Lines of code added and removed by edits.", "changed", "sum(lines_added) + sum(lines_removed)"
    )


def _commits() -> Json:
    return _metered("Commits", "Git commits made in sessions.", "commits", "sum(commit_count)")


def _pull_requests() -> Json:
    return _metered("Pull requests", "Pull requests opened in sessions.", "opened", "sum(pull_request_count)")


def _active_time() -> Json:
    return _metered(
        "Active time",
        "Time that people and the model were at work, idle time left out.",
        "active",
        "sum(active_time_s)",
        look.SECONDS,
    )


def _cumulated() -> Json:
    return timeseries(
        "This period against the last",
        "Cost added up since the range began, beside the window of the same length just before it, laid over it.",
        rows(f"""
            SELECT
                time,
                sum(spent_now) OVER (ORDER BY time) AS "this period",
                sum(spent_before) OVER (ORDER BY time) AS "last period"
            FROM
            (
                SELECT
                    $__timeInterval(if(is_now, hour, hour + ($__toTime - $__fromTime))) AS time,
                    sumIf(cost_nanousd, is_now) / 1e9 AS spent_now,
                    sumIf(cost_nanousd, NOT is_now) / 1e9 AS spent_before
                FROM
                (
                    SELECT hour, cost_nanousd, hour >= toStartOfHour($__fromTime, 'UTC') AS is_now
                    FROM argus.cost_hourly
                    WHERE {within_both("hour")} AND {SPENT}
                )
                GROUP BY time
            )
            ORDER BY time"""),
        look.USD,
        links=[links.to_sessions(when=links.RANGE)],
        overrides=look.named({"this period": look.COST, "last period": look.QUIET}),
    )


def _users_over_time() -> Json:
    return timeseries(
        "Active users",
        """People with a session on each day, in the 7 days and in the 30 days that end with it (UTC). Who sends no identity is
        not counted. The model chosen does not narrow it.""",
        rows(f"""
            SELECT
                toDateTime(active_day + age, 'UTC') AS time,
                uniqExactIf(user_label, age = 0) AS "per day",
                uniqExactIf(user_label, age < 7) AS "per week",
                uniqExact(user_label) AS "per month"
            FROM
            (
                SELECT DISTINCT day AS active_day, user_label
                FROM argus.daily_users
                WHERE day > toDate($__fromTime, 'UTC') - 30 AND day <= toDate($__toTime, 'UTC') AND user_label != '' AND {_WHO}
            )
            ARRAY JOIN range(30) AS age
            WHERE time >= toDate($__fromTime, 'UTC') AND time < $__toTime
            GROUP BY time
            ORDER BY time"""),
        look.COUNT,
        interval="1d",
        links=[links.to_sessions("Sessions, latest first", sort="started")],
        overrides=look.named({"per day": look.USERS, "per week": look.COST, "per month": look.QUIET}),
    )


def _outcomes_over_time() -> Json:
    return timeseries(
        "Sessions by outcome",
        "Sessions by the time they began. The rule of each outcome is in docs/views.md.",
        series(f"""
            SELECT $__timeInterval(started_at) + toIntervalSecond(intDiv($__interval_s, 2)) AS time, outcome, count() AS sessions
            FROM argus.session_list
            WHERE {within("started_at")} AND {_SESSIONS}
            GROUP BY time, outcome
            ORDER BY time, outcome"""),
        look.COUNT,
        label="outcome",
        style="bars",
        stacked=True,
        interval="6h",
        links=[links.to_sessions(when=links.POINT, outcome="${__field.labels.outcome:percentencode}")],
        overrides=look.named(look.OUTCOMES),
    )


def _tokens_over_time() -> Json:
    return timeseries(
        "Tokens by kind",
        "Tokens per bucket. Input is what neither came from the cache nor was written to it.",
        rows(f"""
            SELECT
                {BUCKET} AS time,
                sum(input_tokens) AS input,
                sum(output_tokens) AS output,
                sum(cache_read_tokens) AS "cache read",
                sum(cache_creation_tokens) AS "cache creation"
            FROM argus.cost_hourly
            WHERE {within("hour")} AND {SPENT}
            GROUP BY time
            ORDER BY time"""),
        look.COUNT,
        style="bars",
        stacked=True,
        links=[links.to_sessions("Sessions, most tokens first", when=links.POINT, sort="tokens")],
        overrides=look.named(look.TOKENS),
    )


def _cache_over_time() -> Json:
    return timeseries(
        "Cache efficiency",
        "Of all input tokens the share that was read from the cache.",
        series(f"""
            SELECT {BUCKET} AS time, {_CACHED} AS cached
            FROM argus.cost_hourly
            WHERE {within("hour")} AND {SPENT}
            GROUP BY time
            ORDER BY time"""),
        look.SHARE,
        colour=look.GOOD,
        links=[links.to_sessions(when=links.POINT)],
    )


_SUMS = """
    count() AS sessions,
    uniqExactIf(user_label, user_label != '') AS users,
    sum(cost_nanousd) / 1e9 AS cost,
    cost / sessions AS "cost per session",
    sum(input_tokens) + sum(output_tokens) + sum(cache_read_tokens) + sum(cache_creation_tokens) AS tokens,
    sum(tool_failure_count) / nullIf(sum(tool_call_count), 0) AS "tool failures","""
_METERED_SUMS = """
    sum(lines_added) AS added,
    sum(lines_removed) AS removed,
    sum(commit_count) AS commits,
    sum(pull_request_count) AS "pull requests",
    sum(active_time_s) AS "active time\""""
_COLUMNS = (
    look.column("cost", look.USD),
    look.column("cost per session", look.USD),
    look.column("tool failures", look.SHARE),
)
_METERED_COLUMNS = (
    *(look.column(name, look.COUNT, not_sent=True) for name in ("added", "removed", "commits", "pull requests")),
    look.column("active time", look.SECONDS, not_sent=True),
)


def _by_surface() -> Json:
    return table(
        "By surface",
        "Sessions that began in this range. What a surface never sends is said, and is not 0.",
        _sessions_by("surface", _SUMS + _METERED_SUMS),
        [
            look.column("surface", colours=look.SURFACES, links=[links.to_sessions(surface="surface")]),
            *_COLUMNS,
            *_METERED_COLUMNS,
        ],
    )


def _by_team() -> Json:
    return table(
        "By team",
        "Sessions that began in this range. Teams come from `argus-otel people import`, else from the resource attribute `team`.",
        _sessions_by("team", _SUMS + _METERED_SUMS),
        [
            look.column("team", links=[links.to_sessions(team="team")]),
            *_COLUMNS,
            *_METERED_COLUMNS,
        ],
    )


def _by_version() -> Json:
    return table(
        "By client version",
        "Sessions that began in this range, newest version first; a version's first session tells when it arrived.",
        rows(f"""
            SELECT client_version AS version, surface, min(started_at) AS "first seen", {_SUMS.strip().rstrip(",")}
            FROM argus.session_list
            WHERE {within("started_at")} AND {_SESSIONS}
            GROUP BY version, surface
            ORDER BY "first seen" DESC, version, surface"""),
        [
            look.column("version", links=[links.to_sessions(client_version="version", surface="surface")]),
            look.column("surface", colours=look.SURFACES),
            look.column("first seen", look.TIME),
            *_COLUMNS,
        ],
    )


def _sessions_by(column: str, sums: str) -> Json:
    return rows(f"""
        SELECT {named(column)} AS {column}, {sums.strip()}
        FROM argus.session_list
        WHERE {within("started_at")} AND {_SESSIONS}
        GROUP BY {column}
        ORDER BY cost DESC, {column}
        LIMIT 100""")
