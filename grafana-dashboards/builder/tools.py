"""
Nothing -> argus-tools: tools, MCP servers, skills and subagents: how much they are used, how well they do, who lets them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder import look, panels, variables
from builder.layout import dashboard as dashboard_of
from builder.layout import heading, line
from builder.links import POINT, to_sessions
from builder.queries import BUCKET, CONTENT, chosen, series, table, within

if TYPE_CHECKING:
    from builder import Json

_SERIES_MAX = 8
"""Tools that get a colour of their own; the others are one."""

_USED_MODEL = f"SELECT session_id FROM argus.cost_hourly WHERE {within('hour')} AND {chosen('model')}"
_OF_MODEL = f"$__conditionalAll(session_id IN ({_USED_MODEL}), $model)"
_CONDITIONS = f"{within('hour')} AND {chosen('workspace', 'surface', 'team', 'user')} AND {_OF_MODEL}"
_COST_CONDITIONS = f"{within('hour')} AND {chosen('workspace', 'surface', 'team', 'user', 'model')}"

_FAILED = "sum(failure_count) / nullIf(sum(call_count), 0)"
_REJECTED = "sum(rejected_count) / nullIf(sum(call_count), 0)"
_MEDIAN = "quantileArrayOrNull(0.5)(durations_ms)"
_P95 = "quantileArrayOrNull(0.95)(durations_ms)"
_NO_TOOL = "if(tool_name = '', '(not named)', tool_name)"

_FIGURES = f"""sum(call_count) AS calls,
            uniqExact(workspace, session_id) AS sessions,
            {_FAILED} AS failed,
            {_REJECTED} AS rejected,
            {_MEDIAN} AS median,
            {_P95} AS p95"""
_COLUMNS = [
    look.column("calls", look.COUNT, width=80),
    look.column("sessions", look.COUNT, width=80),
    look.column("failed", look.SHARE, gauge=True),
    look.column("rejected", look.SHARE, width=85),
    look.column("median", look.MILLISECONDS, width=85),
    look.column("p95", look.MILLISECONDS, width=85),
]


def dashboard() -> Json:
    """Return argus-tools."""
    return dashboard_of(
        "argus-tools",
        "Argus / Tools",
        """Tools, MCP servers, skills and subagents: use, failures, time, and who decided. All but the texts of errors reads the
        number views alone. A click lists the sessions that used the thing, those with most failures first.""",
        variables.STANDARD,
        [
            line(4, _together()),
            line(11, _tools()),
            line(8, _calls_over_time(), _failures_over_time(), _p95_over_time()),
            heading("MCP servers, skills, subagents"),
            line(8, _mcp_servers(), _skills(), _subagents()),
            heading("What went wrong, and what was not allowed"),
            line(9, _error_types(), _error_texts(), widths=(9, 15)),
            line(8, _api_errors_over_time(), _api_errors(), widths=(15, 9)),
            line(9, _decisions(), _rejected_tools(), _volume()),
        ],
    )


def _together() -> Json:
    sql = f"""
        SELECT
            sum(call_count) AS calls,
            uniqExact(tool_name) AS tools,
            uniqExact(workspace, session_id) AS sessions,
            {_FAILED} AS failed,
            {_REJECTED} AS rejected,
            {_MEDIAN} AS median,
            {_P95} AS p95
        FROM argus.tools_hourly
        WHERE {_CONDITIONS}
        HAVING calls > 0"""
    panel = panels.stat(
        "All tools together",
        """Calls in the range, rejected ones included; the shares of them that failed (the tool said so) and that were rejected
        (nobody ran them); how long they took, where that was told.""",
        table(sql),
        look.COUNT,
        links=[to_sessions("Sessions, most failures first", sort="failures")],
        overrides=[
            look.override("calls", color=look.fixed(look.CALLS)),
            look.override("sessions", color=look.fixed(look.SESSIONS)),
            look.override("failed", unit=look.SHARE, decimals=1, thresholds=_ALARMING),
            look.override("rejected", unit=look.SHARE, decimals=1),
            look.override("median", unit=look.MILLISECONDS),
            look.override("p95", displayName="95 % within", unit=look.MILLISECONDS),
        ],
        no_value="no tool was called in this range",
    )
    panel["options"] |= {"orientation": "vertical"}  # the figures beside each other
    return panel


_ALARMING = look.steps(look.NEUTRAL, (0.1, look.WARNING), (0.25, look.BAD))
"""Shares of failed calls: the usual is a few in a hundred."""


def _tools() -> Json:
    sql = f"""
        SELECT
            tool_name AS tool,
            any(mcp_server) AS mcp_server,
            {_FIGURES},
            sum(input_bytes) AS "in",
            sum(output_bytes) AS "out",
            sum(output_bytes) / nullIf(sum(call_count), 0) AS out_per_call
        FROM argus.tools_hourly
        WHERE {_CONDITIONS}
        GROUP BY tool_name
        ORDER BY calls DESC, tool_name
        LIMIT 200"""
    return panels.table(
        "Tools",
        """Each tool: how often it was called and by how many sessions, the shares that failed and were rejected, median and 95th
        percentile of its time, and the volume of what went in and what came out, which the model then has to read.""",
        table(sql),
        [
            look.column("tool", width=240),
            look.column("mcp_server", width=120),
            *_COLUMNS,
            *(look.column(name, look.BYTES, width=90) for name in ("in", "out", "out_per_call")),
        ],
        links=[to_sessions("Sessions that used it, most failures first", sort="failures", used="tool")],
    )


def _over_time(figure: str) -> str:
    """Of the tools that are called most; what is left is one series."""
    return f"""
        SELECT {BUCKET} AS time, if(tool_name IN most, {_NO_TOOL}, '(others)') AS tool, {figure}
        FROM argus.tools_hourly
        WHERE {_CONDITIONS}
        GROUP BY time, tool
        ORDER BY time, tool"""


_MOST = f"""WITH most AS
            (
                SELECT tool_name FROM argus.tools_hourly WHERE {_CONDITIONS}
                GROUP BY tool_name ORDER BY sum(call_count) DESC, tool_name LIMIT {_SERIES_MAX}
            )"""


def _calls_over_time() -> Json:
    return panels.timeseries(
        "Calls",
        f"Tool calls over time, of the {_SERIES_MAX} tools that are called most and of all others.",
        series(f"{_MOST}{_over_time('sum(call_count) AS calls')}"),
        look.COUNT,
        label="tool",
        style="bars",
        stacked=True,
        links=[to_sessions("Sessions at this time", when=POINT, sort="tools")],
    )


def _failures_over_time() -> Json:
    return panels.timeseries(
        "Failed",
        "The share of calls that failed, of the same tools. A bucket with few calls jumps: look at the calls beside it.",
        series(f"{_MOST}{_over_time(f'{_FAILED} AS failed')}"),
        look.SHARE,
        label="tool",
        style="points",
        links=[to_sessions("Sessions at this time, most failures first", when=POINT, sort="failures")],
    )


def _p95_over_time() -> Json:
    return panels.timeseries(
        "Time: 95 % within",
        "The 95th percentile of how long a call took, of the same tools, without the wait for a person to allow it.",
        series(f"{_MOST}{_over_time(f'{_P95} AS p95')}"),
        look.MILLISECONDS,
        label="tool",
        style="points",
        links=[to_sessions("Sessions at this time", when=POINT, sort="tools")],
    )


def _mcp_servers() -> Json:
    sql = f"""
        SELECT
            mcp_server,
            uniqExact(tool_name) AS tools,
            sum(call_count) AS calls,
            {_FAILED} AS failed,
            {_P95} AS p95
        FROM argus.tools_hourly
        WHERE {_CONDITIONS} AND mcp_server != ''
        GROUP BY mcp_server
        ORDER BY calls DESC, mcp_server
        LIMIT 100"""
    return panels.table(
        "MCP servers",
        """Each MCP server by the calls of its tools. Which name a server bears, its users decide; `custom` is
        every server whose name the client did not send; calls that were redacted by their sender stand among the tools as
        mcp_tool.""",
        table(sql),
        [look.column("mcp_server", name="server"), look.column("tools", look.COUNT, width=65), *_COLUMNS],
        links=[to_sessions("Sessions that used it, most failures first", sort="failures", used="mcp_server")],
    )


def _skills() -> Json:
    # Its calls are those that were made while it was active; its uses, those that invoked it.
    sql = f"""
        SELECT
            skill,
            sum(parts.uses) AS uses,
            sum(parts.calls) AS calls,
            sum(parts.cost_nanousd) / 1e9 AS cost,
            sum(parts.failures) / nullIf(calls, 0) AS failed
        FROM
        (
            SELECT
                skill,
                sumIf(call_count, tool_name = 'Skill') AS uses,
                sum(call_count) AS calls,
                sum(failure_count) AS failures,
                toInt64(0) AS cost_nanousd
            FROM argus.tools_hourly
            WHERE {_CONDITIONS} AND skill != ''
            GROUP BY skill
            UNION ALL
            SELECT skill, 0, 0, 0, sum(cost_nanousd)
            FROM argus.cost_hourly
            WHERE {_COST_CONDITIONS} AND skill != ''
            GROUP BY skill
        ) AS parts
        GROUP BY skill
        ORDER BY cost DESC, uses DESC, skill
        LIMIT 100"""
    return panels.table(
        "Skills",
        """How often a skill was invoked, what the API requests cost while it was active, the tool calls that they asked for and
        the share of those that failed. argus-versions tells its versions apart.""",
        table(sql),
        [
            *(look.column(name, look.COUNT, width=70) for name in ("uses", "calls")),
            look.column("cost", look.USD, width=90),
            look.column("failed", look.SHARE, gauge=True),
        ],
        links=[to_sessions("Sessions that used it, costliest first", used="skill")],
    )


def _subagents() -> Json:
    sql = f"""
        SELECT
            agent_type AS subagent,
            uniqExact(workspace, session_id) AS sessions,
            sum(request_count) AS requests,
            sum(cost_nanousd) / 1e9 AS cost,
            cost / nullIf(sessions, 0) AS cost_per_session
        FROM argus.cost_hourly
        WHERE {_COST_CONDITIONS} AND agent_type != ''
        GROUP BY agent_type
        ORDER BY cost DESC, subagent
        LIMIT 100"""
    return panels.table(
        "Subagents",
        "Each type of subagent: in how many sessions it worked, its API requests and what they cost.",
        table(sql),
        [
            look.column("sessions", look.COUNT, width=80),
            look.column("requests", look.COUNT, width=80),
            look.column("cost", look.USD, gauge=True),
            look.column("cost_per_session", look.USD, width=120),
        ],
        links=[to_sessions("Sessions that used it, costliest first", agent_type="subagent")],
    )


def _error_types() -> Json:
    sql = f"""
        SELECT if(error_type = '', '(no kind was told)', error_type) AS error, {_NO_TOOL} AS tool, sum(failure_count) AS failures,
            uniqExact(workspace, session_id) AS sessions, max(hour) AS last_seen
        FROM argus.tools_hourly
        WHERE {_CONDITIONS} AND failure_count > 0
        GROUP BY error, tool
        ORDER BY failures DESC, error, tool
        LIMIT 200"""
    return panels.table(
        "Failures by kind",
        "The kind of error that the telemetry names, by tool. It says little more than that: the words beside say which.",
        table(sql),
        [
            look.column("failures", look.COUNT, width=80),
            look.column("sessions", look.COUNT, width=80),
            look.column("last_seen", look.TIME, width=160),
        ],
        links=[to_sessions("Sessions that used it, most failures first", sort="failures", used="tool")],
    )


_PLACEHOLDERS = (
    ('[a-z]+://[^ \\\\t\\\\n"<>)]+', "<url>"),
    ("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", "<id>"),
    ("(toolu|req|msg|call|srvtoolu)_[A-Za-z0-9]+", "<id>"),
    ("(~|[.]{1,2})?(/[A-Za-z0-9_.@+-]+)+/?", "<path>"),
    ("([A-Za-z0-9_.@-]+<path>)", "<path>"),
    ("(0x)?[0-9a-f]*[0-9][0-9a-f]{7,}", "<id>"),
    ("[0-9]+([.,:][0-9]+)*", "<n>"),
    ("[ \\\\t\\\\r\\\\n]+", " "),
)
"""What differs from one occurrence of an error to the next, in the order in which it is taken out."""


def _normalised(text: str) -> str:
    for pattern, instead in _PLACEHOLDERS:
        text = f"replaceRegexpAll({text}, '{pattern}', '{instead}')"
    return text


def _error_texts() -> Json:
    # A hook says what the tool said; the native leg the kind alone, which is taken where there is nothing better.
    sql = f"""
        SELECT
            {_normalised("leftUTF8(error, 400)")} AS pattern,
            count() AS failures,
            uniqExact(workspace, session_id) AS sessions,
            max(at) AS last_seen,
            any(leftUTF8(error, 300)) AS example
        FROM
        (
            SELECT workspace, session_id, identity, argMax(text, (leg != 'native', length(text), text)) AS error, max(ts) AS at
            FROM argus.messages
            WHERE {within("ts")} AND thing = 'tool_call' AND field = 'error'
                AND (workspace, session_id) IN
                (
                    SELECT workspace, session_id FROM argus.tools_hourly WHERE {_CONDITIONS} AND failure_count > 0
                )
            GROUP BY workspace, session_id, identity
        )
        GROUP BY pattern
        ORDER BY failures DESC, pattern
        LIMIT 100"""
    return panels.table(
        "Failures by what the tools said",
        """Texts of errors, those alike as one: addresses, paths, ids and numbers are taken out before they are counted. Only of
        sessions whose text was sent and that are not private.""",
        table(sql, source=CONTENT),
        [
            look.column("pattern"),
            look.column("failures", look.COUNT, width=80),
            look.column("sessions", look.COUNT, width=80),
            look.column("last_seen", look.TIME, width=160),
            look.column("example", width=220),
        ],
        links=[to_sessions("Sessions, most failures first", sort="failures")],
        wrap=True,
    )


def _api_errors_over_time() -> Json:
    return panels.timeseries(
        "API errors",
        "Requests to the API that failed, retried or not, by the kind or status that the telemetry names.",
        series(f"""
            SELECT {BUCKET} AS time, if(error_type = '', '(no kind was told)', error_type) AS kind, sum(error_count) AS errors
            FROM argus.api_errors_hourly
            WHERE {_COST_CONDITIONS}
            GROUP BY time, kind
            ORDER BY time, kind"""),
        look.COUNT,
        label="kind",
        style="bars",
        stacked=True,
        links=[to_sessions("Sessions at this time", when=POINT, sort="started")],
    )


def _api_errors() -> Json:
    sql = f"""
        SELECT model, if(error_type = '', '(no kind was told)', error_type) AS kind, sum(error_count) AS errors,
            uniqExact(workspace, session_id) AS sessions
        FROM argus.api_errors_hourly
        WHERE {_COST_CONDITIONS}
        GROUP BY model, kind
        ORDER BY errors DESC, model, kind
        LIMIT 100"""
    return panels.table(
        "API errors by model",
        "The same, by model: is it one model, or the API.",
        table(sql),
        [look.column("errors", look.COUNT, gauge=True), look.column("sessions", look.COUNT, width=80)],
        links=[to_sessions("Sessions of this model", sort="started", model="model")],
    )


def _decisions() -> Json:
    sql = f"""
        SELECT
            if(decision_source = '', '(not told)', decision_source) AS decided_by,
            sumIf(call_count, decision = 'accept') AS accepted,
            sumIf(call_count, decision = 'reject') AS rejected,
            sumIf(call_count, decision NOT IN ('accept', 'reject')) AS not_told
        FROM argus.tools_hourly
        WHERE {_CONDITIONS}
        GROUP BY decided_by
        ORDER BY accepted + rejected + not_told DESC, decided_by
        LIMIT 20"""
    return panels.bar_chart(
        "Who decided",
        """Calls by who allowed or rejected them: the configuration, a hook, or a person, once (user_temporary), for good
        (user_permanent), by rejecting or by aborting.""",
        table(sql),
        look.COUNT,
        stacked=True,
        horizontal=True,
        links=[to_sessions("Sessions, by their tool calls", sort="tools")],
        overrides=[
            look.override("accepted", color=look.fixed(look.DECISIONS["accept"])),
            look.override("rejected", color=look.fixed(look.DECISIONS["reject"])),
            look.override("not_told", displayName="not told", color=look.fixed(look.QUIET)),
        ],
    )


def _rejected_tools() -> Json:
    sql = f"""
        SELECT tool_name AS tool, {_REJECTED} AS rejected
        FROM argus.tools_hourly
        WHERE {_CONDITIONS}
        GROUP BY tool_name
        HAVING sum(rejected_count) > 0
        ORDER BY sum(rejected_count) DESC, tool
        LIMIT 20"""
    return panels.bar_gauge(
        "Rejected most",
        "The share of a tool's calls that were not allowed to run; by how many they were.",
        table(sql),
        look.SHARE,
        colour=look.DECISIONS["reject"],
        links=[to_sessions("Sessions that used it", sort="tools", used="tool")],
        no_value="nothing was rejected in this range",
    )


def _volume() -> Json:
    sql = f"""
        SELECT {BUCKET} AS time, sum(input_bytes) AS "in", sum(output_bytes) AS "out"
        FROM argus.tools_hourly
        WHERE {_CONDITIONS}
        GROUP BY time
        ORDER BY time"""
    return panels.timeseries(
        "Volume",
        "Bytes that went into tools and that came out of them. What comes out is what the model reads, and pays, next.",
        series(sql),
        look.BYTES,
        style="bars",
        stacked=True,
        links=[to_sessions("Sessions at this time", when=POINT, sort="tools")],
        overrides=[
            look.override("in", color=look.fixed(look.TOKENS["input"])),
            look.override("out", color=look.fixed(look.TOKENS["output"])),
        ],
    )
