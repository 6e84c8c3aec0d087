"""How far the erasure of a session is, for the machine that asked for it: a route of the OTLP/HTTP listener."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from argus_otel.errors import StoreError, UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request


def erasures_route(
    workspace_of: Callable[[Callable[[], str]], str], find: Callable[[str, str], dict[str, Any] | None]
) -> Route:
    """
    Return GET /v1/erasures/{session_id}: {"session_id", "asked_at", "unreadable_at", "gone_at"}, times in RFC 3339 or null.

    404 if nothing was asked of the session, 401 without the token that senders present, 503 if ClickHouse is away.

    Args:
        workspace_of: the workspace of a sender, by a function that returns its authorization header.
        find: returns the answer for (workspace, session id).
    """

    async def answer(request: Request) -> Response:
        session_id = request.path_params["session_id"]
        try:
            workspace = workspace_of(lambda: request.headers.get("authorization", ""))
            found = await run_in_threadpool(find, workspace, session_id)
        except UnauthenticatedError as error:
            return JSONResponse({"error": str(error)}, 401, {"WWW-Authenticate": "Bearer"})
        except StoreError:
            return JSONResponse({"error": "ClickHouse is away: ask again later"}, 503)
        if found is None:
            return JSONResponse({"error": "nothing was asked of this session: it is not private here"}, 404)
        return JSONResponse(found)

    return Route("/v1/erasures/{session_id:path}", answer)
