"""
ClickHouse's HTTP interface over the embedded engine: curl, clickhouse-connect and Grafana's data source are its clients.

Each query has a handle and a thread of its own, so reads neither wait for a load nor for each other; a bound keeps them
few. The event loop only moves bytes.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import logging
import time
import uuid
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from argus_otel.listening import HttpServer, bind
from argus_otel.serve.compression import compress_blocks
from argus_otel.serve.exceptions import QueryError, from_engine
from argus_otel.serve.guard import Guard, functions_of
from argus_otel.serve.handshake import DISPLAY_NAME, handshake, is_handshake
from argus_otel.serve.query import read_login, read_query
from argus_otel.serve.session import Answer, Session
from argus_otel.telemetry import Metric

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from starlette.requests import Request
    from starlette.types import Message, Receive, Scope, Send

    from argus_otel.serve.query import Login, Query
    from argus_otel.telemetry import Telemetry

logger = logging.getLogger(__name__)

MIB = 1 << 20
_GRACE_S = 5.0
_LOOK_S = 0.25
"""How often a running query's client is looked after."""


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Who may ask, and how much."""

    address: str = "127.0.0.1:8123"
    user: str = "default"
    password: str | None = field(default=None, repr=False)
    """None: answered on loopback only."""
    databases: tuple[str, ...] = ("otel", "argus")
    seconds_max: int = 60
    memory_bytes_max: int = 2048 * MIB
    result_rows_max: int = 1_000_000
    result_bytes_max: int = 512 * MIB
    threads_max: int = 2
    """Of one query: a dashboard asks many at once."""
    concurrency_max: int = 8
    send_s_max: float = 30.0
    """How long a client may leave a piece of its answer unread."""
    queue_s_max: float = 10.0
    """How long one more waits for its turn before it is refused: a dashboard asks for all its panels at once."""


class Endpoint:
    """
    Listens between `start` and `stop`, in the running event loop; `stop` may be repeated.

    Args:
        connect: opens a handle on the engine.
        extra_routes: such as health and metrics.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        connect: Callable[[], Any],
        telemetry: Telemetry,
        extra_routes: Sequence[Route] = (),
    ) -> None:
        self._settings = settings
        self._connect = connect
        self._telemetry = telemetry
        self._slots = asyncio.Semaphore(settings.concurrency_max)
        self._tags: set[str] = set()
        """Of the queries under way that have no answer yet."""
        self._guard: Guard | None = None
        self._version = ""
        self._timezone = ""
        self._server: HttpServer | None = None
        answer_ok = lambda _: PlainTextResponse("Ok.\n")  # noqa: E731 - three routes, one answer
        self._application = Starlette(
            routes=[
                Route("/ping", answer_ok, methods=["GET"]),
                Route("/replicas_status", answer_ok, methods=["GET"]),
                Route("/", self._answer, methods=["GET", "POST"]),
                *extra_routes,
            ]
        )

    async def start(self) -> str:
        """
        Listen and return HOST:PORT.

        Raises:
            ConfigError: the address is taken.
        """
        await asyncio.to_thread(self._learn)
        listener, address = bind("clickhouse_http", self._settings.address)
        self._server = HttpServer(self._application)
        await self._server.start(listener)
        return address

    async def stop(self) -> None:
        """Take nothing new, end the queries under way, finish the answers that have begun for a moment."""
        if self._server is not None:
            if self._tags:
                await asyncio.to_thread(self._kill, set(self._tags))
            await self._server.stop(_GRACE_S)

    def _learn(self) -> None:
        handle = self._connect()
        try:
            rows = json.loads(
                handle.query("SELECT name, categories, alias_to, is_aggregate FROM system.functions", "JSON").bytes()
            )["data"]
            self._guard = Guard(functions_of(rows), self._settings.databases)
            told = json.loads(
                handle.query("SELECT version() AS version, timezone() AS timezone", "JSONEachRow").bytes()
            )
        finally:
            handle.close()
        self._version, self._timezone = told["version"], told["timezone"]

    async def _answer(self, request: Request) -> Response:
        query: Query | None = None
        try:
            self._authenticate(read_login(request), request)
            query = await read_query(request)
            if not query.sql:
                if request.method == "GET":
                    return PlainTextResponse("Ok.\n")
                raise QueryError(62, "Syntax error: empty query", "SYNTAX_ERROR")
            return await self._run(query, request)
        except QueryError as error:
            self._telemetry.add(Metric.QUERY_REFUSED, reason=error.name.lower())
            return self._refused(error, query)
        except Exception as error:
            logger.exception("unexpected %s while answering a query", type(error).__name__)
            return self._refused(
                QueryError(1002, "internal trouble: see the service's log", "UNKNOWN_EXCEPTION"), query
            )

    async def _run(self, query: Query, request: Request) -> Response:
        is_head = request.method == "HEAD"
        await self._wait_for_slot()
        started_s = time.perf_counter()
        try:
            answer = await self._executed(query, request)
        except BaseException:
            self._slots.release()
            raise

        async def finish() -> None:
            try:
                await run_in_threadpool(answer.close)
            finally:
                self._slots.release()
                self._telemetry.record(Metric.QUERY_SECONDS, time.perf_counter() - started_s)

        headers = self._headers(query) | {
            "X-ClickHouse-Format": answer.format,
            "X-ClickHouse-Summary": json.dumps(answer.summary),
        }
        pieces: Iterable[bytes] = () if is_head else self._with_error_at_end(answer)
        if query.is_block_compressed:
            pieces = compress_blocks(pieces)
        elif query.is_gzip_wanted and not is_head:
            pieces = _gzip(pieces)
            headers["Content-Encoding"] = "gzip"
        return _AnswerResponse(pieces, headers, _media_type(answer.format), finish, self._settings.send_s_max)

    async def _wait_for_slot(self) -> None:
        try:
            async with asyncio.timeout(self._settings.queue_s_max):
                await self._slots.acquire()
        except TimeoutError:
            said = f"Too many simultaneous queries, at most {self._settings.concurrency_max}"
            raise QueryError(202, said, "TOO_MANY_SIMULTANEOUS_QUERIES") from None

    async def _executed(self, query: Query, request: Request) -> Answer:
        """Return the answer's beginning; a query whose client hangs up is ended."""
        tag = str(uuid.uuid4())
        executing = asyncio.ensure_future(run_in_threadpool(self._execute, query, tag))
        self._tags.add(tag)
        try:
            while not (await asyncio.wait({executing}, timeout=_LOOK_S))[0]:
                if await request.is_disconnected():
                    await asyncio.to_thread(self._kill, {tag})
            return executing.result()
        finally:
            self._tags.discard(tag)

    def _execute(self, query: Query, tag: str) -> Answer:
        assert self._guard, "the endpoint was started"
        if is_handshake(query):
            answer = handshake(query.protocol_version, self._version, self._timezone)
            return Answer(iter((answer,)), "Native", {}, close=lambda: None)
        return Session(self._connect(), self._settings, self._guard).run(query, tag)

    def _kill(self, tags: set[str]) -> None:
        """End running queries; each then fails with ClickHouse's code 394."""
        handle = self._connect()
        try:
            among = ", ".join(f"'{tag}'" for tag in sorted(tags))
            handle.query(f"KILL QUERY WHERE Settings['log_comment'] IN ({among}) ASYNC")
        finally:
            handle.close()

    def _with_error_at_end(self, answer: Answer) -> Iterator[bytes]:
        """Yield the pieces; an error in the middle becomes the tail of the body, as ClickHouse has it."""
        try:
            yield from answer.pieces
        except RuntimeError as error:
            yield f"\n{from_engine(error).text(self._version)}".encode()

    def _authenticate(self, login: Login, request: Request) -> None:
        settings = self._settings
        if settings.password is None:
            client = request.client.host if request.client else ""
            if login.user != settings.user or login.password:
                raise QueryError(
                    516,
                    f"{login.user}: Authentication failed: no password is set for this endpoint",
                    "AUTHENTICATION_FAILED",
                )
            if not _is_loopback(client):
                raise QueryError(
                    516,
                    "without a password the endpoint answers on loopback only: set clickhouse_http_password_file",
                    "AUTHENTICATION_FAILED",
                )
            return
        # Both compared in constant time, whatever was sent.
        is_user = hmac.compare_digest(login.user.encode(), settings.user.encode())
        is_password = hmac.compare_digest(login.password.encode(), settings.password.encode())
        if not (is_user and is_password):
            raise QueryError(
                516,
                f"{login.user}: Authentication failed: password is incorrect, or there is no such user",
                "AUTHENTICATION_FAILED",
            )

    def _headers(self, query: Query | None) -> dict[str, str]:
        return {
            "X-ClickHouse-Query-Id": query.query_id if query else "",
            "X-ClickHouse-Server-Display-Name": DISPLAY_NAME,
            "X-ClickHouse-Timezone": self._timezone,
        }

    def _refused(self, error: QueryError, query: Query | None) -> Response:
        headers = self._headers(query) | {"X-ClickHouse-Exception-Code": str(error.code)}
        if error.http_status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        return PlainTextResponse(error.text(self._version), error.http_status, headers)


