"""
A session of the made-up team -> its metrics, as deltas at its end; they add up to what its events say.

Source: recordings/default/*-metrics.bin.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA

from argus_otel.demo.otlp import attributes
from argus_otel.demo.work import S_NS
from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from argus_otel.demo.otlp import Request, Value
    from argus_otel.demo.work import Session

    Point = tuple[float, dict[str, Value]]

_DESCRIPTIONS = {
    "claude_code.session.count": ("", "Count of CLI sessions started"),
    "claude_code.cost.usage": ("USD", "Cost of the Claude Code session"),
    "claude_code.token.usage": ("tokens", "Number of tokens used"),
    "claude_code.lines_of_code.count": ("", "Count of lines of code modified"),
    "claude_code.commit.count": ("", "Number of git commits created"),
    "claude_code.pull_request.count": ("", "Number of pull requests created"),
    "claude_code.active_time.total": ("s", "Total active time in seconds"),
}
_CHARACTERS_A_SECOND = 5
"""How fast the team types."""


def request(session: Session, standard: Mapping[str, Value], resource: Mapping[str, Value]) -> Request:
    """Return the metrics of a session as one request."""
    message = ExportMetricsServiceRequest()
    resource_metrics = message.resource_metrics.add()
    resource_metrics.resource.attributes.extend(attributes(resource))
    scope_metrics = resource_metrics.scope_metrics.add()
    scope_metrics.scope.name, scope_metrics.scope.version = "com.anthropic.claude_code", "2.1.330"
    for name, points in _points(session):
        unit, description = _DESCRIPTIONS[name]
        metric = scope_metrics.metrics.add(name=name, unit=unit, description=description)
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
        for value, about in points:
            point = metric.sum.data_points.add(
                start_time_unix_nano=session.started_at_ns, time_unix_nano=session.ended_at_ns, as_double=value
            )
            point.attributes.extend(attributes({**standard, **about}))
    return Signal.METRICS, message.SerializeToString()


def _points(session: Session) -> Iterator[tuple[str, list[Point]]]:
    nanousd: Counter[str] = Counter()
    tokens: Counter[tuple[str, str]] = Counter()
    for call in session.calls:
        nanousd[call.model] += call.cost_nanousd
        tokens[call.model, "input"] += call.input_tokens
        tokens[call.model, "output"] += call.output_tokens
        tokens[call.model, "cacheRead"] += call.cache_read_tokens
        tokens[call.model, "cacheCreation"] += call.cache_creation_tokens
    yield "claude_code.session.count", [(1.0, {"start_type": "fresh"})]
    yield (
        "claude_code.cost.usage",
        [(cost / 1e9, {"model": model, "query_source": "main"}) for model, cost in nanousd.items()],
    )
    yield (
        "claude_code.token.usage",
        [
            (float(count), {"model": model, "query_source": "main", "type": kind})
            for (model, kind), count in tokens.items()
        ],
    )
    yield from _outcomes(session)


def _outcomes(session: Session) -> Iterator[tuple[str, list[Point]]]:
    """Yield what came of it; a session without a commit sends no point of one."""
    done = [call.tool for call in session.calls if call.tool and call.tool.outcome == "success"]
    added = sum(_line_count(tool.input.get("new_string", tool.input.get("content", ""))) for tool in done)
    removed = sum(_line_count(tool.input.get("old_string", "")) for tool in done)
    commits = sum("git commit" in tool.input.get("command", "") for tool in done)
    pull_requests = sum("gh pr create" in tool.input.get("command", "") for tool in done)
    if added or removed:
        points: list[Point] = [(float(added), {"type": "added"}), (float(removed), {"type": "removed"})]
        yield "claude_code.lines_of_code.count", points
    if commits:
        yield "claude_code.commit.count", [(float(commits), {})]
    if pull_requests:
        yield "claude_code.pull_request.count", [(float(pull_requests), {})]
    typed_s = sum(len(turn.prompt) for turn in session.turns) / _CHARACTERS_A_SECOND
    worked_s = sum(turn.ended_at_ns - turn.at_ns for turn in session.turns) / S_NS
    yield "claude_code.active_time.total", [(typed_s, {"type": "user"}), (worked_s, {"type": "cli"})]


def _line_count(text: str) -> int:
    return len(text.splitlines())
