"""
OTLP/gRPC: raw bytes in, the signal's empty response out once they are durable.

Each Export is served as if its requests were a stream, which is the same on the wire: so the token is checked before
the body is read, and a sender is held back by flow control while too many bodies are being read. Decompression and the
message limit are gRPC's own: over the limit, after decompression too, is RESOURCE_EXHAUSTED.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from argus_otel.errors import ConfigError
from argus_otel.receive.encodings import PROTOBUF
from argus_otel.receive.errors import UnfinishedBodyError
from argus_otel.receive.signals import SIGNALS

if TYPE_CHECKING:
    from argus_otel.receive.inbox import Inbox
    from argus_otel.receive.settings import ReceiveSettings
    from argus_otel.receive.signals import SignalSpec

    Context = grpc.aio.ServicerContext[Any, Any]

_TOLERANCE_BYTES = 1 << 20
"""Above the body limit, so that ours, with a clear message, comes first."""
_CONNECTION_GRACE_S = 10
"""For what is under way on a connection that has reached its age."""


class GrpcListener:
    """Listens between `start` and `stop`, in the running event loop; `stop` may be repeated."""

    def __init__(self, settings: ReceiveSettings, inbox: Inbox) -> None:
        self._settings = settings
        self._inbox = inbox
        self._reads = asyncio.Semaphore(settings.grpc_reads_max)
        self._server: grpc.aio.Server | None = None
        self._health = HealthServicer()

    async def start(self) -> str:
        """
        Listen and return HOST:PORT.

        Raises:
            ConfigError: the address is taken, or the certificate cannot be used.
        """
        settings = self._settings
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", settings.body_bytes_max + _TOLERANCE_BYTES),
                ("grpc.max_connection_age_ms", int(settings.connection_age_s_max * 1000)),
                ("grpc.max_connection_age_grace_ms", _CONNECTION_GRACE_S * 1000),
                ("grpc.so_reuseport", 0),
            ]
        )
        self._server.add_generic_rpc_handlers([self._handler(spec) for spec in SIGNALS])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        try:
            port = self._bind(self._server)
        except RuntimeError as error:
            raise ConfigError(f"otlp_grpc: cannot listen on {settings.grpc_address}: is it taken?") from error
        await self._server.start()
        await self.set_serving(is_serving=True)
        return f"{settings.grpc_address.rpartition(':')[0]}:{port}"

    async def set_serving(self, *, is_serving: bool) -> None:
        """Say so to who asks the health service; requests are taken or refused all the same."""
        status = health_pb2.HealthCheckResponse
        for name in ("", *(spec.grpc_service for spec in SIGNALS)):
            await self._health.set(name, status.SERVING if is_serving else status.NOT_SERVING)

    async def stop(self, grace_s: float) -> None:
        """Say NOT_SERVING, take nothing new, finish what is under way."""
        if self._server is not None:
            server, self._server = self._server, None
            await self._health.enter_graceful_shutdown()
            await server.stop(grace_s)

    def _bind(self, server: grpc.aio.Server) -> int:
        settings = self._settings
        if settings.tls_certificate is None or settings.tls_key is None:
            return server.add_insecure_port(settings.grpc_address)
        try:
            pair = (settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())
        except OSError as error:
            raise ConfigError(f"tls: cannot read {error.filename}: {error.strerror}") from error
        return server.add_secure_port(settings.grpc_address, grpc.ssl_server_credentials([pair]))

    def _handler(self, spec: SignalSpec) -> grpc.GenericRpcHandler:
        success = spec.response().SerializeToString()

        async def export(_: object, context: Context) -> bytes:
            try:
                await self._take(spec, context)
            except Exception as error:
                refusal = self._inbox.refuse(spec, error, "grpc")
                details = (("grpc-status-details-bin", refusal.to_status().SerializeToString()),)
                await context.abort(refusal.grpc_code, refusal.message, details)
            return success

        method: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(export)
        return grpc.method_handlers_generic_handler(spec.grpc_service, {"Export": method})

    async def _take(self, spec: SignalSpec, context: Context) -> None:
        workspace = self._inbox.workspace_of(
            lambda: str(dict(context.invocation_metadata() or ()).get("authorization", ""))
        )
        with self._inbox.holding() as hold:
            async with self._reads:
                body = await self._read(context)
            hold(len(body))
            await self._inbox.take(spec, PROTOBUF, body, workspace, "grpc")

    async def _read(self, context: Context) -> bytes:
        timeout_s = self._settings.body_timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                body = await context.read()
        except TimeoutError:
            raise UnfinishedBodyError(f"the body took longer than {timeout_s:.0f} s: retry later") from None
        if not isinstance(body, bytes):
            # Also where gRPC itself refuses a message over its limit; the sender then gets gRPC's status, not ours.
            raise UnfinishedBodyError("the call ended before its message was whole")
        return body
