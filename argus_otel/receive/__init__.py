"""OTLP in: gRPC and HTTP, limits and token, one mapping from our errors to the wire."""

from __future__ import annotations

from argus_otel.receive.receiver import Endpoints, Receiver
from argus_otel.receive.settings import ReceiveSettings
from argus_otel.receive.strip import without_words
from argus_otel.receive.validate import request_as_document

__all__ = ["Endpoints", "ReceiveSettings", "Receiver", "request_as_document", "without_words"]
