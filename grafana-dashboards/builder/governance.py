"""
Nothing -> argus-governance: can what is shown be trusted, is what was asked for done, and what should not have happened.

Coverage (where the plugin is missing or silent, who sends no identity, which client version lost an attribute), privacy
(opt-outs, redactions), risk. Figures and labels only; what was said stands behind the links.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder import look
from builder.layout import dashboard as dashboard_of
from builder.layout import heading, line
from builder.links import POINT, to_session, to_sessions
from builder.panels import bar_gauge, stat, table, timeseries
from builder.queries import BUCKET, any_chosen, chosen, named, series, within, within_days
from builder.queries import table as rows
from builder.variables import STANDARD

if TYPE_CHECKING:
    from builder import Json

_WHO = chosen("workspace", "surface", "team", "user")
_SESSIONS = f"{within('started_at')} AND {_WHO} AND {any_chosen('model', 'models')}"
_FOUND = f"{within('ts')} AND {_WHO}"

_RISKS = {"high": "red", "medium": "orange", "low": "yellow"}
_CATEGORIES = {"destructive": "red", "exfiltration": "purple", "secrets": "orange", "bypass": "yellow"}
_STATES = {
    "plugin missing": look.WARNING,
    "plugin silent": look.BAD,
    "telemetry missing": look.WARNING,
    "telemetry silent": look.BAD,
}
_ERASURES = {"waiting": look.WARNING, "gone": look.GOOD}
_BOTH_LEGS = look.steps(look.BAD, (0.5, look.WARNING), (0.8, look.GOOD))
_NONE_IS_GOOD = look.steps(look.GOOD, (1, look.WARNING))
_SHARE_IS_BAD = look.steps(look.GOOD, (0.01, look.WARNING), (0.1, look.BAD))

_LOSS = 0.05
"""Shares of sessions wander by less from one version to the next."""


def dashboard() -> Json:
    """Return argus-governance."""
    return dashboard_of(
        "argus-governance",
        "Argus / Governance",
        """Coverage, privacy and risk: where a leg is missing, who cannot be named, what was asked to be forgotten,
        what was redacted, which actions were risky. All of it works for a login that is granted the number views
        only. The model narrows sessions alone.""",
        STANDARD,
        [
            line(4, _on_both_legs(), _without_user(), _risks(), _redactions(), _forgotten(), _lost_attributes()),
            heading("Coverage: is everybody seen, on both legs"),
            line(8, _coverage_over_time(), _coverage_by_surface()),
            line(9, _one_leg_only()),
            heading("Risky actions"),
            line(8, _risks_over_time(), _risks_by_rule(), widths=(11, 13)),
            line(9, _latest_risks()),
            heading("Privacy: what was forgotten, what was redacted"),
            line(9, _erasures(), _redactions_by_rule(), _redactions_over_time(), widths=(12, 5, 7)),
            heading("What the telemetry does not say"),
            line(9, _nameless(), _attributes()),
        ],
    )


def _on_both_legs() -> Json:
    return stat(
        "On both legs",
        """Of the sessions that began in this range: how many told of themselves by native telemetry and by the plugin.
        On one leg only, either the content or the cost is missing.""",
        rows(f"""
            SELECT countIf(coverage = 'both') / count() AS "share", count() AS "of"
            FROM argus.session_list
            WHERE {_SESSIONS}
            HAVING count() > 0"""),
        look.SHARE,
        thresholds=_BOTH_LEGS,
        overrides=[look.override("of", unit="suffix: sessions", thresholds=look.steps(look.NEUTRAL))],
        links=[to_sessions("Sessions, latest first", sort="started")],
        decimals=0,
    )


def _without_user() -> Json:
    return stat(
        "Without a name",
        """Sessions that began in this range of which no record has an e-mail or an enduser.id, and whose user nobody
        has imported: of those without anything nobody knows whose they are, the others have the id of an
        installation. They count for no person, team or budget.""",
        rows(f"""
            SELECT
                countIf(user_label IN ('', user_id)) / count() AS "share",
                countIf(user_label = '') AS "no user",
                countIf(user_label != '' AND user_label = user_id) AS "id alone"
            FROM argus.session_list
            WHERE {_SESSIONS}
            HAVING count() > 0"""),
        look.SHARE,
        thresholds=_SHARE_IS_BAD,
        overrides=[
            look.override(name, unit=look.COUNT, thresholds=look.steps(look.NEUTRAL))
            for name in ("no user", "id alone")
        ],
        links=[to_sessions("Sessions, latest first", sort="started")],
        decimals=0,
    )


def _risks() -> Json:
    return stat(
        "Risky actions",
        """Tool calls of this range that a rule calls risky: destructive commands, data leaving by the network, secrets
        touched, permissions bypassed. A rule sees a command, not what it meant.""",
        rows(f"""
            SELECT
                uniqExactIf((workspace, session_id, identity), severity = 'high') AS "high",
                uniqExactIf((workspace, session_id, identity), severity = 'medium') AS "medium",
                uniqExactIf((workspace, session_id, identity), severity = 'low') AS "low"
            FROM argus.findings
            WHERE kind = 'risk' AND {_FOUND}"""),
        look.COUNT,
        overrides=[
            look.override(name, thresholds=look.steps(look.GOOD, (1, colour))) for name, colour in _RISKS.items()
        ],
        links=[to_sessions("Sessions, latest first", sort="started")],
    )


def _redactions() -> Json:
    return stat(
        "Redactions",
        "Secrets that were replaced in texts of this range before anything was stored, and in how many sessions.",
        rows(f"""
            SELECT sum(match_count) AS "replaced", uniqExact(workspace, session_id) AS "in"
            FROM argus.findings
            WHERE kind = 'redaction' AND {_FOUND}"""),
        look.COUNT,
        colour=look.NEUTRAL,
        overrides=[look.override("in", unit="suffix: sessions")],
        links=[to_sessions("Sessions, latest first", sort="started")],
    )


def _forgotten() -> Json:
    return stat(
        "Forgotten sessions",
        """Sessions that were asked in this range to be forgotten, and those that still wait to be gone from the
        tables. Waiting for more than a minute: the log names ClickHouse's reason. The workspace alone narrows this.""",
        rows(f"""
            SELECT countIf({within("asked_at")}) AS "asked", countIf(gone_at IS NULL) AS "waiting"
            FROM argus.erasures
            WHERE {chosen("workspace")}"""),
        look.COUNT,
        colour=look.NEUTRAL,
        overrides=[look.override("waiting", thresholds=_NONE_IS_GOOD)],
    )


