"""Health and metrics, as routes for whichever listener has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from argus_otel.telemetry import Telemetry


def operations_routes(health: Callable[[], dict[str, Any]], telemetry: Telemetry) -> list[Route]:
    """
    Return GET /health (JSON; 503 while `health()["ready"]` is false) and GET /metrics (Prometheus text).

    Neither blocks, and neither needs a token: they say nothing of any session.
    """

    async def answer_health(_: Request) -> Response:
        told = health()
        return JSONResponse(told, 200 if told["ready"] else 503)

    async def answer_metrics(_: Request) -> Response:
        return Response(telemetry.prometheus(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [Route("/health", answer_health), Route("/metrics", answer_metrics)]
