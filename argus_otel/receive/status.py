"""
The one mapping from our errors to the wire: gRPC status and HTTP status, retryable or not.

Source: OTLP specification, "Failures", "OTLP/gRPC Throttling", "OTLP/HTTP Response": gRPC clients retry UNAVAILABLE,
and RESOURCE_EXHAUSTED only with RetryInfo; HTTP clients retry 429, 502, 503 and 504, and never 500.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from argus_otel.errors import (
    ArgusError,
    BodyTooLargeError,
    ExpansionTooLargeError,
    PermanentError,
    UnauthenticatedError,
    UnsupportedEncodingError,
)

if TYPE_CHECKING:
    from google.rpc.status_pb2 import Status

RETRY_AFTER_S = 1
"""The exporters back off by themselves; this is their floor."""
MESSAGE_CHARACTERS_MAX = 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error as both transports say it."""

    reason: str
    grpc_code: grpc.StatusCode
    http_status: int
    message: str
    is_retryable: bool

    def to_status(self) -> Status:
        """Return the google.rpc.Status, with RetryInfo where a retry may help."""
        status = status_pb2.Status(code=self.grpc_code.value[0], message=self.message)
        if self.is_retryable:
            retry = any_pb2.Any()
            retry.Pack(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=RETRY_AFTER_S)))
            status.details.append(retry)
        return status


_PERMANENT: dict[type[ArgusError], tuple[grpc.StatusCode, int]] = {
    BodyTooLargeError: (grpc.StatusCode.RESOURCE_EXHAUSTED, 413),
    ExpansionTooLargeError: (grpc.StatusCode.RESOURCE_EXHAUSTED, 413),
    UnauthenticatedError: (grpc.StatusCode.UNAUTHENTICATED, 401),
    UnsupportedEncodingError: (grpc.StatusCode.INVALID_ARGUMENT, 415),
}


def refusal_of(error: Exception) -> Refusal:
    """Return how `error` is told to a sender; what nobody classified may pass, so it is retryable."""
    if isinstance(error, PermanentError):
        code, http_status = next(
            (mapped for kind, mapped in _PERMANENT.items() if isinstance(error, kind)),
            (grpc.StatusCode.INVALID_ARGUMENT, 400),
        )
        return Refusal(_reason(error), code, http_status, str(error)[:MESSAGE_CHARACTERS_MAX], is_retryable=False)
    message = str(error) if isinstance(error, ArgusError) else "internal trouble: retry later"
    return Refusal(
        _reason(error), grpc.StatusCode.UNAVAILABLE, 503, message[:MESSAGE_CHARACTERS_MAX], is_retryable=True
    )


def _reason(error: Exception) -> str:
    name = type(error).__name__ if isinstance(error, ArgusError) else "UnexpectedError"
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name.removesuffix("Error")).lower()
