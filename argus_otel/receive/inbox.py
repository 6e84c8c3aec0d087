"""
What both transports do with a request: check the token, bound the memory, validate, hand on, count. Acknowledged means
that `accept` returned.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
import traceback
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING

from argus_otel.envelope import DEFAULT_WORKSPACE
from argus_otel.errors import ArgusError, BodyTooLargeError, ShuttingDownError, UnauthenticatedError
from argus_otel.receive.errors import OverloadedError
from argus_otel.receive.opt_out import erasures_asked
from argus_otel.receive.status import refusal_of
from argus_otel.telemetry import Metric

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from argus_otel.envelope import Envelope
    from argus_otel.privacy.erasure import ErasureRequest
    from argus_otel.receive.encodings import Encoding
    from argus_otel.receive.settings import ReceiveSettings
    from argus_otel.receive.signals import SignalSpec
    from argus_otel.receive.status import Refusal
    from argus_otel.telemetry import Telemetry

logger = logging.getLogger(__name__)

_THREADS_MAX = 4
"""Validating at the same time: a parsed body is several times its size."""


class Inbox:
    """Shared by all listeners of one receiver; used from one event loop."""

    def __init__(
        self,
        settings: ReceiveSettings,
        accept: Callable[[Envelope], Awaitable[None]],
        telemetry: Telemetry,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._settings = settings
        self._accept = accept
        self._telemetry = telemetry
        self._clock_ns = clock_ns
        tokens = dict(settings.workspace_tokens)
        if settings.token is not None:
            tokens[settings.token] = DEFAULT_WORKSPACE
        self._workspaces = {_digest(token): workspace for token, workspace in tokens.items()}
        self._held_bytes = 0
        self.is_draining = False
        self.requests_under_way = 0
        self._threads = asyncio.Semaphore(_THREADS_MAX)

    def workspace_of(self, authorization: Callable[[], str]) -> str:
        """
        Return the workspace of a sender; to be called before its body is read.

        Args:
            authorization: returns the header of that name, empty if there is none; asked only where a token is required.

        Raises:
            UnauthenticatedError: permanent; a token is required and this is none.
        """
        if not self._workspaces:
            return DEFAULT_WORKSPACE
        scheme, _, token = authorization().partition(" ")
        workspace = self._workspaces.get(_digest(token.strip()))
        if scheme.lower() != "bearer" or workspace is None:
            raise UnauthenticatedError("bearer token missing or wrong: send the header authorization: Bearer TOKEN")
        return workspace

    @contextmanager
    def holding(self) -> Iterator[Callable[[int], None]]:
        """
        Yield a function that counts further bytes of one body as in memory, until the end of the block.

        Raises:
            ShuttingDownError: retryable; the service is being drained.
            BodyTooLargeError: permanent; raised by that function, over the limit of one body.
            OverloadedError: retryable; raised by that function, over the bound of all bodies.
        """
        if self.is_draining:
            raise ShuttingDownError("the service is being drained: retry later")
        own_bytes, own_bytes_max = 0, self._settings.body_bytes_max
        held_bytes_max = max(self._settings.held_bytes_max, own_bytes_max)

        def hold(size_bytes: int) -> None:
            nonlocal own_bytes
            if own_bytes + size_bytes > own_bytes_max:
                raise BodyTooLargeError(own_bytes + size_bytes, own_bytes_max)
            if self._held_bytes + size_bytes > held_bytes_max:
                raise OverloadedError(self._held_bytes, held_bytes_max)
            own_bytes += size_bytes
            self._held_bytes += size_bytes

        self.requests_under_way += 1
        try:
            yield hold
        finally:
            self.requests_under_way -= 1
            self._held_bytes -= own_bytes

    async def take(self, spec: SignalSpec, encoding: Encoding, body: bytes, workspace: str, transport: str) -> None:
        """
        Make one request durable; returns when it may be acknowledged.

        Raises:
            ArgusError: as validation and `accept`.
        """
        arrived_at_s = time.perf_counter()
        envelope = await self._validate(spec, encoding, body, workspace)
        if envelope is None:
            return
        if asked := await self._asked(encoding, envelope):
            # Durable before the request that asks: a sender that hears of no success asks again.
            await asyncio.gather(*(self._accept(one.envelope(workspace, envelope.received_at_ns)) for one in asked))
        await self._accept(envelope)
        labels = {"signal": spec.name, "transport": transport}
        self._telemetry.add(Metric.RECEIVED_RECORDS, envelope.record_count, **labels)
        self._telemetry.add(Metric.RECEIVED_BYTES, len(body), **labels)
        self._telemetry.record(Metric.ACKNOWLEDGE_SECONDS, time.perf_counter() - arrived_at_s, **labels)

    def refuse(self, spec: SignalSpec, error: Exception, transport: str) -> Refusal:
        """Count an error and return how it is told; logs what nobody expected."""
        refusal = refusal_of(error)
        self._telemetry.add(Metric.REFUSED_REQUESTS, signal=spec.name, transport=transport, reason=refusal.reason)
        if not isinstance(error, ArgusError):
            # Where it happened, without the error's own text: that may quote the sender's content.
            frames = traceback.extract_tb(error.__traceback__)
            place = " > ".join(f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in frames)
            logger.error("unexpected %s in %s over %s at %s", type(error).__name__, spec.name, transport, place)
        return refusal

    async def _asked(self, encoding: Encoding, envelope: Envelope) -> list[ErasureRequest]:
        if len(envelope.request) <= encoding.inline_bytes_max:
            return erasures_asked(envelope)
        return await asyncio.to_thread(erasures_asked, envelope)

    async def _validate(self, spec: SignalSpec, encoding: Encoding, body: bytes, workspace: str) -> Envelope | None:
        arguments = (spec, body, workspace, self._clock_ns(), self._settings.expanded_bytes_max)
        if len(body) <= encoding.inline_bytes_max:
            return encoding.validate(*arguments)
        async with self._threads:
            return await asyncio.to_thread(encoding.validate, *arguments)


def _digest(token: str) -> bytes:
    """Return what tokens are compared by: how long it takes tells nothing of how much of a guess is right."""
    return hashlib.sha256(token.encode()).digest()
