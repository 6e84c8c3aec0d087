"""
A session -> its waterfall: session, turns, subagents, API requests and tool calls as spans under the names that Grafana asks for.

Made of the number views alone. The service name is the kind of a span, because Grafana colours by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder import panels
from builder.one_session import OF_SESSION, OF_TURN, SESSION, TURN
from builder.queries import traces

if TYPE_CHECKING:
    from builder import Json

_SPANS_MAX = 5_000


def waterfall() -> Json:
    """Return the panel."""
    sql = f"""
        SELECT
            {SESSION} AS traceID,
            spanID,
            parentSpanID,
            serviceName,
            operationName,
            toFloat64(toUnixTimestamp64Milli(started)) AS startTime,
            toFloat64(lasted_ms) AS duration,
            arrayMap(pair -> map('key', pair.1, 'value', pair.2), arrayFilter(pair -> pair.2 != '', attributes)) AS tags,
            [map('key', 'session.id', 'value', {SESSION})] AS serviceTags,
            if(is_failed, 2, 0) AS statusCode
        FROM
        (
            SELECT {_SESSION_SPAN}
            FROM argus.session_list
            WHERE {OF_SESSION} AND {TURN} = ''
            UNION ALL
            SELECT {_TURN_SPAN}
            FROM argus.turns
            WHERE {OF_TURN}
            UNION ALL
            SELECT {_SUBAGENT_SPAN}
            FROM argus.api_requests
            WHERE {OF_TURN} AND agent_id != ''
            GROUP BY session_id, agent_id
            UNION ALL
            SELECT {_REQUEST_SPAN}
            FROM argus.api_requests
            WHERE {OF_TURN}
            UNION ALL
            SELECT {_CALL_SPAN}
            FROM argus.tool_calls
            WHERE {OF_TURN}
        )
        ORDER BY startTime, duration DESC, spanID
        LIMIT {_SPANS_MAX}"""
    return panels.traces(
        "Waterfall",
        """The session, its turns, and in each the API requests and tool calls, those of a subagent below it. Times and names
        alone, no text. Colours tell session, turn, subagent, API request, tool and MCP server apart; a failed call is marked.""",
        traces(sql),
        no_value="nothing to draw: no session is chosen",
    )


def _span(parent: str, kind: str, name: str, started: str, lasted_ms: str, is_failed: str, **attributes: str) -> str:
    pairs = ", ".join(f"('{key}', toString({what}))" for key, what in attributes.items())
    return f"""
                {parent} AS parentSpanID,
                {kind} AS serviceName,
                {name} AS operationName,
                {started} AS started,
                {lasted_ms} AS lasted_ms,
                {is_failed} AS is_failed,
                [{pairs}] AS attributes"""


def _between(started: str, ended: str) -> str:
    return f"toFloat64(toUnixTimestamp64Milli({ended}) - toUnixTimestamp64Milli({started}))"


_PARENT = "multiIf(agent_id != '', agent_id, prompt_id != '', prompt_id, session_id)"
_USD = "cost_nanousd / 1e9"

_SESSION_SPAN = "session_id AS spanID," + _span(
    "''",
    "'session'",
    "concat('session of ', user_label)",
    "started_at",
    _between("started_at", "ended_at"),
    "outcome = 'failed'",
    cost_usd=_USD,
    outcome="outcome",
    coverage="coverage",
    turns="turn_count",
)
_TURN_SPAN = "prompt_id AS spanID," + _span(
    f"if({TURN} = '', session_id, '')",
    "'turn'",
    "concat('turn ', toString(turn_index))",
    "started_at",
    _between("started_at", "ended_at"),
    "false",
    cost_usd="cost_usd",
    requests="api_request_count",
    tools="tool_call_count",
    failures="tool_failure_count",
)
_REQUEST_BEGAN = "ts - toIntervalMillisecond(if(cost_source = 'estimated', 0, coalesce(duration_ms, 0)))"
"""An event tells when a call was done, a span alone when it began."""
_SUBAGENT_SPAN = "agent_id AS spanID," + _span(
    "if(max(prompt_id) != '', max(prompt_id), session_id)",
    "'subagent'",
    "if(max(agent_type) != '', max(agent_type), 'subagent')",
    f"min({_REQUEST_BEGAN})",
    _between(f"min({_REQUEST_BEGAN})", "max(ts)"),
    "false",
    agent_id="agent_id",
    cost_usd="sum(cost_nanousd) / 1e9",
)
_REQUEST_SPAN = "request_id AS spanID," + _span(
    _PARENT,
    "'API request'",
    "model",
    _REQUEST_BEGAN,
    "toFloat64(coalesce(duration_ms, 0))",
    "false",
    cost_usd=_USD,
    query_source="query_source",
    input_tokens="input_tokens",
    output_tokens="output_tokens",
    cache_read_tokens="cache_read_tokens",
    cache_creation_tokens="cache_creation_tokens",
    skill="skill",
)
_CALL_SPAN = "tool_use_id AS spanID," + _span(
    _PARENT,
    "if(mcp_server = '', 'tool', concat('MCP ', mcp_server))",
    "tool_name",
    "started_at",
    "toFloat64(coalesce(duration_ms, 0))",
    "coalesce(success = false, false)",
    decision="decision",
    decided_by="decision_source",
    error_type="error_type",
    input_bytes="coalesce(input_bytes, 0)",
    output_bytes="coalesce(output_bytes, 0)",
    skill="skill",
)