def _lost_attributes() -> Json:
    return stat(
        "Attributes lost",
        """Attributes that a client version sends in fewer sessions than an earlier one did, by more than a twentieth;
        listed at the end. A figure that is made of one may be wrong.""",
        rows(f'SELECT count() AS "lost" FROM ({_losses()})'),
        look.COUNT,
        thresholds=_NONE_IS_GOOD,
    )


def _coverage_over_time() -> Json:
    return timeseries(
        "Sessions by leg",
        "Sessions by the legs that told of them: both, native telemetry alone (no plugin), the plugin alone (no cost).",
        series(f"""
            SELECT {BUCKET} AS time, coverage, count() AS sessions
            FROM (SELECT toStartOfHour(started_at) AS hour, coverage FROM argus.session_list WHERE {_SESSIONS})
            GROUP BY time, coverage
            ORDER BY time, coverage"""),
        look.COUNT,
        label="coverage",
        style="bars",
        stacked=True,
        overrides=look.named(look.COVERAGE),
        links=[to_sessions("Sessions at that time, latest first", when=POINT, sort="started")],
    )


def _coverage_by_surface() -> Json:
    return table(
        "Legs by surface",
        """Sessions that began in this range. In Cowork plugins may not run their hooks; its telemetry alone gives a
        readable session. Unmatched: things that both legs told without a key to join them by; they stand twice.""",
        rows(f"""
            SELECT
                surface,
                count() AS sessions,
                countIf(coverage = 'both') AS both,
                countIf(coverage = 'native') AS native_only,
                countIf(coverage = 'hook') AS plugin_only,
                both / sessions AS both_share,
                sum(unmatched_count) AS unmatched
            FROM argus.session_list
            WHERE {_SESSIONS}
            GROUP BY surface
            ORDER BY sessions DESC, surface
            LIMIT 100"""),
        [
            look.column("surface", colours=look.SURFACES),
            look.column("native_only", look.COUNT),
            look.column("plugin_only", look.COUNT),
            look.column("both_share", look.SHARE, name="on both", gauge=True),
        ],
        links=[to_sessions("Sessions, latest first", sort="started", surface="surface")],
    )


