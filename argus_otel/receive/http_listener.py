"""
OTLP/HTTP: POST /v1/{logs,traces,metrics} as protobuf or JSON, gzip or none, whole or chunked.

Errors carry a google.rpc.Status in the request's encoding. A body is inflated piece by piece and never past the limit,
so a gzip bomb costs its limit and no more.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvicorn
from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from argus_otel.errors import (
    BodyTooLargeError,
    ConfigError,
    MalformedBodyError,
    RetryableError,
    UnsupportedEncodingError,
)
from argus_otel.receive.signals import SIGNALS
from argus_otel.listening import bind
from argus_otel.receive.status import RETRY_AFTER_S
from argus_otel.receive.validate import envelope_of_json, envelope_of_protobuf

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.protobuf.message import Message
    from starlette.requests import Request

    from argus_otel.receive.inbox import Inbox, Validate
    from argus_otel.receive.settings import ReceiveSettings
    from argus_otel.receive.signals import SignalSpec
    from argus_otel.receive.status import Refusal

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Encoding:
    """One of OTLP's two encodings over HTTP."""

    content_type: str
    validate: Validate
    encode: Callable[[Message], bytes]


_PROTOBUF = _Encoding("application/x-protobuf", envelope_of_protobuf, lambda message: message.SerializeToString())
_JSON = _Encoding(
    "application/json", envelope_of_json, lambda message: json_format.MessageToJson(message, indent=None).encode()
)
_ENCODINGS = {encoding.content_type: encoding for encoding in (_PROTOBUF, _JSON)}


class HttpListener:
    """Listens between `start` and `stop`, in the running event loop; `stop` may be repeated."""

    def __init__(self, settings: ReceiveSettings, inbox: Inbox, extra_routes: Sequence[Route] = ()) -> None:
        self._settings = settings
        self._application = Starlette(routes=[*(_route(spec, inbox, settings) for spec in SIGNALS), *extra_routes])
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """
        Listen and return HOST:PORT.

        Raises:
            ConfigError: the address is taken, or the certificate cannot be used.
        """
        listener, address = bind("otlp_http", self._settings.http_address)
        config = uvicorn.Config(
            self._application,
            http="httptools",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            ssl_certfile=self._settings.tls_certificate,
            ssl_keyfile=self._settings.tls_key,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            listener.close()
            raise ConfigError(f"tls: certificate or key cannot be used: {error}") from error
        self._server = uvicorn.Server(config)
        # `serve` would take over the signals of the process, which are the application's.
        self._serving = asyncio.create_task(self._server._serve([listener]))  # noqa: SLF001
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.005)
        return address

    async def stop(self) -> None:
        """Take nothing new, finish what is under way."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            self._server = None
            await self._serving


def _route(spec: SignalSpec, inbox: Inbox, settings: ReceiveSettings) -> Route:
    async def export(request: Request) -> Response:
        encoding = _PROTOBUF
        try:
            workspace = inbox.authenticate(request.headers.get("authorization"))
            encoding = _encoding_of(request)
            with ExitStack() as held:
                body = await _read(request, settings, lambda size_bytes: held.enter_context(inbox.holding(size_bytes)))
                await inbox.take(spec, encoding.validate, body, workspace, "http")
        except Exception as error:
            return _refused(inbox.refuse(spec, error, "http"), encoding)
        return Response(encoding.encode(spec.response()), 200, media_type=encoding.content_type)

    return Route(spec.http_path, export, methods=["POST"])


def _encoding_of(request: Request) -> _Encoding:
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoding = _ENCODINGS.get(sent)
    if encoding is None:
        raise UnsupportedEncodingError(f"content type {sent[:80]!r}: send application/x-protobuf or application/json")
    return encoding


async def _read(request: Request, settings: ReceiveSettings, hold: Callable[[int], Any]) -> bytes:
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", ""):
        raise UnsupportedEncodingError(f"content encoding {coding[:80]!r}: send gzip or none")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > settings.body_bytes_max:
        raise BodyTooLargeError(int(announced), settings.body_bytes_max)
    collector = _Inflated(settings.body_bytes_max, hold) if coding == "gzip" else _Plain(settings.body_bytes_max, hold)
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            async for piece in request.stream():
                collector.add(piece)
    except TimeoutError:
        raise RetryableError(f"the body took longer than {settings.body_timeout_s:.0f} s: retry later") from None
    except ClientDisconnect:
        raise RetryableError("the sender hung up before its body was whole") from None
    return collector.whole()


class _Plain:
    """Collects a body up to its limit; what is collected is held as memory."""

    def __init__(self, bytes_max: int, hold: Callable[[int], Any]) -> None:
        self._bytes_max = bytes_max
        self._hold = hold
        self._pieces: list[bytes] = []
        self._size_bytes = 0

    def add(self, piece: bytes) -> None:
        self._size_bytes += len(piece)
        if self._size_bytes > self._bytes_max:
            raise BodyTooLargeError(self._size_bytes, self._bytes_max)
        if piece:
            self._hold(len(piece))
            self._pieces.append(piece)

    def whole(self) -> bytes:
        return b"".join(self._pieces)


class _Inflated(_Plain):
    """Inflates gzip on the way, any number of members."""

    def __init__(self, bytes_max: int, hold: Callable[[int], Any]) -> None:
        super().__init__(bytes_max, hold)
        self._member = _member()
        self._is_begun = False

    def add(self, piece: bytes) -> None:
        while piece:
            if self._member.eof:
                self._member, self._is_begun = _member(), False
            try:
                inflated = self._member.decompress(piece, _PIECE_BYTES)
            except zlib.error as error:
                raise MalformedBodyError("body is no gzip") from error
            self._is_begun = True
            super().add(inflated)
            piece = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def whole(self) -> bytes:
        while self._is_begun and not self._member.eof:
            # What fits into one piece may still be inside.
            inflated = self._member.decompress(self._member.unconsumed_tail, _PIECE_BYTES)
            if not inflated:
                raise MalformedBodyError("body is cut off inside its gzip")
            super().add(inflated)
        return super().whole()


def _member() -> Any:
    return zlib.decompressobj(zlib.MAX_WBITS | 16)


def _refused(refusal: Refusal, encoding: _Encoding) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if refusal.is_retryable else {}
    if refusal.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(encoding.encode(refusal.to_status()), refusal.http_status, headers, encoding.content_type)
