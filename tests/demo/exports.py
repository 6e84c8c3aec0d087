"""Plain reading of OTLP requests, by protobuf alone: what the tests of the demo count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argus_otel.demo.otlp import MESSAGES
from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from argus_otel.demo.otlp import Request


def events(requests: Iterable[Request]) -> Iterator[dict[str, Any]]:
    """Yield the attributes of each log record, with its `body`."""
    for message in _messages(requests, Signal.LOGS):
        for resource_logs in message.resource_logs:
            for scope_logs in resource_logs.scope_logs:
                for record in scope_logs.log_records:
                    yield {**_attributes(record), "body": record.body.string_value, "at_ns": record.time_unix_nano}


def spans(requests: Iterable[Request], scope: str) -> Iterator[dict[str, Any]]:
    """Yield the attributes of each span of a scope, with its `name`."""
    for message in _messages(requests, Signal.TRACES):
        for resource_spans in message.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                if scope_spans.scope.name == scope:
                    for span in scope_spans.spans:
                        yield {**_attributes(span), "name": span.name, "trace_id": span.trace_id.hex()}


def points(requests: Iterable[Request], metric_name: str) -> Iterator[float]:
    """Yield the values of one sum."""
    for message in _messages(requests, Signal.METRICS):
        for resource_metrics in message.resource_metrics:
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    if metric.name == metric_name:
                        yield from (point.as_double for point in metric.sum.data_points)


def _messages(requests: Iterable[Request], signal: Signal) -> Iterator[Any]:
    return (MESSAGES[signal].FromString(body) for kind, body in requests if kind is signal)


def _attributes(record: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, str(item.value.WhichOneof("value"))) for item in record.attributes}
