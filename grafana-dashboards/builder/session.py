"""
Nothing -> argus-session: one session, from what it cost to what was said.

First the turns that cost most, each a link to its place; then where the money went; then the transcript, the waterfall and the
calls. Only the course of the cost knows the dashboard's time range: a session is shown whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder import look, panels, variables
from builder.layout import dashboard as dashboard_of
from builder.layout import heading, line
from builder.links import RANGE, to_dashboard, to_session
from builder.one_session import (
    HIDDEN,
    OF_SESSION,
    OF_TURN,
    PAGE_ROWS,
    SESSION,
    SPAN_OF_CALL,
    SPAN_OF_TURN,
    TO_TURN,
    TO_WHOLE_SESSION,
    TURN_KEY,
    excerpt,
    span,
)
from builder.queries import CONTENT, series, table
from builder.transcript import pages, transcript
from builder.waterfall import waterfall

if TYPE_CHECKING:
    from builder import Json

_VARIABLES = [
    *variables.SOURCES,
    variables.WORKSPACE,
    variables.textbox("session", "Session", "The id of a session. Argus / Sessions lists them and fills this in."),
    variables.textbox(
        "turn",
        "Turn",
        "The id of a prompt: only its turn is shown below. Empty: the whole session. The turns link here.",
    ),
    variables.textbox("page", "Page", f"Of the transcript: {PAGE_ROWS:,} entries each.", "1"),
]

_WORDS_MAX, _BEGINNING_MAX = 4_000, 300
"""Characters of a text in a table: to be read, or to be known by."""

_ALL_OF_IT = to_session(
    "Show the whole session", RANGE, workspace="${workspace:percentencode}", session="${session:percentencode}"
)
"""From a figure that has no turn of its own."""
_ENDS = {"failed": look.BAD, "rejected": look.OUTCOMES["rejected"], "ok": look.GOOD, "unknown": look.QUIET}
_ENDED = "multiIf(decision = 'reject', 'rejected', success = false, 'failed', success = true, 'ok', 'unknown') AS ended"
_DURATION_S = "(toUnixTimestamp64Milli(ended_at) - toUnixTimestamp64Milli(started_at)) / 1e3 AS duration"
_BY_COST = f"FROM argus.turns WHERE {OF_SESSION} ORDER BY cost_usd DESC, turn_index LIMIT 100"


def dashboard() -> Json:
    """Return argus-session."""
    return dashboard_of(
        "argus-session",
        "Argus / Session",
        """One session: what it cost, which turns made it dear, and what was said and done in them. Panels with text read from
        the content source, all others from the number views alone.""",
        _VARIABLES,
        [
            line(4, _cost(), _header(), widths=(4, 20)),
            line(8, _costliest_turns(), _costliest_words(), widths=(13, 11)),
            line(8, _cost_by_turn(), _cost_so_far(), _cost_by_tool(), _cost_by_agent(), widths=(8, 6, 5, 5)),
            heading("What was said and done"),
            line(24, transcript(), pages(), widths=(20, 4)),
            heading("Where the time went"),
            line(14, waterfall()),
            heading("Turns and tool calls"),
            line(10, _turns()),
            line(10, _tool_texts()),
            line(10, _tool_calls()),
            heading("API requests and versions"),
            line(10, _api_requests(), _versions(), widths=(17, 7)),
        ],
    )


def _cost() -> Json:
    return panels.stat(
        "Cost",
        "What the session's API calls reported; the client's figure, not a bill.",
        table(
            f"SELECT sum(cost_nanousd) / 1e9 AS cost_usd FROM argus.session_list WHERE {OF_SESSION} HAVING count() > 0"
        ),
        look.USD,
        colour=look.COST,
        links=[_ALL_OF_IT],
        no_value="no session",
    )


def _header() -> Json:
    sql = f"""
        SELECT
            multiIf(
                {SESSION} = '', 'No session chosen: open one from Argus / Sessions, or paste its id at the top.',
                count() = 0, 'No session has this id: look whether the workspace at the top is the right one.',
                count() > 1, 'Several workspaces have a session of this id: choose one at the top.',
                any(is_private), 'Private: its words are gone, its figures stay.',
                any(is_ended), 'Ended.',
                any(sessions.coverage) = 'native', 'Whether it has ended, only the plugin would tell.',
                'No end was told: it runs, or was cut off.') AS state,
            any(user_label) AS user,
            any(team) AS team,
            any(surface) AS surface,
            anyOrNull(started_at) AS started,
            anyOrNull(duration_s) AS duration,
            any(outcome) AS outcome,
            any(coverage) AS coverage,
            anyOrNull(turn_count) AS turns,
            anyOrNull(tool_call_count) AS tools,
            anyOrNull(tool_failure_count) AS failures,
            anyOrNull(tool_rejected_count) AS rejections,
            arrayStringConcat(any(models), ', ') AS models,
            any(repository) AS repository,
            any(client_version) AS client,
            any(workspace) AS workspace,
            any(session_id) AS session_id,
            '' AS every_turn,
            {span("toUnixTimestamp64Milli(any(started_at))", "toUnixTimestamp64Milli(any(ended_at))")}
        FROM (SELECT * FROM argus.session_list WHERE {OF_SESSION}) AS sessions"""
    return panels.table(
        "Session",
        """Who, when, on which surface, how it went (docs/views.md: outcome) and which legs told of it: native telemetry, the
        plugin's hooks, or both. A click shows the whole session again after a turn was chosen.""",
        table(sql),
        [
            look.column("state", width=260),
            look.column("user", width=170),
            look.column("surface", colours=look.SURFACES, width=100),
            look.column("started", look.TIME, width=160),
            look.column("duration", look.SECONDS, width=80),
            look.column("outcome", colours=look.OUTCOMES, width=90),
            look.column("coverage", colours=look.COVERAGE, width=80),
            *(look.column(name, look.COUNT, width=75) for name in ("turns", "tools", "failures", "rejections")),
        ],
        links=[TO_WHOLE_SESSION],
        hide=HIDDEN,
        wrap=True,
    )


