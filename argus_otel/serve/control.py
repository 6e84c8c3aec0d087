"""
The control socket: how commands that change a running service reach it, and `doctor` asks how it is.

A Unix socket in the data folder, mode 0600: whoever may write the data folder may command, nobody else. HTTP with JSON
over it; errors come as {"error": …} with status 400 (permanent), 503 (retryable) or 500 (nobody thought of it).
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from argus_otel.errors import ArgusError, PermanentError, RetryableError
from argus_otel.listening import HttpServer
from argus_otel.privacy.erasure import SESSION_ID_BYTES_MAX, ErasureRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from starlette.requests import Request

logger = logging.getLogger(__name__)

_GRACE_S = 5.0
SOCKET_PATH_BYTES_MAX = 100
"""The kernel's bound is 108 with the final zero; a longer data folder gets its socket in a temporary one."""


class Letters(Protocol):
    """What the control needs of the dead letters."""

    def letters(self) -> Sequence[Any]: ...


class Control:
    """Answers on the socket; `start` once, `stop` may be repeated."""

    def __init__(
        self,
        data_dir: Path,
        *,
        status: Callable[[], dict[str, Any]],
        migrate: Callable[[], list[dict[str, str]]],
        dead_letters: Letters,
        forget: Callable[[ErasureRequest, str], None],
        enrich: Callable[[dict[str, Any]], None],
        erase_probe: Callable[[str], int],
        show: Callable[[str], dict[str, Any]],
        retry: Callable[[Iterable[str]], Sequence[Any]],
        drain: Callable[[bool], None],
        drained: Callable[[], dict[str, Any]],
    ) -> None:
        self._data_dir = data_dir
        self._status = status
        self._migrate = migrate
        self._dead_letters = dead_letters
        self._forget = forget
        self._enrich = enrich
        self._erase_probe = erase_probe
        self._show = show
        self._retry = retry
        self._drain = drain
        self._drained = drained
        self._temporary: Path | None = None
        self._server: HttpServer | None = None

    async def start(self) -> str:
        """Listen and return the socket's path."""
        path = self._data_dir / "control.sock"
        if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
            self._temporary = Path(tempfile.mkdtemp(prefix="argus-otel-"))
            path = self._temporary / "control.sock"
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        old_mask = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(old_mask)
        self._server = HttpServer(self._application())
        await self._server.start(listener)
        return str(path)

    async def stop(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            await self._server.stop(_GRACE_S)
        (self._data_dir / "control.sock").unlink(missing_ok=True)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/status", self._handle(lambda _: self._status())),
                Route("/migrate", self._handle(lambda _: self._migrate()), methods=["POST"]),
                Route("/drain", self._handle(lambda _: self._drained())),
                Route("/drain", self._handle(self._drain_service), methods=["POST"]),
                Route("/forget", self._handle(self._forget_session), methods=["POST"]),
                Route("/probes/erase", self._handle(self._erase_one_probe), methods=["POST"]),
                Route("/enrichment", self._handle(self._apply_change), methods=["POST"]),
                Route(
                    "/dead-letters", self._handle(lambda _: [asdict(letter) for letter in self._dead_letters.letters()])
                ),
                Route("/dead-letters/show", self._handle(lambda body: self._show(body["id"])), methods=["POST"]),
                Route("/dead-letters/retry", self._handle(self._retry_letters), methods=["POST"]),
            ]
        )

    def _forget_session(self, body: dict[str, Any]) -> dict[str, str]:
        if len(body["session_id"].encode()) > SESSION_ID_BYTES_MAX:
            raise PermanentError(f"no session id has more than {SESSION_ID_BYTES_MAX} bytes")
        asked = ErasureRequest(body["session_id"], "command", body["asked_by"], time.time_ns())
        self._forget(asked, body["workspace"])
        return {"state": "asked"}

    def _erase_one_probe(self, body: dict[str, Any]) -> dict[str, int]:
        return {"table_count": self._erase_probe(body["session_id"])}

    def _apply_change(self, body: dict[str, Any]) -> dict[str, str]:
        self._enrich(body)
        return {"state": "applied"}

    def _drain_service(self, body: dict[str, Any]) -> dict[str, Any]:
        self._drain(body["is_draining"])
        return self._drained()

    def _retry_letters(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        return [asdict(letter) for letter in self._retry(body["ids"])]

    def _handle(self, action: Callable[[dict[str, Any]], Any]) -> Callable[[Request], Any]:
        async def handle(request: Request) -> JSONResponse:
            try:
                body = await request.json() if request.method == "POST" and await request.body() else {}
                return JSONResponse(await run_in_threadpool(action, body))
            except ArgusError as error:
                return JSONResponse({"error": str(error)}, 503 if isinstance(error, RetryableError) else 400)
            except Exception as error:
                logger.exception("%s failed", request.url.path)
                return JSONResponse({"error": f"{type(error).__name__}: see the service's log"}, 500)

        return handle