class _AnswerResponse(StreamingResponse):
    """
    A streamed answer that is finished by its own task, whether it was sent, failed or hung up on: the engine must be let
    go in a thread of its own, and never while it is asked for the next piece.

    Args:
        finish: awaited once, at the end.
        send_s_max: how long a client may take to read a piece before it is cut off.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        headers: dict[str, str],
        media_type: str,
        finish: Callable[[], Awaitable[None]],
        send_s_max: float,
    ) -> None:
        super().__init__(pieces, headers=headers, media_type=media_type)
        self._finish = finish
        self._send_s_max = send_s_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._send_s_max):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        except TimeoutError:
            logger.warning("a client did not read its answer for %.0f s and was cut off", self._send_s_max)
            raise
        finally:
            # A thread that asks for the next piece is waited for before this is reached: it cannot be cancelled.
            with anyio.CancelScope(shield=True):
                await self._finish()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _media_type(wanted: str) -> str:
    name = wanted.lower()
    if name in ("jsoneachrow", "ndjson"):
        return "application/x-ndjson; charset=UTF-8"
    if name.startswith("json"):
        return "application/json; charset=UTF-8"
    if name.startswith(("csv", "tsv", "tabseparated", "pretty", "vertical", "values", "markdown")):
        return "text/csv; charset=UTF-8" if name.startswith("csv") else "text/plain; charset=UTF-8"
    return "application/octet-stream"


def _gzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
