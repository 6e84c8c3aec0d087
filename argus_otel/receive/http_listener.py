"""
OTLP/HTTP: POST /v1/{logs,traces,metrics} as protobuf or JSON, gzip or none, whole or chunked.

Errors carry a google.rpc.Status in the request's encoding.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import nullcontext
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from argus_otel.errors import ConfigError, UnauthenticatedError, UnsupportedEncodingError
from argus_otel.listening import bind
from argus_otel.receive.body import read_body
from argus_otel.receive.encodings import BY_CONTENT_TYPE, PROTOBUF
from argus_otel.receive.errors import UnfinishedBodyError
from argus_otel.receive.signals import SIGNALS
from argus_otel.receive.status import RETRY_AFTER_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

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
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """
        Listen and return HOST:PORT.

        Raises:
            ConfigError: the address is taken, or the certificate cannot be used.
        """
        config = uvicorn.Config(
            self._application,
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            ssl_certfile=self._settings.tls_certificate,
            ssl_keyfile=self._settings.tls_key,
            timeout_keep_alive=_KEEP_ALIVE_S,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"tls: certificate or key cannot be used: {error}") from error
        listener, address = bind("otlp_http", self._settings.http_address)
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve([listener]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.005)
        if self._serving.done():
            self._serving.result()
        return address

    async def stop(self, grace_s: float) -> None:
        """Take nothing new, finish what is under way."""
        if self._server is not None and self._serving is not None:
            server, self._server = self._server, None
            server.config.timeout_graceful_shutdown = max(1, round(grace_s))
            server.should_exit = True
            await self._serving

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
        workspace = self._inbox.workspace_of(request.headers.get("authorization"))
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


class _Server(uvicorn.Server):
    """The signals of the process are the application's."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override] # a wider type than uvicorn's generator
        return nullcontext()


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
