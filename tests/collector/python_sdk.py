"""
A program of its own that tells of one API call and one tool call by the Python SDK's exporters, in the names that content
spans and Claude Code's spans have: `python python_sdk.py grpc|http`. Where to, stands in OTEL_* variables.
"""

from __future__ import annotations

import os
import sys

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if sys.argv[1] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # type: ignore[assignment] # one of the two

provider = TracerProvider(resource=Resource.create({"service.name": "claude-code"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("tests")
session = {"session.id": os.environ["SESSION"]}
call = {
    "request_id": f"{os.environ['SESSION']}-r1",
    "model": "claude-sonnet-4-5",
    "input_tokens": 11,
    "output_tokens": 2,
}
tool = {"tool_name": "Read", "tool_use_id": f"{os.environ['SESSION']}-t1", "duration_ms": 5}
with tracer.start_as_current_span("claude_code.llm_request", attributes={**session, **call, "success": True}):
    pass
with tracer.start_as_current_span("claude_code.tool", attributes={**session, **tool}):
    pass
provider.shutdown()