def _costliest_turns() -> Json:
    sql = f"""
        SELECT
            turn_index AS turn,
            cost_usd AS cost,
            cost_usd / nullIf(sum(cost_usd) OVER (), 0) AS share,
            api_request_count AS requests,
            tool_call_count AS tools,
            tool_failure_count AS failures,
            tool_rejected_count AS rejections,
            {_DURATION_S},
            started_at AS started,
            {TURN_KEY},
            {SPAN_OF_TURN}
        {_BY_COST}"""
    return panels.table(
        "Costliest turns",
        "The session's turns, dearest first. A click goes to the turn: its words, its calls, its time.",
        table(sql),
        [
            look.column("turn", look.COUNT, width=55),
            look.column("cost", look.USD, gauge=True),
            look.column("share", look.SHARE, width=70),
            *(look.column(name, look.COUNT, width=75) for name in ("requests", "tools", "failures", "rejections")),
            look.column("duration", look.SECONDS, width=80),
            look.column("started", look.TIME, width=160),
        ],
        links=[TO_TURN],
        hide=HIDDEN,
    )


def _costliest_words() -> Json:
    sql = f"""
        SELECT
            turn,
            {_said("prompt", _BEGINNING_MAX)} AS asked,
            {_said("response", _BEGINNING_MAX)} AS answered,
            {TURN_KEY},
            from_ms,
            to_ms,
            first_page
        FROM (SELECT turn_index AS turn, cost_usd, {TURN_KEY}, {SPAN_OF_TURN} {_BY_COST}) AS turns
        {_WITH_WORDS}
        ORDER BY cost_usd DESC, turn"""
    return panels.table(
        "What was asked in them",
        "The same turns in the same order: how the prompt begins and how the answer does. A click goes to the turn.",
        table(sql, source=CONTENT),
        [look.column("turn", look.COUNT, width=55), look.column("asked"), look.column("answered")],
        unit=look.TEXT,
        links=[TO_TURN],
        hide=HIDDEN,
    )


_WITH_WORDS = f"""LEFT ANY JOIN
        (
            SELECT {TURN_KEY}, prompt, response FROM argus.turn_text WHERE {OF_SESSION}
        ) AS texts USING ({TURN_KEY})"""


def _said(text: str, length_max: int) -> str:
    return f"if({text} = '', '(no words)', {excerpt(text, length_max)})"


def _cost_by_turn() -> Json:
    sql = f"""
        SELECT
            toString(turn_index) AS turn,
            sumIf(cost_nanousd, agent_id = '') / 1e9 AS main,
            sumIf(cost_nanousd, agent_id != '') / 1e9 AS subagents,
            {TURN_KEY},
            from_ms,
            to_ms,
            first_page
        FROM (SELECT {TURN_KEY}, turn_index, {SPAN_OF_TURN} FROM argus.turns WHERE {OF_SESSION}) AS turns
        INNER JOIN
        (
            SELECT {TURN_KEY}, agent_id, cost_nanousd FROM argus.api_requests WHERE {OF_SESSION}
        ) AS requests USING ({TURN_KEY})
        GROUP BY turn_index, {TURN_KEY}, from_ms, to_ms, first_page
        ORDER BY turn_index
        LIMIT 500"""
    return panels.bar_chart(
        "Cost by turn",
        "In the order of the turns: what the main agent cost and what its subagents did. A click on a bar goes to the turn.",
        table(sql),
        look.USD,
        stacked=True,
        links=[TO_TURN],
        overrides=[
            look.override("main", color=look.fixed(look.COST)),
            look.override("subagents", color=look.fixed(look.ROLES["subagent"])),
            *look.hidden(*HIDDEN),
        ],
    )


