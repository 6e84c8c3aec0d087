"""
The views over 100,000 sessions and 5 million fact rows, made in SQL, in the shape of the recordings, over 30 days.

A session is 3 prompts, 13 API calls, 9 tool calls (4 records each: decision, result, the two of the hook) and what the
session facts need. The queries are those that people ask: one session, the sessions of a day, the cost of a month.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from argus_otel.query.sessions import SessionFilter, list_sessions
from argus_otel.schema.migrate import migrate
from argus_otel.schema.render import SchemaSettings
from argus_otel.store import EmbeddedStore

if TYPE_CHECKING:
    from collections.abc import Callable

_SESSIONS_AT_ONCE = 10_000
_SESSION = "lower(hex(MD5(toString(session))))"
_BEGAN = "now64(9) - toIntervalSecond(cityHash64(session) % (30 * 86400))"
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class ViewFigure:
    """How long one question took, and the most it may take."""

    question: str
    median_ms: float
    target_ms: float
    row_count: int


def measure_views(session_count: int, runs: int) -> tuple[int, list[ViewFigure]]:
    """Return the count of fact rows and the figures, warm."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        store = EmbeddedStore(Path(folder))
        try:
            migrate(store, SchemaSettings())
            for first in range(0, session_count, _SESSIONS_AT_ONCE):
                _fill(store, first, min(_SESSIONS_AT_ONCE, session_count - first))
            fact_count = int(store.rows("SELECT count() AS facts FROM argus.facts")[0]["facts"])
            return fact_count, [
                _asked(question, ask, target_ms, runs) for question, target_ms, ask in _questions(store, session_count)
            ]
        finally:
            store.close()


def _questions(store: EmbeddedStore, session_count: int) -> list[tuple[str, float, Callable[[], int]]]:
    session_id = store.rows(f"SELECT {_SESSION} AS id FROM (SELECT {session_count // 2} AS session)")[0]["id"]

    def of_session(view: str) -> Callable[[], int]:
        sql = f"SELECT * FROM argus.{view} WHERE session_id = {{id:String}}"
        return lambda: len(store.rows(sql, {"id": session_id}))

    by_hour = (
        "SELECT toStartOfHour(ts) AS hour, model, sum(cost_usd) AS cost_usd FROM argus.api_requests"
        " WHERE ts >= now() - INTERVAL 30 DAY GROUP BY hour, model ORDER BY hour"
    )
    return [
        *((f"one session: {view}", 50.0, of_session(view)) for view in ("sessions", "transcript", "tool_calls")),
        ("sessions of a day", 300.0, lambda: len(list_sessions(store, "argus", SessionFilter(since_s=_DAY_S)))),
        ("cost by hour, 30 days", 300.0, lambda: len(store.rows(by_hour))),
    ]


def _asked(question: str, ask: Callable[[], int], target_ms: float, runs: int) -> ViewFigure:
    row_count = ask()
    spent_ms = []
    for _ in range(runs):
        began_s = time.perf_counter()
        ask()
        spent_ms.append((time.perf_counter() - began_s) * 1e3)
    return ViewFigure(question, statistics.median(spent_ms), target_ms, row_count)


def _fill(store: EmbeddedStore, first: int, count: int) -> None:
    for name, sql in {"session_facts": _SESSION_FACTS, **_FACTS, **_TEXTS}.items():
        table = name.partition(":")[0]
        store.execute(
            f"INSERT INTO argus.{table} {sql.format(first=first, count=count)} SETTINGS max_partitions_per_insert_block = 0"
        )


def _things(per_session: int, thing: str, rest: str, records: str) -> str:
    """Return a SELECT of `per_session` things of each session, one row for each (leg, record) of `records`."""
    return f"""
        SELECT 'default' AS workspace, '{thing}' AS thing, {_SESSION} AS session_id,
            lower(hex(MD5(concat(session_id, '{thing}', toString(nth))))) AS identity,
            said.1 AS leg, said.2 AS record, {_BEGAN} + toIntervalSecond(nth * 20) AS ts,
            lower(hex(MD5(concat(session_id, 'prompt', toString(nth % 3))))) AS prompt_id, {rest}
        FROM (
            SELECT {{first}} + intDiv(number, {per_session}) AS session, number % {per_session} AS nth
            FROM numbers({{count}} * {per_session}))
        ARRAY JOIN [{records}] AS said"""


_SESSION_FACTS = f"""
    (workspace, session_id, leg, first_at, last_at, user_id, user_email, organization_id, services, entrypoints, is_ended)
    SELECT 'default', {_SESSION}, said, {_BEGAN}, {_BEGAN} + toIntervalSecond(300), hex(MD5(toString(session % 500))),
        concat('user', toString(session % 500), '@corp.example'), 'organization', ['claude-code'], ['sdk-py'], said = 'hook'
    FROM (SELECT {{first}} + number AS session FROM numbers({{count}})) ARRAY JOIN ['native', 'hook'] AS said"""

_KEY = "workspace, thing, session_id, identity, leg, record, ts, prompt_id"
_FACTS = {
    "facts:prompts": f"({_KEY}, is_human) "
    + _things(3, "prompt", "true", "('native', 'user_prompt'), ('hook', 'user_prompt')"),
    "facts:calls": f"({_KEY}, request_id, model, query_source, cost_nanousd, input_tokens, output_tokens,"
    " cache_read_tokens, cache_creation_tokens, duration_ms) "
    + _things(
        13,
        "api_request",
        "identity, if(nth % 4 = 0, 'claude-haiku-4-5', 'claude-sonnet-4-5'), 'sdk',"
        " 1000000 + session % 7919, 100 + nth, 50, 9000, 200, 1500",
        "('native', 'api_request')",
    ),
    "facts:tools": f"({_KEY}, tool_name, decision, decision_source, success, duration_ms, input_bytes, output_bytes) "
    + _things(
        9,
        "tool_call",
        "['Bash', 'Read', 'Edit', 'Grep'][1 + nth % 4], 'accept', 'config', nth != 7, 120, 80, 900",
        "('native', 'tool_decision'), ('native', 'tool_result'), ('hook', 'tool_call'), ('hook', 'tool_result')",
    ),
}


def _texts(field: str, per_session: int, thing: str, record: str) -> str:
    return f"""(workspace, session_id, thing, identity, field, leg, record, ts, text, is_truncated)
        SELECT workspace, session_id, thing, identity, '{field}', leg, record, ts, text, false
        FROM ({_things(per_session, thing, _WORDS, record)})"""


_WORDS = "concat('some words about ', identity, repeat(' and more of them', 10)) AS text"
_TEXTS = {
    "texts:prompts": _texts("prompt", 3, "prompt", "('hook', 'user_prompt')"),
    "texts:responses": _texts("response", 13, "api_request", "('native', 'assistant_response')"),
    "texts:inputs": _texts("input", 9, "tool_call", "('hook', 'tool_call')"),
    "texts:outputs": _texts("output", 9, "tool_call", "('hook', 'tool_result')"),
}
