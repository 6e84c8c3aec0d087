"""
What both transports do with a request once they have its bytes: check the token, bound the memory, validate, hand on,
count. Acknowledged means that `accept` returned.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from argus_otel.envelope import DEFAULT_WORKSPACE, Envelope
from argus_otel.errors import ArgusError, BodyTooLargeError, RetryableError, UnauthenticatedError
from argus_otel.receive.status import Refusal, refusal_of
from argus_otel.telemetry import Metric

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from argus_otel.receive.settings import ReceiveSettings
    from argus_otel.receive.signals import SignalSpec
    from argus_otel.telemetry import Telemetry

    Validate = Callable[[SignalSpec, bytes, str, int, int], Envelope | None]

logger = logging.getLogger(__name__)

INLINE_BYTES_MAX = 256 << 10
"""Larger bodies are validated in a thread, so that nobody small waits behind them."""


class OverloadedError(RetryableError):
    """Too many bytes of requests are in memory."""


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
        self._token = settings.token.encode() if settings.token else None
        self._held_bytes = 0

    def authenticate(self, authorization: str | None) -> str:
        """
        Return the workspace of a sender, by its `authorization` header.

        Raises:
            UnauthenticatedError: permanent; a token is required and this is not it.
        """
        if self._token is None:
            return DEFAULT_WORKSPACE
        scheme, _, token = (authorization or "").partition(" ")
        # Compared in constant time, whatever was sent.
        is_known = hmac.compare_digest(token.strip().encode("utf-8", "replace"), self._token)
        if scheme.lower() != "bearer" or not is_known:
            raise UnauthenticatedError(
                "bearer token missing or wrong: set the header authorization to 'Bearer <token>'"
            )
        return DEFAULT_WORKSPACE

    @contextmanager
    def holding(self, size_bytes: int) -> Iterator[None]:
        """
        Count `size_bytes` as in memory for a while.

        Raises:
            OverloadedError: retryable; over the bound.
        """
        if self._held_bytes + size_bytes > self._settings.held_bytes_max and self._held_bytes:
            raise OverloadedError(f"{self._held_bytes} bytes of requests are being received: retry later")
        self._held_bytes += size_bytes
        try:
            yield
        finally:
            self._held_bytes -= size_bytes

    async def take(self, spec: SignalSpec, validate: Validate, body: bytes, workspace: str, transport: str) -> None:
        """
        Make one request durable; returns when it may be acknowledged.

        Raises:
            ArgusError: as `validate` and `accept`; BodyTooLargeError over the limit.
        """
        if len(body) > self._settings.body_bytes_max:
            raise BodyTooLargeError(len(body), self._settings.body_bytes_max)
        received_at_ns = self._clock_ns()
        arguments = (spec, body, workspace, received_at_ns, self._settings.expanded_bytes_max)
        if len(body) > INLINE_BYTES_MAX:
            envelope = await asyncio.to_thread(validate, *arguments)
        else:
            envelope = validate(*arguments)
        if envelope is None:
            return
        await self._accept(envelope)
        labels = {"signal": spec.signal.name.lower(), "transport": transport}
        self._telemetry.add(Metric.RECEIVED_RECORDS, envelope.record_count, **labels)
        self._telemetry.add(Metric.RECEIVED_BYTES, len(body), **labels)
        # Not negative where the clock jumped back meanwhile.
        self._telemetry.record(Metric.ACKNOWLEDGE_SECONDS, max(0, self._clock_ns() - received_at_ns) / 1e9, **labels)

    def refuse(self, spec: SignalSpec, error: Exception, transport: str) -> Refusal:
        """Count an error and return how it is told; logs what nobody expected, without content."""
        refusal = refusal_of(error)
        self._telemetry.add(
            Metric.REFUSED_REQUESTS, signal=spec.signal.name.lower(), transport=transport, reason=refusal.reason
        )
        if not isinstance(error, ArgusError):
            logger.error(
                "unexpected %s while receiving %s", type(error).__name__, spec.signal.name.lower(), exc_info=error
            )
        return refusal
