"""The read side: what people ask, as SQL over the views, for whoever can run it: any ClickHouse with the schema."""

from __future__ import annotations

from argus_otel.query.sessions import SORTS, SessionFilter, cost_by_day, find_session, list_sessions, read_session

__all__ = ["SORTS", "SessionFilter", "cost_by_day", "find_session", "list_sessions", "read_session"]
