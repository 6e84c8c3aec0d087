"""
OTLP/gRPC: raw bytes in, the signal's empty response out once they are durable.

Compression and the message limit are gRPC's own: over the limit, after decompression too, is RESOURCE_EXHAUSTED.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from argus_otel.errors import ConfigError
from argus_otel.receive.signals import SIGNALS
from argus_otel.receive.validate import envelope_of_protobuf

if TYPE_CHECKING:
    from argus_otel.receive.inbox import Inbox
    from argus_otel.receive.settings import ReceiveSettings
    from argus_otel.receive.signals import SignalSpec

logger = logging.getLogger(__name__)

_FRAME_BYTES = 1 << 20
"""Of tolerance above the body limit, so that ours, with a clear message, comes first."""


class GrpcListener:
    """Listens between `start` and `stop`, in the running event loop; `stop` may be repeated."""

    def __init__(self, settings: ReceiveSettings, inbox: Inbox) -> None:
        self._settings = settings
        self._inbox = inbox
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
                ("grpc.max_receive_message_length", settings.body_bytes_max + _FRAME_BYTES),
                ("grpc.max_connection_age_ms", int(settings.connection_age_s_max * 1000)),
                ("grpc.max_connection_age_grace_ms", 10_000),
                ("grpc.so_reuseport", 0),
            ]
        )
        for spec in SIGNALS:
            self._server.add_generic_rpc_handlers((_handler(spec, self._inbox),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        host = settings.grpc_address.rpartition(":")[0]
        try:
            port = self._bind(self._server)
        except RuntimeError as error:
            raise ConfigError(f"otlp_grpc: cannot listen on {settings.grpc_address}: is it taken?") from error
        await self._server.start()
        for name in ("", *(spec.grpc_service for spec in SIGNALS)):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return f"{host}:{port}"

    async def stop(self, grace_s: float) -> None:
        """Say NOT_SERVING, take nothing new, finish what is under way."""
        if self._server is not None:
            server, self._server = self._server, None
            await self._health.enter_graceful_shutdown()
            await server.stop(grace_s)

    def _bind(self, server: grpc.aio.Server) -> int:
        settings = self._settings
        if settings.tls_certificate is None or settings.tls_key is None:
            return int(server.add_insecure_port(settings.grpc_address))
        try:
            pair = (settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())
        except OSError as error:
            raise ConfigError(f"tls: cannot read {error.filename}: {error.strerror}") from error
        return int(server.add_secure_port(settings.grpc_address, grpc.ssl_server_credentials([pair])))


def _handler(spec: SignalSpec, inbox: Inbox) -> grpc.GenericRpcHandler:
    done = spec.response().SerializeToString()

    async def export(body: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        try:
            metadata = {key: text for key, text in context.invocation_metadata() or () if key == "authorization"}
            workspace = inbox.authenticate(str(metadata.get("authorization", "")))
            with inbox.holding(len(body)):
                await inbox.take(spec, envelope_of_protobuf, body, workspace, "grpc")
        except asyncio.CancelledError:
            raise
        except Exception as error:
            refusal = inbox.refuse(spec, error, "grpc")
            details = (("grpc-status-details-bin", refusal.to_status().SerializeToString()),)
            await context.abort(refusal.grpc_code, refusal.message, details)
        return done

    method: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(export)
    return grpc.method_handlers_generic_handler(spec.grpc_service, {"Export": method})
