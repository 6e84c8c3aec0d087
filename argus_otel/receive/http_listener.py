"""
OTLP/HTTP: POST /v1/{logs,traces,metrics} as protobuf or JSON, gzip or none, whole or chunked.

Errors carry a google.rpc.Status in the request's encoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from argus_otel.errors import UnauthenticatedError, UnsupportedEncodingError
from argus_otel.listening import HttpServer, bind
from argus_otel.receive.body import read_body
from argus_otel.receive.encodings import BY_CONTENT_TYPE, PROTOBUF
from argus_otel.receive.errors import UnfinishedBodyError
from argus_otel.receive.signals import SIGNALS
from argus_otel.receive.status import RETRY_AFTER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from argus_otel.receive.encodings import Encoding
    from argus_otel.receive.inbox import Inbox
    from argus_otel.receive.settings import ReceiveSettings
    from argus_otel.receive.signals import SignalSpec

_KEEP_ALIVE_S = 75
"""Longer than the minute between two exports of a metrics reader."""


class HttpListener:
    """Listens between `start` and `stop`, in the running event loop; `stop` may be repeated."""

    def __init__(self, settings: ReceiveSettings, inbox: Inbox, extra_routes: Sequence[Route] = ()) -> None:
        self._settings = settings
        self._inbox = inbox
        self._application = Starlette(routes=[*map(self._route, SIGNALS), *extra_routes])
        self._server: HttpServer | None = None

    async def start(self) -> str:
        """
        Listen and return HOST:PORT.

        Raises:
            ConfigError: the address is taken, or the certificate cannot be used.
        """
        server = HttpServer(
            self._application,
            ssl_certfile=self._settings.tls_certificate,
            ssl_keyfile=self._settings.tls_key,
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
        listener, address = bind("otlp_http", self._settings.http_address)
        self._server = server
        await server.start(listener)
        return address

    async def stop(self, grace_s: float) -> None:
        """Take nothing new, finish what is under way."""
        if self._server is not None:
            await self._server.stop(grace_s)

    def _route(self, spec: SignalSpec) -> Route:
        success = spec.response()

        async def export(request: Request) -> Response:
            encoding = BY_CONTENT_TYPE.get(_content_type(request))
            try:
                await self._take(spec, encoding, request)
            except Exception as error:
                return self._refused(spec, encoding or PROTOBUF, error)
            assert encoding is not None, "or it was refused"
            return Response(encoding.encode(success), 200, media_type=encoding.content_type)

        return Route(spec.http_path, export, methods=["POST"])

    async def _take(self, spec: SignalSpec, encoding: Encoding | None, request: Request) -> None:
        workspace = self._inbox.workspace_of(lambda: request.headers.get("authorization", ""))
        if encoding is None:
            known = " or ".join(BY_CONTENT_TYPE)
            raise UnsupportedEncodingError(f"content type {_content_type(request)[:80]!r}: send {known}")
        settings = self._settings
        with self._inbox.holding() as hold:
            body = await read_body(request, settings.body_bytes_max, settings.body_timeout_s, hold)
            await self._inbox.take(spec, encoding, body, workspace, "http")

    def _refused(self, spec: SignalSpec, encoding: Encoding, error: Exception) -> Response:
        refusal = self._inbox.refuse(spec, error, "http")
        headers = {"Retry-After": str(RETRY_AFTER_S)} if refusal.is_retryable else {}
        if isinstance(error, UnauthenticatedError):
            headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, UnfinishedBodyError):
            headers["Connection"] = "close"
        return Response(encoding.encode(refusal.to_status()), refusal.http_status, headers, encoding.content_type)


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
