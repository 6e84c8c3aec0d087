"""Both listeners as one: started together, drained together."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from argus_otel.envelope import DEFAULT_WORKSPACE
from argus_otel.receive.encodings import PROTOBUF
from argus_otel.receive.grpc_listener import GrpcListener
from argus_otel.receive.http_listener import HttpListener
from argus_otel.receive.inbox import Inbox
from argus_otel.receive.signals import SIGNALS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.routing import Route

    from argus_otel.envelope import Envelope, Signal
    from argus_otel.receive.settings import ReceiveSettings
    from argus_otel.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a started receiver listens, HOST:PORT."""

    grpc: str
    http: str


class Receiver:
    """
    OTLP in over gRPC and HTTP. Runs in the event loop that starts it.

    Args:
        accept: makes an envelope durable; a request is acknowledged only after it returned. What it raises decides what
            the sender is told.
        extra_routes: further routes of the HTTP listener, such as health and metrics.
        clock_ns: time of receipt, ns since the epoch.
    """

    def __init__(
        self,
        settings: ReceiveSettings,
        accept: Callable[[Envelope], Awaitable[None]],
        telemetry: Telemetry,
        extra_routes: Sequence[Route] = (),
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        inbox = self._inbox = Inbox(settings, accept, telemetry, clock_ns)
        self.workspace_of = inbox.workspace_of
        self._grpc = GrpcListener(settings, inbox)
        self._http = HttpListener(settings, inbox, extra_routes)

    async def start(self) -> Endpoints:
        """
        Listen on both addresses.

        Raises:
            ConfigError: an address is taken, or the certificate cannot be used; then neither listens.
        """
        http = await self._http.start()
        try:
            grpc = await self._grpc.start()
        except BaseException:
            await self.stop(0)
            raise
        return Endpoints(grpc, http)

    @property
    def is_draining(self) -> bool:
        """Are senders told to retry later?"""
        return self._inbox.is_draining

    @property
    def requests_under_way(self) -> int:
        """Requests that were let in and are not answered."""
        return self._inbox.requests_under_way

    async def drain(self, *, is_draining: bool) -> None:
        """Tell senders to retry later, and gRPC's health service NOT_SERVING; or take that back. May be repeated."""
        self._inbox.is_draining = is_draining
        await self._grpc.set_serving(is_serving=not is_draining)

    async def take_own(self, signal: Signal, body: bytes) -> None:
        """
        Take a protobuf request of this process as if it had been sent, also after `stop`; its transport counts as `own`.

        Raises:
            ArgusError: as for any sender.
        """
        spec = next(spec for spec in SIGNALS if spec.signal is signal)
        await self._inbox.take(spec, PROTOBUF, body, DEFAULT_WORKSPACE, "own")

    async def stop(self, grace_s: float) -> None:
        """Take nothing new and finish what is under way; may be repeated."""
        await asyncio.gather(self._grpc.stop(grace_s), self._http.stop(grace_s))
