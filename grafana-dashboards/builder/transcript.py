"""
A session -> its transcript as a log that is read from top to bottom, and the list of its pages.

A line begins with who or what, then what it cost; the word in capitals and the level, which colours the line, mark failed,
rejected and truncated ones. What was said nowhere else on the line stands in its labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder import look, panels
from builder.links import to_session
from builder.one_session import OF_TURN, PAGE, PAGE_ROWS, TURN, span
from builder.queries import CONTENT, logs, table

if TYPE_CHECKING:
    from builder import Json

_EXCERPT = 4_000
"""Characters of an entry that are shown while no turn is chosen."""


def transcript() -> Json:
    """Return the log."""
    sql = f"""
        WITH
            multiIf(
                decision = 'reject', 'REJECTED',
                kind = 'tool_result' AND success = false, 'FAILED',
                kind = 'tool_call', 'CALL',
                kind = 'tool_result', 'RESULT',
                kind = 'assistant' AND text = '', 'API CALL',
                upper(kind)) AS word,
            if(tool_name = '', word, concat(word, ' ', tool_name)) AS what,
            if(agent_id = '', what, concat(what, ' [agent ', substring(agent_id, 1, 8), ']')) AS head,
            -- What a shell is told, what it answers and what a file holds read better without their quotes.
            multiIf(
                kind = 'tool_call' AND JSONHas(text, 'command'), JSONExtractString(text, 'command'),
                kind = 'tool_result' AND JSONHas(text, 'stdout'), arrayStringConcat(arrayFilter(
                    said -> said != '', [JSONExtractString(text, 'stdout'), JSONExtractString(text, 'stderr')]), '\\n'),
                kind = 'tool_result' AND JSONHas(text, 'file', 'content'), JSONExtractString(text, 'file', 'content'),
                text) AS told,
            lengthUTF8(told) - {_EXCERPT} AS too_much,
            multiIf(
                word = 'API CALL', '',
                told = '', ' ▸ (no words)',
                {TURN} = '' AND too_much > 0, concat(' ▸ ', leftUTF8(told, {_EXCERPT}),
                    '\\n[… ', toString(too_much), ' more characters: choose the turn to read them]'),
                concat(' ▸ ', told)) AS words,
            nth = {PAGE_ROWS} * {PAGE} AND nth < entry_count AS is_last_of_page
        SELECT
            -- Nanoseconds keep the order within a millisecond.
            toDateTime64(ts, 9, 'UTC') + toIntervalNanosecond(position % 1000000) AS timestamp,
            concat(
                head,
                if(cost_usd > 0, concat(' $', toString(round(cost_usd, 4))), ''),
                words,
                if(is_truncated, '\\n[truncated: the sender cut it]', ''),
                if(is_last_of_page, concat('\\n\\n[entry ', toString(nth), ' of ', toString(entry_count),
                    ': page ', toString({PAGE} + 1), ' goes on]'), '')) AS body,
            multiIf(
                word = 'FAILED' OR kind = 'system' AND startsWith(text, 'API error'), 'error',
                word = 'REJECTED' OR kind = 'compaction', 'warning',
                kind = 'user', 'info',
                kind = 'assistant', 'debug',
                kind IN ('tool_call', 'tool_result'), 'trace',
                'unknown') AS level,
            kind AS role,
            tool_name AS tool,
            if(agent_id = '', 'main', agent_id) AS agent,
            if(cost_usd > 0, toString(round(cost_usd, 6)), '') AS cost_usd_of_call,
            toString(position) AS entry,
            prompt_id AS turn,
            tool_use_id,
            request_id,
            error_type,
            if(is_truncated, 'yes', '') AS truncated,
            source
        FROM
        (
            SELECT *, row_number() OVER (ORDER BY position) AS nth, count() OVER () AS entry_count
            FROM argus.transcript
            WHERE {OF_TURN}
        ) AS entries
        LEFT ANY JOIN
        (
            SELECT tool_use_id, success, decision, error_type
            FROM argus.tool_calls
            WHERE {OF_TURN} AND tool_use_id != ''
        ) AS calls USING (tool_use_id)
        WHERE nth > {PAGE_ROWS} * ({PAGE} - 1) AND nth <= {PAGE_ROWS} * {PAGE}
        ORDER BY nth"""
    return panels.logs(
        "Transcript",
        f"""Everything said and done, oldest first: USER, ASSISTANT with what its API call cost, API CALL without known words,
        CALL and RESULT of a tool, FAILED and REJECTED ones, subagents, compactions. {PAGE_ROWS:,} entries a page;
        "page" at the top turns it, "turn" shows one turn alone and in full. A click on a line shows its labels.""",
        logs(sql),
        no_value="nothing to read: no session is chosen, or none of its words were sent",
    )


def pages() -> Json:
    """Return the list of pages: of the session, or of the turn that is chosen."""
    sql = f"""
        SELECT
            intDiv(nth - 1, {PAGE_ROWS}) + 1 AS page,
            count() AS entries,
            min(ts) AS begins,
            workspace,
            session_id,
            {TURN} AS this_turn,
            toString(page) AS page_text,
            {span("toUnixTimestamp64Milli(min(ts))", "toUnixTimestamp64Milli(max(ts))")}
        FROM
        (
            SELECT workspace, session_id, ts, row_number() OVER (ORDER BY position) AS nth
            FROM argus.transcript
            WHERE {OF_TURN}
        )
        GROUP BY workspace, session_id, page
        ORDER BY page"""
    return panels.table(
        "Pages of the transcript",
        "Of the session, or of the turn that is chosen. A click opens the page.",
        table(sql, source=CONTENT),
        [
            look.column("page", look.COUNT, width=50),
            look.column("entries", look.COUNT, width=65),
            look.column("begins", look.TIME),
        ],
        links=[to_session("Open this page", turn="this_turn", page="page_text")],
        hide=("workspace", "session_id", "this_turn", "page_text", "first_page"),
    )
