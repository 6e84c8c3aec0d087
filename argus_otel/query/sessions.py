"""
Questions about sessions -> rows of the argus views.

A view is narrowed to a list of sessions before it aggregates: `session_id IN (…)` reaches the primary keys below it, a
predicate on an aggregated time does not. Numbers and texts are asked for apart, so that a reader without the text views
still gets the numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from argus_otel.errors import ArgusError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = dict[str, Any]

SORTS = {
    "started": "started_at DESC",
    "cost": "cost_usd DESC",
    "tokens": "input_tokens + output_tokens + cache_read_tokens + cache_creation_tokens DESC",
    "tools": "tool_call_count DESC",
    "failures": "tool_failure_count DESC",
}
"""What sessions can be sorted by; ties by session id."""


class Reader(Protocol):
    """Whoever runs a query with `{name:Type}` parameters."""

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[Row]: ...


class NoSuchSessionError(ArgusError):
    """No session's id begins so, or several do."""


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions, in which order, how many."""

    since_s: int | None = None
    workspace: str | None = None
    user: str | None = None
    sort: str = "started"
    limit: int = 20


def list_sessions(reader: Reader, argus: str, wanted: SessionFilter) -> list[Row]:
    """
    Return rows of argus.sessions with `first_prompt` added (NULL for a reader who may not see text).

    Args:
        argus: the database of the views.
        wanted: `sort` is a key of SORTS.
    """
    parameters = {"limit": str(wanted.limit)}
    recent = [] if wanted.since_s is None else [f"last_at >= now() - toIntervalSecond({int(wanted.since_s)})"]
    conditions = []
    if wanted.workspace is not None:
        parameters["workspace"] = wanted.workspace
        recent.append("workspace = {workspace:String}")
        conditions.append("workspace = {workspace:String}")
    if recent:
        conditions.append(f"session_id IN (SELECT session_id FROM {argus}.session_facts WHERE {' AND '.join(recent)})")
    if wanted.user is not None:
        parameters["user"] = wanted.user
        conditions.append(
            "(user_email = {user:String} OR user_id = {user:String} OR attributes['enduser.id'] = {user:String})"
        )
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    # Which ones first: sorting reads a few columns of many sessions, the answer all columns of a few.
    page = reader.rows(
        f"SELECT workspace, session_id FROM {argus}.sessions {where}"
        f"ORDER BY {SORTS[wanted.sort]}, session_id LIMIT {{limit:UInt32}}",
        parameters,
    )
    keys = [_key(row) for row in page]
    ids = {"session_ids": json.dumps([session_id for _, session_id in keys])}
    rows = {_key(row): row for row in reader.rows(f"SELECT * FROM {argus}.sessions WHERE {_AMONG}", ids)}
    prompts = _first_prompts(reader, argus, ids)
    return [{**rows[key], "first_prompt": prompts.get(key)} for key in keys]


def find_session(reader: Reader, argus: str, prefix: str) -> tuple[str, str]:
    """
    Return (workspace, session id) of the one session whose id begins with `prefix`.

    Raises:
        NoSuchSessionError: there is none, or more than one; names some.
    """
    rows = reader.rows(
        f"SELECT DISTINCT workspace, session_id FROM {argus}.session_facts"
        " WHERE startsWith(session_id, {prefix:String}) ORDER BY session_id LIMIT 5",
        {"prefix": prefix},
    )
    if not rows:
        raise NoSuchSessionError(f"no session begins with {prefix!r}: `argus-otel sessions` lists them")
    exact = [row for row in rows if row["session_id"] == prefix]
    if len(rows) > 1 and len(exact) != 1:
        found = ", ".join(str(row["session_id"]) for row in rows)
        raise NoSuchSessionError(f"several sessions begin with {prefix!r}: {found}")
    row = (exact or rows)[0]
    return str(row["workspace"]), str(row["session_id"])


def read_session(reader: Reader, argus: str, workspace: str, session_id: str) -> dict[str, Any]:
    """Return {session, turns, tool_calls, transcript} of one session; `transcript` is None for a reader who may not see text."""
    parameters = {"workspace": workspace, "session_id": session_id}
    where = "WHERE workspace = {workspace:String} AND session_id = {session_id:String}"
    sessions = reader.rows(f"SELECT * FROM {argus}.sessions {where}", parameters)
    turns = reader.rows(f"SELECT * FROM {argus}.turns {where} ORDER BY turn_index", parameters)
    try:
        transcript = reader.rows(f"SELECT * FROM {argus}.transcript {where} ORDER BY position", parameters)
    except StoreError as error:
        if error.code != _ACCESS_DENIED:
            raise
        transcript = None
    calls = reader.rows(
        f"SELECT tool_use_id, success, decision FROM {argus}.tool_calls {where} ORDER BY started_at, tool_use_id",
        parameters,
    )
    return {"session": sessions[0], "turns": turns, "tool_calls": calls, "transcript": transcript}


def cost_by_day(reader: Reader, argus: str) -> list[Row]:
    """Return (day, sessions, cost_usd) for each day with a call of the API, oldest first."""
    return reader.rows(
        "SELECT toString(toDate(ts)) AS day, uniqExact(workspace, session_id) AS sessions, sum(cost_nanousd) / 1e9 AS cost_usd"
        f" FROM {argus}.api_requests GROUP BY day ORDER BY day"
    )


_ACCESS_DENIED = 497


_AMONG = "session_id IN (SELECT arrayJoin(JSONExtract({session_ids:String}, 'Array(String)')))"


def _key(row: Row) -> tuple[str, str]:
    return row["workspace"], row["session_id"]


def _first_prompts(reader: Reader, argus: str, ids: Mapping[str, str]) -> dict[tuple[str, str], str]:
    try:
        rows = reader.rows(f"SELECT workspace, session_id, first_prompt FROM {argus}.session_text WHERE {_AMONG}", ids)
    except StoreError as error:
        if error.code != _ACCESS_DENIED:
            raise
        return {}
    return {_key(row): row["first_prompt"] for row in rows}
