"""HTTP servers inside a running event loop: a bound socket for a HOST:PORT that a user wrote, and start and stop."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import uvicorn

from argus_otel.errors import ConfigError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from starlette.applications import Starlette


class HttpServer:
    """
    One application on one socket; `start` once, `stop` may be repeated.

    Raises:
        ConfigError: the certificate or key among `options` cannot be used.
    """

    def __init__(self, application: Starlette, **options: Any) -> None:
        config = uvicorn.Config(
            application,
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            **options,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"tls: certificate or key cannot be used: {error}") from error
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self, listener: socket.socket) -> None:
        """Return when it answers on `listener`, which is the server's from now on."""
        self._serving = asyncio.create_task(self._server.serve([listener]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.005)
        if self._serving.done():
            self._serving.result()

    async def stop(self, grace_s: float) -> None:
        """Take nothing new, finish what is under way, for at most `grace_s`."""
        if self._serving is not None:
            serving, self._serving = self._serving, None
            self._server.config.timeout_graceful_shutdown = max(1, round(grace_s))
            self._server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    """The signals of the process are the application's."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override] # a wider type than uvicorn's generator
        return nullcontext()


def bind(key: str, address: str) -> tuple[socket.socket, str]:
    """
    Return a listening socket and its HOST:PORT; `key` is the setting's name.

    Raises:
        ConfigError: the address is taken or is no address of this host.
    """
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        family, kind, protocol, _, sockaddr = found[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(sockaddr)
            listener.listen(1024)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise ConfigError(f"{key}: cannot listen on {address}: {error.strerror or error}") from error
    listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return listener, f"{host}:{listener.getsockname()[1]}"
