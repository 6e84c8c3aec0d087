"""
Nothing -> argus-sessions: every session in one list, what it cost beside how it went; where alerts lead.

The list with words searches them. Below it stands the same list in figures alone, for whoever may read no text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder import look, panels, variables
from builder.layout import dashboard as dashboard_of
from builder.layout import heading, line
from builder.links import FILTERS, to_session, to_sessions
from builder.queries import CONTENT, any_chosen, chosen, table, value, within

if TYPE_CHECKING:
    from builder import Json

SORTS = {
    "started": "toUnixTimestamp64Milli(started_at)",
    "cost": "cost_nanousd",
    "tokens": "input_tokens + output_tokens + cache_read_tokens + cache_creation_tokens",
    "tools": "tool_call_count",
    "failures": "tool_failure_count",
}
"""What the list can be sorted by, descending; the same words as `argus-otel sessions --sort`."""

_ROWS_MAX = 200
_WORDS_MAX = 255
"""As many as the engine looks for at once."""

_SEARCH = value("search")
_WORDS = f"arraySlice(splitByWhitespace({_SEARCH}), 1, {_WORDS_MAX})"
_HAS_EVERY_WORD = f"NOT has(multiSearchAllPositionsCaseInsensitiveUTF8(text, {_WORDS}), 0)"
_AROUND_FIRST_WORD = f"substringUTF8(text, greatest(positionCaseInsensitiveUTF8(text, {_WORDS}[1]) - 40, 1), 160)"

_VARIABLES = [
    *variables.STANDARD,
    variables.custom(
        "outcome", "Outcome", list(look.OUTCOMES), "How a session went: docs/views.md has the rule.", several=True
    ),
    variables.custom("coverage", "Coverage", list(look.COVERAGE), "Which legs told of a session.", several=True),
    variables.query(
        "client_version",
        "Client",
        f"SELECT DISTINCT client_version FROM argus.cost_hourly WHERE {within('hour')} AND client_version != '' ORDER BY 1",
        "The version of Claude Code, the SDK or Cowork.",
    ),
    variables.query(
        "used",
        "Used",
        f"""SELECT DISTINCT arrayJoin([tool_name, mcp_server, skill]) AS name FROM argus.tools_hourly
            WHERE {within("hour")} AND name != '' ORDER BY 1""",
        "A tool, an MCP server or a skill that the session used.",
    ),
    variables.query(
        "repository",
        "Repository",
        f"SELECT DISTINCT repository FROM argus.cost_hourly WHERE {within('hour')} AND repository != '' ORDER BY 1",
    ),
    variables.textbox(
        "search",
        "Search",
        "Words, all of which one prompt, answer, tool input or tool output must hold; parts of words and upper case count too.",
    ),
    variables.custom("sort", "Sort", list(SORTS), "What stands first."),
    *(
        variables.hidden(
            variables.textbox(name, label, "Set by links from other dashboards; the first panel's title has it.")
        )
        for name, label in (("agent_type", "Subagent"), ("query_source", "Query source"), ("version", "Version"))
    ),
]
_OWN_FILTERS = (
    "outcome",
    "coverage",
    "client_version",
    "used",
    "repository",
    "search",
    "agent_type",
    "query_source",
    "version",
)


def dashboard() -> Json:
    """Return argus-sessions."""
    return dashboard_of(
        "argus-sessions",
        "Argus / Sessions",
        """Every session that was at work in the time range: what it cost beside how it went, and what was said in it. A click
        opens the session at its costliest turns.""",
        _VARIABLES,
        [
            line(4, _together()),
            line(20, _with_words()),
            heading("For whoever may read no text: the same sessions in figures alone, not searched"),
            line(16, _in_figures()),
        ],
    )


def _used_by_requests(variable: str) -> str:
    requests = (
        f"SELECT workspace, session_id FROM argus.cost_hourly WHERE {within('hour')} AND {variable} = {value(variable)}"
    )
    return f"$__conditionalAll((workspace, session_id) IN ({requests}), ${variable})"


_CONDITIONS = f"""started_at < $__toTime AND ended_at >= $__fromTime
                AND {chosen("workspace", "surface", "team", "user", repository="repository")}
                AND {chosen(outcome="outcome", coverage="coverage", client_version="client_version")}
                AND {any_chosen("model", "models")}
                AND {any_chosen("used", "arrayConcat(tools, skills, mcp_servers)")}
                AND {_used_by_requests("agent_type")}
                AND {_used_by_requests("query_source")}
                AND $__conditionalAll(has(mapValues(versions), {value("version")}), $version)"""

_SORT = value("sort")
_BY = ", ".join(f"{_SORT} = '{name}', toFloat64({by})" for name, by in SORTS.items() if name != "started")
_ORDER = f"multiIf({_BY}, toFloat64({SORTS['started']})) DESC, session_id"

_FIGURES = """started_at AS started,
            user_label AS user,
            if(coverage = 'hook' AND cost_nanousd = 0, NULL, cost_nanousd / 1e9) AS cost,
            outcome"""
_MORE_FIGURES = """turn_count AS turns,
            tool_call_count AS tools,
            tool_failure_count AS failures,
            tool_rejected_count AS rejections,
            input_tokens + output_tokens + cache_read_tokens + cache_creation_tokens AS tokens,
            duration_s AS duration,
            surface,
            team,
            coverage,
            arrayStringConcat(models, ', ') AS models,
            commit_count AS commits,
            lines_added,
            client_version AS client,
            arrayStringConcat(
                arrayMap((name, hash) -> concat(name, ' ', substring(hash, 1, 8)), mapKeys(versions), mapValues(versions)),
                ', ') AS versions,
            workspace,
            session_id,
            toString(toUnixTimestamp64Milli(started_at) - 1000) AS from_ms,
            toString(toUnixTimestamp64Milli(ended_at) + 1000) AS to_ms"""

_COLUMNS = [
    look.column("started", look.TIME, width=160),
    look.column("user", width=170),
    look.column("cost", look.USD, width=85, not_sent=True),
    look.column("outcome", colours=look.OUTCOMES, width=95),
    *(look.column(name, look.COUNT, width=75) for name in ("turns", "tools", "failures", "rejections", "tokens")),
    look.column("duration", look.SECONDS, width=85),
    look.column("surface", colours=look.SURFACES, width=100),
    look.column("team", width=100),
    look.column("coverage", colours=look.COVERAGE, width=80),
    look.column("models", width=150),
    look.column("commits", look.COUNT, width=75, not_sent=True),
    look.column("lines_added", look.COUNT, width=85, not_sent=True),
    look.column("client", width=80),
    look.column("versions", width=220),
]


def _together() -> Json:
    sql = f"""
        SELECT
            count() AS sessions,
            uniqExactIf(user_label, user_label != '') AS users,
            sum(cost_nanousd) / 1e9 AS cost,
            sum(tool_call_count) AS tool_calls,
            sum(tool_failure_count) / nullIf(sum(tool_call_count), 0) AS failed,
            sum(tool_rejected_count) / nullIf(sum(tool_call_count), 0) AS rejected,
            countIf(outcome IN ('failed', 'struggling')) / nullIf(count(), 0) AS in_trouble
        FROM argus.session_list
        WHERE {_CONDITIONS}
        HAVING sessions > 0"""
    panel = panels.stat(
        "Together, of all that were chosen ${agent_type} ${query_source} ${version}",
        """All sessions that the filters leave: how many, whose, their cost; the share of their tool calls that failed or were
        rejected, and the share of sessions whose outcome is failed or struggling. The search narrows the list below only.""",
        table(sql),
        look.COUNT,
        links=[to_sessions(kept=(*FILTERS, *_OWN_FILTERS))],
        overrides=[
            look.override("cost", unit=look.USD, color=look.fixed(look.COST)),
            look.override("sessions", color=look.fixed(look.SESSIONS)),
            look.override("users", color=look.fixed(look.USERS)),
            look.override("tool_calls", displayName="tool calls", color=look.fixed(look.CALLS)),
            look.override("failed", displayName="of them failed", unit=look.SHARE, decimals=1),
            look.override("rejected", displayName="of them rejected", unit=look.SHARE, decimals=1),
            look.override("in_trouble", displayName="sessions in trouble", unit=look.SHARE, decimals=1),
        ],
        no_value="no session in this range",
    )
    panel["options"] |= {"orientation": "vertical"}  # the figures beside each other
    return panel


def _with_words() -> Json:
    # The first prompts are read of the sessions that will be shown; a search reads every text once, and shows what it found.
    sql = f"""
        WITH page AS (SELECT session_id FROM argus.session_list WHERE {_CONDITIONS} ORDER BY {_ORDER} LIMIT {_ROWS_MAX})
        SELECT
            {_FIGURES},
            multiIf(
                {_SEARCH} != '', found,
                is_private, '(private)',
                first_prompt = '', '(no words were sent)',
                leftUTF8(first_prompt, 300)) AS words,
            {_MORE_FIGURES}
        FROM (SELECT * FROM argus.session_list WHERE {_CONDITIONS}) AS sessions
        LEFT ANY JOIN
        (
            SELECT workspace, session_id, first_prompt FROM argus.session_text WHERE {_SEARCH} = '' AND session_id IN page
        ) AS texts USING (workspace, session_id)
        LEFT ANY JOIN
        (
            SELECT workspace, session_id, argMin({_AROUND_FIRST_WORD}, (ts, text)) AS found
            FROM argus.messages
            WHERE {_SEARCH} != '' AND {within("ts")} AND {_HAS_EVERY_WORD}
            GROUP BY workspace, session_id
        ) AS finds USING (workspace, session_id)
        WHERE $__conditionalAll(found != '', $search)
        ORDER BY {_ORDER}
        LIMIT {_ROWS_MAX}"""
    return panels.table(
        "Sessions",
        f"""The first {_ROWS_MAX} in the chosen order, each at work in the time range. With a search, those in which something
        said in the range holds every word, and where the first of them stands. A click opens the session at its costliest
        turns.""",
        table(sql, source=CONTENT),
        [*_COLUMNS, look.column("words", name="first prompt, or what was found", width=380)],
        links=[to_session()],
        hide=("workspace", "session_id"),
    )


def _in_figures() -> Json:
    sql = f"""
        SELECT
            {_FIGURES},
            {_MORE_FIGURES}
        FROM (SELECT * FROM argus.session_list WHERE {_CONDITIONS}) AS sessions
        ORDER BY {_ORDER}
        LIMIT {_ROWS_MAX}"""
    return panels.table(
        "Sessions, figures alone",
        f"The first {_ROWS_MAX} in the chosen order, from the number views alone. A click opens the session.",
        table(sql),
        _COLUMNS,
        links=[to_session()],
        hide=("workspace", "session_id"),
    )