def _cost_so_far() -> Json:
    sql = f"""
        SELECT
            ts AS time,
            sum(cost_nanousd) OVER (ORDER BY ts, request_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) / 1e9 AS cost
        FROM argus.api_requests
        WHERE {OF_SESSION}
        ORDER BY ts, request_id"""
    return panels.timeseries(
        "Cost so far",
        "What the session had cost by each API call. Steep: dear calls; flat: waiting, or tools at work.",
        series(sql),
        look.USD,
        colour=look.COST,
        links=[_ALL_OF_IT],
        interval="1s",
    )


def _cost_by_tool() -> Json:
    # A call tells which request asked for it; where it does not, that was its agent's latest one.
    sql = f"""
        SELECT if(tool = '', '(answers)', tool) AS tool_name, sum(cost_nanousd / length(tools)) / 1e9 AS cost_usd
        FROM
        (
            SELECT cost_nanousd, if(empty(asked), [''], asked) AS tools
            FROM (SELECT request_id, cost_nanousd FROM argus.api_requests WHERE {OF_SESSION}) AS requests
            LEFT ANY JOIN
            (
                SELECT
                    if(calls.request_id != '', calls.request_id, latest.request_id) AS request_id,
                    groupArray(toString(tool_name)) AS asked
                FROM (SELECT agent_id, request_id, started_at, tool_name FROM argus.tool_calls WHERE {OF_SESSION}) AS calls
                ASOF LEFT JOIN (SELECT agent_id, request_id, ts FROM argus.api_requests WHERE {OF_SESSION}) AS latest
                    ON calls.agent_id = latest.agent_id AND calls.started_at >= latest.ts
                GROUP BY request_id
            ) AS asked_for USING (request_id)
        )
        ARRAY JOIN tools AS tool
        GROUP BY tool
        ORDER BY cost_usd DESC, tool
        LIMIT 12"""
    return panels.bar_gauge(
        "Cost by tool",
        "Each API call is put down to the tool it asked for, to equal parts if it asked for several; answers asked for none.",
        table(sql),
        look.USD,
        colour=look.COST,
        links=[
            _ALL_OF_IT,
            to_dashboard("How the tools do elsewhere", "argus-tools", workspace="${workspace:percentencode}"),
        ],
    )


def _cost_by_agent() -> Json:
    sql = f"""
        SELECT
            if(agent_id = '', 'main', trimLeft(concat(max(agent_type), ' ', substring(agent_id, 1, 8)))) AS agent,
            sum(cost_nanousd) / 1e9 AS cost_usd
        FROM argus.api_requests
        WHERE {OF_SESSION}
        GROUP BY agent_id
        ORDER BY cost_usd DESC, agent_id
        LIMIT 12"""
    return panels.bar_gauge(
        "Cost by subagent",
        "The main agent and each subagent, by its type and the first letters of its id.",
        table(sql),
        look.USD,
        colour=look.ROLES["subagent"],
        links=[_ALL_OF_IT],
    )


def _turns() -> Json:
    sql = f"""
        SELECT
            turn_index AS turn,
            started_at AS started,
            multiIf(is_human = true, 'person', is_human = false, 'machine', 'unknown') AS by,
            {_said("prompt", _WORDS_MAX)} AS asked,
            {_said("response", _WORDS_MAX)} AS answered,
            cost_usd AS cost,
            tool_call_count AS tools,
            tool_failure_count AS failures,
            {TURN_KEY},
            {SPAN_OF_TURN}
        FROM (SELECT * FROM argus.turns WHERE {OF_TURN}) AS turns
        {_WITH_WORDS}
        ORDER BY turn_index
        LIMIT 500"""
    return panels.table(
        "Turns",
        "What was asked and the last that was answered, in order; who asked, if that is known. A click goes to the turn.",
        table(sql, source=CONTENT),
        [
            look.column("turn", look.COUNT, width=55),
            look.column("started", look.TIME, width=160),
            look.column(
                "by", colours={"person": look.ROLES["user"], "machine": look.QUIET, "unknown": look.QUIET}, width=80
            ),
            look.column("asked"),
            look.column("answered"),
            look.column("cost", look.USD, width=80),
            *(look.column(name, look.COUNT, width=75) for name in ("tools", "failures")),
        ],
        links=[TO_TURN],
        hide=HIDDEN,
        wrap=True,
    )


