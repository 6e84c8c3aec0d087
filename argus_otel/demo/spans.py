"""
A session of the made-up team -> its native spans: one trace per prompt, below its interaction the calls of the model
and of the tools. Ids are derived from the ids of what they stand for.

Source: recordings/default/*-traces.bin.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from argus_otel.demo.otlp import attributes
from argus_otel.demo.work import MS_NS
from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from argus_otel.demo.otlp import Request, Value
    from argus_otel.demo.work import ApiCall, Session, ToolCall, Turn

_FLAGS = 257  # sampled, and the parent is known to be local or remote


def request(session: Session, standard: Mapping[str, Value], resource: Mapping[str, Value]) -> Request:
    """Return the spans of a session as one request."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.extend(attributes(resource))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name, scope_spans.scope.version = "com.anthropic.claude_code.tracing", "1.0.0"
    common = {**standard, "gen_ai.provider.name": "anthropic", "gen_ai.conversation.id": session.session_id}
    for index, turn in enumerate(session.turns):
        for span in _spans(turn, index):
            span.attributes.extend(attributes({**common, "span.type": span.name.removeprefix("claude_code.")}))
            scope_spans.spans.append(span)
    return Signal.TRACES, message.SerializeToString()


def trace_id(turn: Turn) -> bytes:
    """Return the trace of a prompt."""
    return uuid.UUID(turn.prompt_id).bytes


def interaction_span_id(turn: Turn) -> bytes:
    """Return the span that all of a turn hangs below."""
    return _span_id("interaction", turn.prompt_id)


def traceparent(turn: Turn) -> str:
    """Return the W3C header that the hooks of a traced turn see in their environment."""
    return f"00-{trace_id(turn).hex()}-{interaction_span_id(turn).hex()}-01"


def _spans(turn: Turn, index: int) -> Iterator[Span]:
    root = interaction_span_id(turn)
    about: dict[str, Value] = {"user_prompt": "<REDACTED>", "user_prompt_length": len(turn.prompt)}
    about |= {"interaction.sequence": index + 1, "gen_ai.operation.name": "invoke_agent"}
    yield _span(turn, "interaction", root, b"", (turn.at_ns, turn.ended_at_ns), about)
    for call in turn.calls:
        yield _llm_request(turn, call, root)
        if call.tool:
            yield from _tool_spans(turn, call, call.tool, root)


def _llm_request(turn: Turn, call: ApiCall, parent: bytes) -> Span:
    about: dict[str, Value] = {
        "model": call.model,
        "gen_ai.system": "anthropic",
        "gen_ai.request.model": call.model,
        "llm_request.context": "interaction",
        "query_source_safe": "sdk",
        "duration_ms": call.duration_ms,
        "ttft_ms": call.duration_ms // 5,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cache_read_tokens": call.cache_read_tokens,
        "cache_creation_tokens": call.cache_creation_tokens,
        "success": True,
        "attempt": 1,
        "request_id": call.request_id,
        "gen_ai.response.id": call.request_id,
        "stop_reason": "tool_use" if call.tool else "end_turn",
    }
    times = (call.ended_at_ns - call.duration_ms * MS_NS, call.ended_at_ns)
    return _span(turn, "llm_request", _span_id("llm_request", call.request_id), parent, times, about)


def _tool_spans(turn: Turn, call: ApiCall, tool: ToolCall, parent: bytes) -> Iterator[Span]:
    tool_id = _span_id("tool", tool.tool_use_id)
    key: dict[str, Value] = {"tool_use_id": tool.tool_use_id, "gen_ai.tool.call.id": tool.tool_use_id}
    named: dict[str, Value] = {"tool_name": tool.name, "gen_ai.tool.name": tool.name, "duration_ms": tool.duration_ms}
    times = (call.ended_at_ns, call.returned_at_ns)
    yield _span(turn, "tool", tool_id, parent, times, {**key, **named, "gen_ai.operation.name": "execute_tool"})
    decision, source = ("reject", "user_reject") if tool.outcome == "rejected" else ("accept", "config")
    waited = (call.ended_at_ns, call.decided_at_ns)
    waited_id = _span_id("tool.blocked_on_user", tool.tool_use_id)
    yield _span(turn, "tool.blocked_on_user", waited_id, tool_id, waited, {"decision": decision, "source": source})
    if tool.outcome == "rejected":
        return
    about = {**key, "duration_ms": tool.duration_ms, "success": tool.outcome == "success"}
    if tool.outcome == "failure":
        about |= {"error.type": "tool_error", "error_class": "ShellError"}
    execution_id = _span_id("tool.execution", tool.tool_use_id)
    span = _span(turn, "tool.execution", execution_id, tool_id, (call.decided_at_ns, call.returned_at_ns), about)
    if tool.outcome == "failure":
        span.status.code = Status.STATUS_CODE_ERROR
    yield span


def _span(
    turn: Turn, name: str, span_id: bytes, parent: bytes, times_ns: tuple[int, int], about: Mapping[str, Value]
) -> Span:
    return Span(
        trace_id=trace_id(turn),
        span_id=span_id,
        parent_span_id=parent,
        flags=_FLAGS,
        name=f"claude_code.{name}",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=times_ns[0],
        end_time_unix_nano=times_ns[1],
        attributes=attributes(about),
    )


def _span_id(kind: str, key: str) -> bytes:
    return hashlib.sha256(f"{kind} {key}".encode()).digest()[:8]
