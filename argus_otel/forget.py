"""
`argus-otel forget`: one session, by whoever runs the service -> what /private would have done.

The order goes to the running service's control socket, where it is made durable; how far it is stands in argus.erasures.
"""

from __future__ import annotations

import getpass
import time
from typing import TYPE_CHECKING, Any

from argus_otel.errors import StoreError
from argus_otel.running import command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from argus_otel.query.sessions import Reader

_POLL_S = 0.2


def ask(data_dir: Path, workspace: str, session_id: str) -> None:
    """
    Make the order durable; whatever ClickHouse does, it is carried out from here on.

    Raises:
        NotRunningError, ControlError: nothing was ordered.
    """
    body = {"workspace": workspace, "session_id": session_id, "asked_by": getpass.getuser()}
    command(data_dir, "POST", "/forget", body)


def known_ids(reader: Reader, argus: str, workspace: str, beginning: str) -> list[str]:
    """Return some ids of sessions that begin so, the very one first if it is there; none if ClickHouse does not answer."""
    try:
        rows = reader.rows(
            f"SELECT DISTINCT session_id FROM {argus}.session_facts WHERE workspace = {{workspace:String}}"
            " AND startsWith(session_id, {beginning:String}) ORDER BY length(session_id), session_id LIMIT 3",
            {"workspace": workspace, "beginning": beginning},
        )
    except StoreError:
        return []
    return [row["session_id"] for row in rows]


def erasure(reader: Reader, argus: str, workspace: str, session_id: str) -> dict[str, Any] | None:
    """Return the session's row of argus.erasures; None if there is none, or ClickHouse does not answer."""
    try:
        rows = reader.rows(
            f"SELECT * FROM {argus}.erasures WHERE workspace = {{workspace:String}} AND session_id = {{session:String}}",
            {"workspace": workspace, "session": session_id},
        )
    except StoreError:
        return None
    return rows[0] if rows else None


def wait_until(is_done: Callable[[], bool], seconds_max: float) -> bool:
    """Return whether it was done within so many seconds."""
    deadline_s = time.monotonic() + seconds_max
    while not (done := is_done()) and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
    return done
