"""
A receiver -> the variables that make Claude Code send its own OpenTelemetry there, content left out.

Prompts, answers and tools come from the plugin, redacted at the source; the switches for native text stay as they are.
"""

from __future__ import annotations

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
SECRET = "OTEL_EXPORTER_OTLP_HEADERS"  # noqa: S105 - the name of the variable
"""The variable that holds the token."""


PROTOCOLS = ("http/protobuf", "http/json", "grpc")


def native_variables(endpoint: str, protocol: str, token: str | None) -> dict[str, str]:
    """Return metrics, logs and traces (a beta) over one protocol to one endpoint."""
    variables = {
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_TRACES_EXPORTER": "otlp",
        PROTOCOL: protocol,
        ENDPOINT: endpoint,
    }
    return variables | ({SECRET: header_of(token)} if token else {})


def header_of(token: str) -> str:
    """Return the value of `SECRET` for a token."""
    return f"Authorization=Bearer {token}"