def _one_leg_only() -> Json:
    return table(
        "Where the plugin or the telemetry is missing or silent",
        """Whose sessions of this range all lack one leg (missing), or have lacked it for a day at least, though they
        had it before (silent). Missing plugin: it is not installed, or its endpoint is wrong; missing telemetry:
        CLAUDE_CODE_ENABLE_TELEMETRY.""",
        rows(f"""
            SELECT
                multiIf(
                    last_plugin IS NULL, 'plugin missing',
                    last_telemetry IS NULL, 'telemetry missing',
                    last_plugin < last_session - INTERVAL 1 DAY, 'plugin silent',
                    last_telemetry < last_session - INTERVAL 1 DAY, 'telemetry silent',
                    '') AS state,
                {named("user_label")} AS user,
                team,
                surface,
                count() AS sessions,
                countIf(coverage = 'native') AS native_only,
                countIf(coverage = 'hook') AS plugin_only,
                max(started_at) AS last_session,
                maxOrNullIf(started_at, coverage != 'native') AS last_plugin,
                maxOrNullIf(started_at, coverage != 'hook') AS last_telemetry,
                workspace,
                if(startsWith(state, 'plugin'), 'native', 'hook') AS seen_on
            FROM argus.session_list
            WHERE {_SESSIONS}
            GROUP BY workspace, user, team, surface
            HAVING state != ''
            ORDER BY sessions DESC, workspace, user, team, surface
            LIMIT 100"""),
        [
            look.column("state", colours=_STATES, width=140),
            look.column("user"),
            look.column("team", width=120),
            look.column("surface", width=110, colours=look.SURFACES),
            look.column("native_only", look.COUNT, width=95),
            look.column("plugin_only", look.COUNT, width=95),
            look.column("last_session", look.TIME, width=170),
            look.column("last_plugin", look.TIME, name="last with plugin", width=170),
            look.column("last_telemetry", look.TIME, name="last with telemetry", width=170),
        ],
        links=[
            to_sessions(
                "Their sessions on one leg",
                sort="started",
                workspace="workspace",
                user="user",
                surface="surface",
                coverage="seen_on",
            )
        ],
        hide=["workspace", "seen_on"],
    )


def _risks_over_time() -> Json:
    return timeseries(
        "Risky actions over time",
        "Tool calls that a rule calls risky, by what they risk: destruction, exfiltration, secrets, bypassed permissions.",
        series(f"""
            SELECT {BUCKET} AS time, category, uniqExact(workspace, session_id, identity) AS actions
            FROM (SELECT *, toStartOfHour(ts) AS hour FROM argus.findings WHERE kind = 'risk' AND {_FOUND})
            GROUP BY time, category
            ORDER BY time, category"""),
        look.COUNT,
        label="category",
        style="bars",
        stacked=True,
        overrides=look.named(_CATEGORIES),
        links=[to_sessions("Sessions at that time, latest first", when=POINT, sort="started")],
        no_value="none found in this range",
    )


def _risks_by_rule() -> Json:
    return table(
        "Risky actions by rule",
        "What the rules of schema/risk_rules.json found in this range, the gravest first.",
        rows(f"""
            SELECT
                severity,
                category,
                replaceAll(rule, '_', ' ') AS found,
                uniqExact(workspace, session_id, identity) AS actions,
                uniqExact(workspace, session_id) AS sessions,
                uniqExact(user_label) AS users,
                max(ts) AS last,
                argMax(workspace, ts) AS of_workspace,
                argMax(session_id, ts) AS of_session,
                toString(toUnixTimestamp64Milli(last) - 3600000) AS from_ms,
                toString(toUnixTimestamp64Milli(last) + 3600000) AS to_ms
            FROM argus.findings
            WHERE kind = 'risk' AND {_FOUND}
            GROUP BY severity, category, rule
            ORDER BY indexOf(['high', 'medium', 'low'], severity), actions DESC, category, rule
            LIMIT 100"""),
        [
            look.column("severity", width=80, colours=_RISKS),
            look.column("category", width=100, colours=_CATEGORIES),
            look.column("found"),
            look.column("actions", look.COUNT, width=75),
            look.column("sessions", look.COUNT, width=80),
            look.column("users", look.COUNT, width=65),
            look.column("last", look.TIME, width=160),
        ],
        links=[to_session("Open the session of the last one", workspace="of_workspace", session="of_session")],
        hide=["of_workspace", "of_session"],
    )


