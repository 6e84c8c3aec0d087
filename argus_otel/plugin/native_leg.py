"""
Claude Code's settings files and this environment -> where its own OpenTelemetry goes, who set that, and whether it is
taken there. Nothing is changed, and no token is in what is returned.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from argus_otel.capture.errors import CaptureError
from argus_otel.capture.otlp import encode
from argus_otel.capture.settings import ShipSettings
from argus_otel.capture.ship import ship
from argus_otel.errors import ArgusError
from argus_otel.plugin import edits
from argus_otel.plugin.install import journal
from argus_otel.plugin.native import ENDPOINT, PROTOCOL, SECRET

if TYPE_CHECKING:
    from argus_otel.plugin.surroundings import SettingsFile

_ANSWER_S_MAX = 5.0
_SWITCH = "CLAUDE_CODE_ENABLE_TELEMETRY"
_SIGNALS = ("METRICS", "LOGS", "TRACES")
_DEFAULT_ENDPOINTS = {"grpc": "http://localhost:4317"}
_GRPC_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_SCOPES = ("user", "managed")
"""Claude Code ignores exporters in the settings of a project."""


def native_leg(files: list[SettingsFile]) -> dict[str, Any]:
    """Return `endpoint` (empty: it goes nowhere), `protocol`, `set_by`, `is_answering` and `finding`."""
    counting = [file for file in files if file.scope in _SCOPES]
    environ = dict(os.environ)
    for file in counting:
        environ |= {name: value for name, value in file.part("env").items() if isinstance(value, str)}
    told = {"endpoint": "", "protocol": "", "set_by": "", "is_answering": False, "finding": ""}
    if environ.get(_SWITCH, "").lower() not in ("1", "true", "yes", "on"):
        return told | {"finding": "off: `plugin install --with-telemetry` turns it on"}
    if not any("otlp" in environ.get(f"OTEL_{signal}_EXPORTER", "") for signal in _SIGNALS):
        return told | {"finding": "on, but no exporter is otlp: it goes nowhere"}
    protocol = environ.get(PROTOCOL, "") or "http/protobuf"
    endpoint = environ.get(ENDPOINT, "") or _DEFAULT_ENDPOINTS.get(protocol, "http://localhost:4318")
    trouble = _trouble(endpoint.rstrip("/"), protocol, _token(environ.get(SECRET, "")))
    others = [name for signal in _SIGNALS if environ.get(name := f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")]
    finding = trouble or f"{_shown(endpoint)} takes what is sent over {protocol}"
    return told | {
        "endpoint": _shown(endpoint),
        "protocol": protocol,
        "set_by": _set_by(counting),
        "is_answering": not trouble,
        "finding": "; ".join([finding, *(f"{name} is set, too, and was not tried" for name in others)]),
    }


def _set_by(files: list[SettingsFile]) -> str:
    setters = [file.path for file in files if ENDPOINT in file.part("env")]
    if not setters:
        return "the environment" if os.environ.get(ENDPOINT) else "default"
    try:
        is_ours = ("env", ENDPOINT) in edits.ours(setters[-1], journal())
    except ArgusError:
        is_ours = False
    return "argus-otel plugin install" if is_ours else str(setters[-1])


def _token(headers: str) -> str:
    for header in headers.split(","):
        name, _, value = header.partition("=")
        if name.strip().lower() == "authorization":
            return unquote(value).strip().removeprefix("Bearer ").strip()
    return ""


def _trouble(endpoint: str, protocol: str, token: str) -> str:
    if protocol == "grpc":
        return _trouble_of_grpc(endpoint, token)
    try:
        ship(encode([]), ShipSettings(endpoint, token, _ANSWER_S_MAX))
    except CaptureError as error:
        return str(error)
    return ""


def _trouble_of_grpc(endpoint: str, token: str) -> str:
    import grpc

    address = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
    target = address.netloc.rpartition("@")[2]
    is_secure = address.scheme == "https"
    credentials = grpc.ssl_channel_credentials()
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    with grpc.secure_channel(target, credentials) if is_secure else grpc.insecure_channel(target) as channel:
        export: Any = channel.unary_unary(_GRPC_EXPORT)  # an empty request is no bytes
        try:
            export(b"", timeout=_ANSWER_S_MAX, metadata=metadata)
        except grpc.RpcError as error:
            code = error.code() if isinstance(error, grpc.Call) else None
            is_token = code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
            hint = "look at the token" if is_token else "is the service running, is this its gRPC port?"
            return f"{target} answers gRPC with {code.name if code else 'nothing'}: {hint}"
    return ""


def _shown(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
