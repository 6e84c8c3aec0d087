"""argus-versions: which skill, plugin and CLAUDE.md ran in which version, and whether sessions got better or worse with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder import links, look, variables
from builder.layout import dashboard as page
from builder.layout import line
from builder.panels import stat, table, timeseries
from builder.queries import NUMBERS, chosen, series, within
from builder.queries import table as rows

if TYPE_CHECKING:
    from builder import Json

_WHO = chosen("workspace", "surface", "team", "user")
_CHOSEN = f"{within('started_at')} AND {_WHO} AND {chosen(thing='thing', name='name')}"
_FILTERS = ("workspace", "surface", "team", "user")
_PLACE = """multiIf(
    startsWith(name, '~/') OR (thing, name) = ('settings', 'user'), user_label,
    thing IN ('claude_md', 'settings'), repository,
    '')"""
"""Whose it is: a project's CLAUDE.md is another file in another repository, a user's own with another user."""
_HASH_LENGTH = 12
_FIGURES = """
    count() AS sessions,
    quantileExact(0.5)(cost_nanousd) / 1e9 AS per_session,
    nullIf(sum(skill_cost_nanousd), 0) / 1e9 / countIf(is_used) AS per_use,
    sum(tool_failure_count) / nullIf(sum(tool_call_count), 0) AS failures,
    avg(turn_count) AS turns,
    countIf(outcome IN ('failed', 'struggling', 'rejected')) / sessions AS bad"""
_MEANING = """Per session: what a session with it cost, the median. Per use: what the requests cost in which the skill was active,
    over the sessions that used it; none where the telemetry names no skills (OTEL_LOG_TOOL_DETAILS). Failures: failed tool calls
    of all. Went badly: sessions that failed, struggled or were rejected, see docs/views.md."""
_RANGE_MS = """
    toString(toUnixTimestamp64Milli({since})) AS from_ms, toString(toUnixTimestamp64Milli({until}) + 1) AS to_ms"""


def dashboard() -> Json:
    """Return the dashboard."""
    return page(
        "argus-versions",
        "Argus / Versions",
        """What shaped a session's behaviour, by name and hash: skills, plugins, CLAUDE.md, settings. The capture plugin tells it:
        a session without has none. All of it works for a login that is granted the number views only.""",
        [
            *variables.SOURCES,
            variables.WORKSPACE,
            variables.SURFACE,
            variables.TEAM,
            variables.USER,
            variables.query("thing", "Thing", _values("thing"), "skill, plugin, claude_md, settings, …"),
            variables.query("name", "Name", _values("name"), "Of the skill, the plugin, the file."),
        ],
        [
            line(4, _changed(), _in_use(), _known()),
            line(9, _before_and_after()),
            line(9, _cost_over_time(), _failures_over_time()),
            line(11, _all()),
        ],
        annotations=[_changes()],
    )


def _values(column: str) -> str:
    return f"SELECT DISTINCT {column} FROM argus.versions WHERE {within('started_at')} ORDER BY 1"


def _changed() -> Json:
    return stat(
        "Changed in this range",
        "Skills, plugins and files that ran in more than one version; each is compared below.",
        rows(f"""
            SELECT countIf(hashes > 1) AS changed
            FROM
            (
                SELECT uniqExact(hash) AS hashes
                FROM argus.versions
                WHERE {_CHOSEN}
                GROUP BY workspace, thing, name, {_PLACE}
            )"""),
        look.COUNT,
        links=[links.to_sessions("Sessions, latest first", sort="started", kept=_FILTERS)],
    )


def _in_use() -> Json:
    return stat(
        "Skills used",
        "Skills that sessions used, of all that were in reach of a session.",
        rows(f"""
            SELECT uniqExactIf(name, is_used) AS used, uniqExact(name) AS "in reach"
            FROM argus.versions
            WHERE {_CHOSEN} AND thing = 'skill'"""),
        look.COUNT,
        links=[links.to_dashboard("Skills", "argus-tools")],
    )


def _known() -> Json:
    return stat(
        "Sessions with known versions",
        "The share of all sessions of this range that told their versions: it takes the capture plugin.",
        rows(f"""
            SELECT countIf(notEmpty(versions)) / count() AS known
            FROM argus.session_list
            WHERE {within("started_at")} AND {_WHO}"""),
        look.SHARE,
        thresholds=look.steps(look.WARNING, (0.5, look.NEUTRAL), (0.9, look.GOOD)),
        links=[
            links.to_dashboard("Where the plugin is missing", "argus-governance"),
            links.to_sessions("Sessions, latest first", sort="started", kept=_FILTERS),
        ],
    )


def _before_and_after() -> Json:
    return table(
        "Before and after",
        f"""Each thing that changed: its latest version against the one before it. {_MEANING} A change next to others, or seen in
        few sessions, proves nothing.""",
        rows(f"""
            SELECT
                anyIf(since, nth = 1) AS changed, thing, name, place AS "where",
                {_pair("substring(hash, 1, 8)")} AS versions,
                {_pair("toString(sessions)")} AS sessions,
                anyIf(per_session, nth = 1) / nullIf(anyIf(per_session, nth = 2), 0) - 1 AS "cost change",
                {_pair("concat('$', toString(round(per_session, 2)))")} AS "per session",
                {_pair("concat('$', toString(round(per_use, 2)))")} AS "per use",
                {_pair("concat(toString(round(failures * 100, 1)), ' %')")} AS failures,
                {_pair("toString(round(turns, 1))")} AS turns,
                {_pair("concat(toString(round(bad * 100, 1)), ' %')")} AS "went badly",
                anyIf(hash, nth = 1) AS version, workspace,
                {_RANGE_MS.format(since="changed", until="anyIf(until, nth = 1)").strip()}
            FROM
            (
                SELECT
                    workspace, thing, name, {_PLACE} AS place, hash, min(started_at) AS since, max(started_at) AS until,
                    {_FIGURES.strip()},
                    row_number() OVER (PARTITION BY workspace, thing, name, place ORDER BY since DESC, hash) AS nth
                FROM argus.versions
                WHERE {_CHOSEN}
                GROUP BY workspace, thing, name, place, hash
            ) AS latest
            WHERE nth <= 2
            GROUP BY workspace, thing, name, place
            HAVING count() = 2
            ORDER BY changed DESC, workspace, thing, name, place
            LIMIT 100"""),
        [
            look.column("changed", look.TIME, width=160),
            look.column("thing", width=90),
            look.column("name", links=[_OF_VERSION]),
            look.column("versions", width=180, links=[_OF_VERSION]),
            look.column("sessions", width=100),
            look.column("cost change", look.SHARE, width=100, thresholds=_WORSE),
        ],
        hide=("version", "workspace"),
    )


def _pair(text: str) -> str:
    """Return the SQL of a figure, as text, of the version before and of the latest one: `$0.27 → $0.31`."""
    before, after = (f"ifNull(anyIf({text}, nth = {nth}), '-')" for nth in (2, 1))
    return f"concat({before}, ' → ', {after})"


_WORSE = look.steps(look.GOOD, (0, look.NEUTRAL), (0.25, look.WARNING), (1, look.BAD))
_OF_VERSION = links.to_sessions(
    "Sessions with this version, costliest first",
    when=links.ROW,
    kept=_FILTERS,
    workspace="workspace",
    version="version",
)


_BUCKET = "$__timeInterval(started_at) + toIntervalSecond(intDiv($__interval_s, 2))"


def _over_time(title: str, description: str, figure: str, unit: str) -> Json:
    return timeseries(
        title,
        f"""{description} The ten versions with the most sessions: choose a thing and a name to see the versions of one. A
        vertical line is a version's first session.""",
        series(f"""
            SELECT time, version, figure
            FROM
            (
                SELECT *, dense_rank() OVER (ORDER BY session_count DESC, version) AS nth
                FROM
                (
                    SELECT
                        {_BUCKET} AS time,
                        concat(name, ' ', substring(hash, 1, 8)) AS version,
                        {figure} AS figure,
                        sum(count()) OVER (PARTITION BY version) AS session_count
                    FROM argus.versions
                    WHERE {_CHOSEN}
                    GROUP BY time, version
                )
            )
            WHERE nth <= 10
            ORDER BY time, version"""),
        unit,
        label="version",
        interval="1d",
        links=[links.to_sessions(when=links.POINT, kept=_FILTERS)],
    )


