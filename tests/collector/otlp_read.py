"""Plain reading of OTLP requests: what a destination was told, as rows that can be compared."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from argus_otel.demo.otlp import MESSAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from argus_otel.demo.otlp import Request
    from argus_otel.envelope import Envelope

_GROUPS = {"LOGS": ("resource_logs", "scope_logs", "log_records"), "TRACES": ("resource_spans", "scope_spans", "spans")}


def told(envelopes: Iterable[Envelope]) -> list[Request]:
    """Return what arrived at a receiver as requests."""
    return [(envelope.signal, envelope.request) for envelope in envelopes]


def records(requests: Iterable[Request]) -> Counter[str]:
    """Return every record with the resource and the scope that it stands under, however they were batched."""
    return Counter(
        json.dumps([_plain(message) for message in messages], sort_keys=True) for messages in _each(requests)
    )


def values(requests: Iterable[Request]) -> dict[str, list[Any]]:
    """Return every attribute key, anywhere, with its values in the order of arrival."""
    found: dict[str, list[Any]] = {}
    for item in attributes(requests):
        kind = item.value.WhichOneof("value")
        found.setdefault(item.key, []).append(getattr(item.value, kind) if kind else None)
    return found


def attributes(requests: Iterable[Request]) -> Iterator[Any]:
    """Yield the KeyValue messages of resources, scopes, records, events, links and points."""
    for resource, scope, record in _each(requests):
        yield from (*resource.attributes, *scope.attributes)
        for owner in (record, *getattr(record, "events", ()), *getattr(record, "links", ()), *points(record)):
            yield from getattr(owner, "attributes", ())


def spans(requests: Iterable[Request]) -> Iterator[Any]:
    """Yield every span."""
    return (record for _, _, record in _each(requests) if record.DESCRIPTOR.name == "Span")


def metrics(requests: Iterable[Request]) -> Iterator[Any]:
    """Yield every metric."""
    return (record for _, _, record in _each(requests) if record.DESCRIPTOR.name == "Metric")


def points(metric: Any) -> list[Any]:
    """Return the data points of a metric, none of a record of another kind."""
    kind = metric.WhichOneof("data") if metric.DESCRIPTOR.name == "Metric" else None
    return list(getattr(metric, kind).data_points) if kind else []


def _plain(message: Any) -> dict[str, Any]:
    """Return a message as a document; the collector writes an empty status where there was none."""
    document = json_format.MessageToDict(message)
    if not document.get("status"):
        document.pop("status", None)
    return document


def _each(requests: Iterable[Request]) -> Iterator[tuple[Any, Any, Any]]:
    for signal, body in requests:
        message = MESSAGES[signal].FromString(body)
        resources, scopes, singles = _GROUPS.get(signal.name, ("resource_metrics", "scope_metrics", "metrics"))
        for of_resource in getattr(message, resources):
            for of_scope in getattr(of_resource, scopes):
                for record in getattr(of_scope, singles):
                    yield of_resource.resource, of_scope.scope, record
