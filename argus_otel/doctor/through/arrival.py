"""
What of a request is in ClickHouse: the landing row with its attributes, and whether the facts and views have it.

Values are compared as the landing tables write them: everything is text there, beside it the type of what was none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from argus_otel.config import Config
    from argus_otel.doctor.through.probe import Leg, Request, Value
    from argus_otel.store import ServerStore


@dataclass(frozen=True, slots=True)
class _Where:
    """Where a leg lands, and what shows that facts and views have it: what the leg is there for."""

    table: str
    time: str
    attributes: str
    is_it: str
    seen: str


_SPANS = ("otel_traces", "Timestamp", "SpanAttributes", "TraceId = {trace_id:String}")
_WHERE: Mapping[Leg, _Where] = {
    "logs": _Where(
        "otel_logs",
        "Timestamp",
        "LogAttributes",
        "LogAttributes['request_id'] = {session:String}",
        "{argus}.api_requests WHERE request_id = {{session:String}} AND",
    ),
    "metrics": _Where(
        "otel_metrics_sum",
        "TimeUnix",
        "Attributes",
        "Attributes['user.id'] = {session:String}",
        "{argus}.facts WHERE thing = 'metric' AND",
    ),
    "traces": _Where(*_SPANS, "{argus}.facts WHERE record = 'llm_request' AND"),
    "content": _Where(*_SPANS, "{argus}.turn_text WHERE prompt != '' AND"),
}


@dataclass(frozen=True, slots=True)
class Landed:
    """The landing row of one leg."""

    workspace: str
    scope: str
    resource: Mapping[str, str]
    attributes: Mapping[str, str]


def landed(reader: ServerStore, config: Config, request: Request, session_id: str) -> Landed | None:
    """
    Return the landing row of a request, None if it is not there; also found without its session id.

    Raises:
        StoreError: ClickHouse does not answer, or may not be read.
    """
    where = _WHERE[request.leg]
    at_s = request.at_ns // 10**9
    rows = reader.rows(
        f"""
        SELECT workspace, ScopeName AS scope, ResourceAttributes AS resource, {where.attributes} AS attributes
        FROM {config.otel_database}.{where.table}
        WHERE {where.time} >= toDateTime({at_s - 60}) AND {where.time} < toDateTime({at_s + 60})
            AND ({where.attributes}['session.id'] = {{session:String}} OR {where.is_it})
            AND ({{trace_id:String}} = '' OR {"TraceId" if request.trace_id else "''"} = {{trace_id:String}})
        LIMIT 1
        """,
        {"session": session_id, "trace_id": request.trace_id},
    )
    return Landed(**rows[0]) if rows else None


def is_seen(reader: ServerStore, config: Config, leg: Leg, session_id: str) -> bool:
    """Return whether the view or the facts that the leg is for have the probe."""
    source = _WHERE[leg].seen.format(argus=config.argus_database)
    rows = reader.rows(f"SELECT 1 FROM {source} session_id = {{session:String}} LIMIT 1", {"session": session_id})
    return bool(rows)


def lost(request: Request, row: Landed) -> list[str]:
    """Return the attributes that are not there any more, with those of the resource and the scope's name, by their names."""
    return [
        *(key for key in request.attributes if key not in row.attributes),
        *(f"resource {key}" for key in request.resource if key not in row.resource),
        *([f"scope {request.scope}"] if request.scope and not row.scope else []),
    ]


def changed(request: Request, row: Landed) -> list[str]:
    """Return the names of the attributes that have another value."""
    return [
        *(key for key, value in request.attributes.items() if not _is_same(value, row.attributes.get(key))),
        *(f"resource {key}" for key, value in request.resource.items() if not _is_same(value, row.resource.get(key))),
        *([f"scope {request.scope}"] if row.scope and row.scope != request.scope else []),
    ]


def _is_same(value: Value, kept: str | None) -> bool:
    """What is gone has not changed; a number may be written as 0, 0.0 or 0e0."""
    if kept is None:
        return True
    if isinstance(value, bool | str):
        return kept == (str(value).lower() if isinstance(value, bool) else value)
    try:
        return float(kept) == value
    except ValueError:
        return False
