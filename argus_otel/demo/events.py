"""
A session of the made-up team -> its log events: the body is the event's name, numbers are as often text as numbers.

Source: recordings/default/*-logs.bin for the types of the attributes and for which events say what.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from argus_otel.capture.content import as_text
from argus_otel.demo.otlp import attributes
from argus_otel.demo.spans import interaction_span_id, trace_id
from argus_otel.demo.work import MS_NS, S_NS
from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from argus_otel.demo.otlp import Request, Value
    from argus_otel.demo.work import ApiCall, Session, ToolCall, Turn

    Event = tuple[int, str, dict[str, Value]]
    """Time in ns, name, and the attributes beyond the standard ones."""

_REDACTED = "<REDACTED>"
_NO_KEYS = frozenset({"request_id", "tool_use_id", "query_source", "message.uuid"})
"""What Cowork's page does not document."""


def request(session: Session, standard: Mapping[str, Value], resource: Mapping[str, Value]) -> Request:
    """Return the log events of a session as one request."""
    message = ExportLogsServiceRequest()
    resource_logs = message.resource_logs.add()
    resource_logs.resource.attributes.extend(attributes(resource))
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name, scope_logs.scope.version = "com.anthropic.claude_code.events", "2.1.330"
    sequence = 0
    for turn in session.turns:
        for at_ns, name, about in _events(session, turn):
            record = scope_logs.log_records.add(time_unix_nano=at_ns, observed_time_unix_nano=at_ns)
            record.body.string_value = f"claude_code.{name}"
            record.attributes.extend(
                attributes({**standard, **_event(at_ns, name, sequence), "prompt.id": turn.prompt_id, **about})
            )
            if session.surface == "agent-sdk":
                record.trace_id, record.span_id, record.flags = trace_id(turn), interaction_span_id(turn), 1
            sequence += 1
    return Signal.LOGS, message.SerializeToString()


def _event(at_ns: int, name: str, sequence: int) -> dict[str, Value]:
    at = datetime.fromtimestamp(at_ns // S_NS, UTC).replace(microsecond=at_ns % S_NS // MS_NS * 1000)
    timestamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"event.name": name, "event.timestamp": timestamp, "event.sequence": sequence}


def _events(session: Session, turn: Turn) -> Iterator[Event]:
    for at_ns, name, about in _documented(session, turn):
        keyed = session.surface != "cowork"
        yield at_ns, name, about if keyed else {key: value for key, value in about.items() if key not in _NO_KEYS}


def _documented(session: Session, turn: Turn) -> Iterator[Event]:
    is_open = session.surface == "cowork"
    prompt = turn.prompt if is_open else _REDACTED
    yield turn.at_ns, "user_prompt", {"prompt_length": str(len(turn.prompt)), "prompt": prompt, "prompt_text": prompt}
    source = "sdk" if session.surface == "agent-sdk" else "repl_main_thread"
    for call in turn.calls:
        yield call.ended_at_ns, "api_request", {**_api_request(call), "query_source": source}
        yield (
            call.ended_at_ns,
            "assistant_response",
            {**_assistant_response(call, is_open=is_open), "query_source": source},
        )
        if call.tool:
            yield from _tool_events(call, call.tool, is_open=is_open)


def _api_request(call: ApiCall) -> dict[str, Value]:
    return {
        "model": call.model,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cache_read_tokens": call.cache_read_tokens,
        "cache_creation_tokens": call.cache_creation_tokens,
        "cost_usd": call.cost_nanousd / 1e9,
        "cost_usd_micros": round(call.cost_nanousd / 1000),
        "duration_ms": call.duration_ms,
        "ttft_ms": call.duration_ms // 5,
        "request_id": call.request_id,
        "speed": "normal",
    }


def _assistant_response(call: ApiCall, *, is_open: bool) -> dict[str, Value]:
    return {
        "response_length": len(call.text),
        "response": call.text if is_open else _REDACTED,
        "model": call.model,
        "request_id": call.request_id,
        "message.uuid": call.message_id,
    }


def _tool_events(call: ApiCall, tool: ToolCall, *, is_open: bool) -> Iterator[Event]:
    is_mcp = tool.name.startswith("mcp__")
    # With the gates off an MCP tool has no name.
    named: dict[str, Value] = {"tool_name": "mcp_tool" if is_mcp else tool.name, "tool_use_id": tool.tool_use_id}
    is_rejected = tool.outcome == "rejected"
    decision, source = ("reject", "user_reject") if is_rejected else ("accept", "config")
    decided = {"decision": decision, "source": source, "tool_source": "mcp" if is_mcp else "builtin"}
    yield call.decided_at_ns, "tool_decision", {**named, **decided, "request_id": call.request_id}
    if is_rejected:
        return
    result = {**named, "success": str(tool.outcome == "success").lower(), "duration_ms": str(tool.duration_ms)}
    result["tool_input_size_bytes"] = str(len(as_text(dict(tool.input)).encode()))
    if tool.outcome == "success":
        result["tool_result_size_bytes"] = str(len(as_text(tool.response).encode()))
    else:
        result["error_type"] = "ShellError"
    if is_open:
        result |= {"tool_input": as_text(dict(tool.input)), "decision_type": decision, "decision_source": source}
    yield call.returned_at_ns, "tool_result", {**result, "request_id": call.request_id}
