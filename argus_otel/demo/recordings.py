"""
The recorded sessions, as OTLP requests: the native leg as it was sent, the content leg as the capture makes it of the
recorded hook inputs.
"""

from __future__ import annotations

import base64
import json
from importlib import resources
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from argus_otel.capture.otlp import encode
from argus_otel.capture.replay import replay
from argus_otel.envelope import Signal

NAMES = ("default", "content-on", "resume")

_MESSAGES: dict[Signal, Any] = {Signal.LOGS: ExportLogsServiceRequest, Signal.TRACES: ExportTraceServiceRequest, Signal.METRICS: ExportMetricsServiceRequest}
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def requests(name: str) -> list[tuple[Signal, bytes]]:
    """Return the native requests of a recording in the order of arrival, as protobuf."""
    files = sorted((file for file in _folder(name).iterdir() if file.name[:4].isdigit()), key=lambda file: file.name)
    return [_request(file.name, file.read_bytes()) for file in files]


def content(name: str) -> list[tuple[Signal, bytes]]:
    """Return the content spans of a recording's hooks, one request per hook that says something."""
    lines = _folder(name).joinpath("hooks.jsonl").read_text().splitlines()
    return [(Signal.TRACES, _from_json(Signal.TRACES, encode(spans))) for line in lines if (spans := replay([line]))]


def truth(name: str) -> dict[str, Any]:
    """Return what the recording's script knew: session id, every request and tool use id, the prompts."""
    known: dict[str, Any] = json.loads(_folder(name).joinpath("truth.json").read_text())
    return known


def _folder(name: str) -> Any:
    return resources.files(__package__).joinpath("recordings", name)


def _request(file_name: str, body: bytes) -> tuple[Signal, bytes]:
    kind, _, encoding = file_name[5:].partition(".")
    signal = Signal[kind.upper()]
    return signal, body if encoding == "bin" else _from_json(signal, body)


def _from_json(signal: Signal, body: bytes) -> bytes:
    document = json.loads(body, object_hook=_ids_to_base64)
    message: bytes = json_format.ParseDict(document, _MESSAGES[signal](), ignore_unknown_fields=True).SerializeToString()
    return message


def _ids_to_base64(node: dict[str, Any]) -> dict[str, Any]:
    return {key: base64.b64encode(bytes.fromhex(item)).decode() if key in _IDS and isinstance(item, str) else item for key, item in node.items()}
