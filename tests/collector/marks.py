"""Log records that are an agent's by one mark alone: facts take each, so each configuration must let each through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from native import T0_NS, attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from native import Request

MARKS: dict[str, tuple[str, str, str]] = {
    "by body": ("claude_code.api_request", "", ""),
    "by scope": ("api_request", "com.anthropic.claude_code.events", ""),
    "by service claude-code": ("api_request", "", "claude-code"),
    "by service claude-code-desktop": ("api_request", "", "claude-code-desktop"),
    "by service cowork": ("api_request", "", "cowork"),
}
"""By the session that says it: body, scope, service."""


def marked(session: str) -> Request:
    """Return a request of one record."""
    body, scope, service = MARKS[session]
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.extend(attributes({"service.name": service} if service else {}))
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = scope
    record = scope_logs.log_records.add(time_unix_nano=T0_NS)
    record.body.string_value = body
    record.attributes.extend(attributes({"session.id": session, "event.name": "api_request", "request_id": session}))
    return Signal.LOGS, request.SerializeToString()
