"""Requests of which the views say what can be counted."""

from __future__ import annotations

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

COST_NANOUSD = 1_000_000


def calls(numbers: list[int], session: str = "s1") -> bytes:
    """Return a request of one api_request event per number, of 0.001 USD each."""
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    scope_logs.scope.name = "com.anthropic.claude_code.events"
    for number in numbers:
        record = scope_logs.log_records.add(time_unix_nano=1_795_400_000_000_000_000 + number)
        record.body.string_value = "claude_code.api_request"
        for key, value in (("session.id", session), ("event.name", "api_request"), ("request_id", f"r{number}")):
            record.attributes.add(key=key).value.string_value = value
        record.attributes.add(key="cost_usd").value.double_value = COST_NANOUSD / 1e9
    return request.SerializeToString()