def _cost_over_time() -> Json:
    return _over_time(
        "Cost per session, by version",
        "What a session with it cost, the median.",
        "quantileExact(0.5)(cost_nanousd) / 1e9",
        look.USD,
    )


def _failures_over_time() -> Json:
    share = "sum(tool_failure_count) / nullIf(sum(tool_call_count), 0)"
    return _over_time("Tool failures, by version", "Failed tool calls of all, in sessions with it.", share, look.SHARE)


def _all() -> Json:
    return table(
        "All versions",
        f"Every version that ran in this range, latest first. {_MEANING}",
        rows(f"""
            SELECT
                min(started_at) AS "first seen", max(started_at) AS "last seen", thing, name, {_PLACE} AS "where",
                substring(hash, 1, {_HASH_LENGTH}) AS hash_start, {_FIGURES.strip()},
                uniqExactIf(user_label, user_label != '') AS users, hash AS version, workspace,
                {_RANGE_MS.format(since='"first seen"', until='"last seen"').strip()}
            FROM argus.versions
            WHERE {_CHOSEN}
            GROUP BY workspace, thing, name, "where", hash
            ORDER BY "first seen" DESC, workspace, thing, name, "where", hash
            LIMIT 500"""),
        [
            look.column("first seen", look.TIME, width=160),
            look.column("last seen", look.TIME, width=160),
            look.column("thing", width=90),
            look.column("name", links=[_OF_VERSION]),
            look.column("hash_start", name="hash", width=110, links=[_OF_VERSION]),
            look.column("per_session", look.USD),
            look.column("per_use", look.USD),
            look.column("failures", look.SHARE),
            look.column("turns", look.COUNT),
            look.column("bad", look.SHARE, name="went badly"),
        ],
        hide=("version", "workspace"),
    )


def _changes() -> Json:
    """Return the annotation at the first session of each version that is not its thing's first."""
    sql = f"""
SELECT since AS time, concat(thing, ' ', name, ': ', substring(hash, 1, {_HASH_LENGTH})) AS text, thing AS tags
FROM
(
    SELECT workspace, thing, name, {_PLACE} AS place, hash, min(started_at) AS since,
        row_number() OVER (PARTITION BY workspace, thing, name, place ORDER BY since, hash) AS nth
    FROM argus.versions
    WHERE {_CHOSEN}
    GROUP BY workspace, thing, name, place, hash
)
WHERE nth > 1
ORDER BY time, text
LIMIT 100"""
    return {
        "name": "Versions",
        "datasource": NUMBERS,
        "enable": True,
        "hide": False,
        "iconColor": look.WARNING,
        "target": rows(sql, ref="Anno"),
    }