def _latest_risks() -> Json:
    gravest = "indexOf(['high', 'medium', 'low'], severity)"
    return table(
        "Latest risky actions",
        "The latest of the gravest, each opening its turn; whoever may read text sees there what was done.",
        rows(f"""
            WITH risks AS
            (
                SELECT *
                FROM argus.findings
                WHERE kind = 'risk' AND {_FOUND}
                ORDER BY {gravest}, ts DESC, session_id, identity, rule
                LIMIT 100
            )
            SELECT
                ts AS at,
                severity,
                category,
                replaceAll(rule, '_', ' ') AS found,
                {named("user_label")} AS user,
                team,
                surface,
                workspace,
                session_id,
                if(thing = 'prompt', identity, calls.prompt_id) AS prompt_id,
                toString(toUnixTimestamp64Milli(ts) - 3600000) AS from_ms,
                toString(toUnixTimestamp64Milli(ts) + 3600000) AS to_ms
            FROM risks
            LEFT ANY JOIN
            (
                SELECT workspace, session_id, tool_use_id AS identity, prompt_id
                FROM argus.tool_calls
                WHERE (workspace, session_id) IN (SELECT workspace, session_id FROM risks)
            ) AS calls USING (workspace, session_id, identity)
            ORDER BY {gravest}, at DESC, session_id, identity, rule"""),
        [
            look.column("at", look.TIME, width=170),
            look.column("severity", width=80, colours=_RISKS),
            look.column("category", width=110, colours=_CATEGORIES),
            look.column("found"),
            look.column("user"),
            look.column("team", width=120),
            look.column("surface", width=110, colours=look.SURFACES),
        ],
        links=[to_session("Open the turn", turn="prompt_id")],
        hide=["workspace", "session_id", "prompt_id"],
    )


def _erasures() -> Json:
    return table(
        "Opt-outs and erasures",
        """Sessions that were asked to be forgotten in this range, and all that wait. Unreadable: no view shows its
        words from then on; gone: deleted from the tables and their files. Names and numbers stay.""",
        rows(f"""
            SELECT
                asked_at AS asked,
                if(gone_at IS NULL, 'waiting', 'gone') AS state,
                source AS by_way_of,
                asked_by,
                {named("user_label")} AS user,
                dateDiff('millisecond', asked_at, unreadable_at) / 1000 AS unreadable_after,
                dateDiff('millisecond', asked_at, gone_at) / 1000 AS gone_after,
                workspace,
                session_id,
                toString(toUnixTimestamp64Milli(started_at)) AS from_ms,
                toString(toUnixTimestamp64Milli(ended_at)) AS to_ms
            FROM argus.erasures
            LEFT ANY JOIN
            (
                SELECT workspace, session_id, surface, team, user_label, started_at, ended_at
                FROM argus.session_list
                WHERE (workspace, session_id) IN (SELECT workspace, session_id FROM argus.erasures)
            ) AS sessions USING (workspace, session_id)
            WHERE ({within("asked_at")} OR gone_at IS NULL) AND {_WHO}
            ORDER BY gone_at IS NULL DESC, asked DESC, session_id
            LIMIT 100"""),
        [
            look.column("asked", look.TIME, width=165),
            look.column("state", width=75, colours=_ERASURES),
            look.column("by_way_of", width=85),
            look.column("asked_by"),
            look.column("user"),
            look.column("unreadable_after", look.SECONDS, name="unreadable", width=95),
            look.column("gone_after", look.SECONDS, name="gone", width=75),
        ],
        links=[to_session()],
        hide=["workspace", "session_id"],
    )


def _redactions_by_rule() -> Json:
    return bar_gauge(
        "Redactions by rule",
        "Secrets replaced in texts of this range, by the rule that found them (privacy/patterns.json and your own).",
        rows(f"""
            SELECT rule, sum(match_count) AS replaced
            FROM argus.findings
            WHERE kind = 'redaction' AND {_FOUND}
            GROUP BY rule
            ORDER BY replaced DESC, rule
            LIMIT 25"""),
        look.COUNT,
        colour=look.CALLS,
    )