def _tool_texts() -> Json:
    sql = f"""
        SELECT
            started_at AS started,
            tool_name AS tool,
            {_ENDED},
            {excerpt("input", _WORDS_MAX)} AS input,
            {excerpt("if(error != '', error, output)", _WORDS_MAX)} AS result,
            if(is_truncated, 'yes', '') AS truncated,
            {TURN_KEY},
            {SPAN_OF_CALL}
        FROM (SELECT * FROM argus.tool_calls WHERE {OF_TURN}) AS calls
        LEFT ANY JOIN
        (
            SELECT tool_use_id, input, output, error, is_truncated FROM argus.tool_text WHERE {OF_SESSION}
        ) AS texts USING (tool_use_id)
        ORDER BY started_at, tool_use_id
        LIMIT 1000"""
    return panels.table(
        "Tool calls: what went in and what came out",
        """In order, of the chosen turn or of all, 1,000 at most. A long text is cut here; the transcript of its turn has all of
        it.""",
        table(sql, source=CONTENT),
        [
            look.column("started", look.TIME, width=160),
            look.column("tool", width=140),
            look.column("ended", colours=_ENDS, width=80),
            look.column("input"),
            look.column("result"),
            look.column("truncated", width=80),
        ],
        links=[TO_TURN],
        hide=HIDDEN,
        wrap=True,
    )


def _tool_calls() -> Json:
    sql = f"""
        SELECT
            started_at AS started,
            tool_name AS tool,
            {_ENDED},
            duration_ms AS duration,
            error_type AS error,
            decision,
            decision_source AS decided_by,
            input_bytes AS "in",
            output_bytes AS "out",
            mcp_server,
            skill,
            if(agent_id = '', 'main', substring(agent_id, 1, 8)) AS agent,
            coverage,
            {TURN_KEY},
            {SPAN_OF_CALL}
        FROM argus.tool_calls
        WHERE {OF_TURN}
        ORDER BY started_at, tool_use_id
        LIMIT 1000"""
    return panels.table(
        "Tool calls: figures",
        "The same calls without their text: how each ended, how long it took, who allowed it, how much went in and came out.",
        table(sql),
        [
            look.column("started", look.TIME, width=160),
            look.column("tool", width=140),
            look.column("ended", colours=_ENDS, width=80),
            look.column("duration", look.MILLISECONDS, width=90),
            look.column("decision", colours=look.DECISIONS, width=80),
            look.column("decided_by", width=120),
            look.column("mcp_server"),
            look.column("in", look.BYTES, width=80),
            look.column("out", look.BYTES, width=80),
            look.column("coverage", colours=look.COVERAGE, width=80),
        ],
        links=[TO_TURN],
        hide=HIDDEN,
    )


def _api_requests() -> Json:
    sql = f"""
        SELECT
            ts AS at,
            model,
            query_source AS "from",
            if(agent_id = '', 'main', trimLeft(concat(agent_type, ' ', substring(agent_id, 1, 8)))) AS agent,
            cost_nanousd / 1e9 AS cost,
            input_tokens AS input,
            output_tokens AS output,
            cache_read_tokens AS cache_read,
            cache_creation_tokens AS cache_creation,
            duration_ms AS duration,
            ttft_ms AS first_token,
            skill,
            {TURN_KEY},
            {span("toUnixTimestamp64Milli(ts) - coalesce(duration_ms, 0)", "toUnixTimestamp64Milli(ts)")}
        FROM argus.api_requests
        WHERE {OF_TURN}
        ORDER BY ts, request_id
        LIMIT 1000"""
    return panels.table(
        "API requests",
        "Each call of the model: what it cost, its tokens, how long until the first token and until the end; 1,000 at most.",
        table(sql),
        [
            look.column("at", look.TIME, width=160),
            look.column("model", width=150),
            look.column("from", width=110),
            look.column("cost", look.USD, width=80),
            *(look.column(name, look.COUNT, width=75) for name in ("input", "output", "cache_read", "cache_creation")),
            *(look.column(name, look.MILLISECONDS, width=80) for name in ("duration", "first_token")),
        ],
        links=[TO_TURN],
        hide=HIDDEN,
    )


def _versions() -> Json:
    sql = f"""
        SELECT versioned.1 AS "of", versioned.2 AS hash
        FROM argus.session_list
        ARRAY JOIN CAST(versions, 'Array(Tuple(String, String))') AS versioned
        WHERE {OF_SESSION}
        ORDER BY "of", hash"""
    return panels.table(
        "Versions",
        "What the session ran with: hashes of its skills, plugins, CLAUDE.md files and settings, as the plugin told them.",
        table(sql),
        unit=look.TEXT,
        links=[to_dashboard("Sessions before and after a version", "argus-versions")],
    )