def _redactions_over_time() -> Json:
    return timeseries(
        "Redactions over time",
        "Secrets replaced, by the leg that brought them. A surge: something prints a secret over and over.",
        series(f"""
            SELECT {BUCKET} AS time, leg, sum(match_count) AS replaced
            FROM (SELECT *, toStartOfHour(ts) AS hour FROM argus.findings WHERE kind = 'redaction' AND {_FOUND})
            GROUP BY time, leg
            ORDER BY time, leg"""),
        look.COUNT,
        label="leg",
        style="bars",
        stacked=True,
        overrides=look.named(look.COVERAGE),
        links=[to_sessions("Sessions at that time, latest first", when=POINT, sort="started")],
    )


def _nameless() -> Json:
    return table(
        "Sessions without a name",
        """By surface and client version: the sessions that began in this range of which nobody knows whose they are,
        and those that bear the id of an installation alone. With an API key nobody is logged in: set enduser.id and
        team in OTEL_RESOURCE_ATTRIBUTES, or `argus-otel people import`.""",
        rows(f"""
            SELECT
                workspace,
                surface,
                client_version,
                count() AS sessions,
                countIf(user_label = '') AS no_user,
                countIf(user_label != '' AND user_label = user_id) AS id_alone,
                countIf(team = '') AS no_team,
                (no_user + id_alone) / sessions AS share,
                sumIf(cost_nanousd, user_label IN ('', user_id)) / 1e9 AS cost
            FROM argus.session_list
            WHERE {_SESSIONS}
            GROUP BY workspace, surface, client_version
            ORDER BY share DESC, no_team / sessions DESC, sessions DESC, workspace, surface, client_version
            LIMIT 100"""),
        [
            look.column("workspace", width=100),
            look.column("surface", width=105, colours=look.SURFACES),
            look.column("client_version", name="version", width=95),
            look.column("no_user", look.COUNT),
            look.column("id_alone", look.COUNT),
            look.column("no_team", look.COUNT),
            look.column("share", look.SHARE, name="no name", width=80),
            look.column("cost", look.USD, name="their cost", width=90),
        ],
        links=[to_sessions("Sessions, latest first", sort="started", workspace="workspace", surface="surface")],
    )


def _losses() -> str:
    """
    Return the statement of what a client version no longer sends: one row per surface, event, attribute and version.

    A version is held against the earlier one that sent the attribute most often, within this range and 30 days before.
    """
    return f"""
            SELECT
                surface, event, attribute, client_version, sessions, share, earlier_share, earlier_share - share AS lost, last_day
            FROM
            (
                SELECT
                    *,
                    max(share) OVER (
                        PARTITION BY surface, event, attribute
                        ORDER BY arrayMap(part -> toUInt32OrZero(part), splitByChar('.', client_version))
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_share
                FROM
                (
                    SELECT
                        surface, event, attribute, client_version,
                        sum(session_count) AS sessions,
                        sum(present_count) / sessions AS share,
                        max(day) AS last_day
                    FROM argus.attribute_presence
                    WHERE day >= toDate($__fromTime, 'UTC') - 30 AND day <= toDate($__toTime, 'UTC')
                        AND {chosen("workspace", "surface")}
                    GROUP BY surface, event, attribute, client_version
                )
            )
            WHERE earlier_share - share > {_LOSS} AND {within_days("last_day")}"""


def _attributes() -> Json:
    return table(
        "Attributes lost by client version",
        """What a version sends in a smaller share of sessions than an earlier one did, on events that have it. Held
        against the best earlier version within this range and 30 days before; the workspace and the surface alone
        narrow this.""",
        rows(f"""{_losses()}
            ORDER BY lost DESC, sessions DESC, surface, event, attribute, client_version
            LIMIT 100"""),
        [
            look.column("surface", width=110, colours=look.SURFACES),
            look.column("event", width=130),
            look.column("attribute"),
            look.column("client_version", name="version", width=90),
            look.column("sessions", look.COUNT, width=80),
            look.column("share", look.SHARE, name="sent in", width=75),
            look.column("earlier_share", look.SHARE, name="before", width=75),
            look.column("lost", look.SHARE, width=65),
        ],
        links=[to_sessions("Sessions, latest first", sort="started", surface="surface")],
        hide=["last_day"],
    )
