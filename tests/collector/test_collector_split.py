"""split.yaml: argus-otel gets everything, Prometheus and Tempo what is known to be numbers and labels."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from collector_needed import needs_collector
from collectors import Collector, collecting
from native import attributes as encoded
from native import span
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_read import metrics, points, spans, told, values
from receiving import receiving
from waiting import eventually

from argus_otel.demo import recordings
from argus_otel.envelope import Signal
from argus_otel.privacy.redaction import is_content

if TYPE_CHECKING:
    from collections.abc import Iterator

    from native import Request
    from receiving import Receiving
    from services import Service

pytestmark = needs_collector

WAIT_S = 90
SECRET = "what-somebody-typed"
WORDS_MIN = 12
"""Characters of a value that cannot be there by chance."""


@pytest.fixture(scope="module")
def others() -> Iterator[tuple[Receiving, Receiving]]:
    """Prometheus and Tempo, as far as they speak OTLP."""
    with receiving() as prometheus, receiving() as tempo:
        yield prometheus, tempo


@pytest.fixture(scope="module")
def collector(
    others: tuple[Receiving, Receiving], to_service: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Collector]:
    prometheus, tempo = others
    variables = {"PROMETHEUS_OTLP": f"http://{prometheus.endpoints.http}", "TRACES_OTLP": tempo.endpoints.grpc}
    folder = tmp_path_factory.mktemp("collector")
    with collecting("split.yaml", folder, **to_service, **variables) as running:
        yield running


@pytest.fixture(scope="module")
def sent() -> list[Request]:
    """A session with all its content, and words where nobody has listed them yet."""
    return [*recordings.requests("content-on"), *recordings.content("content-on"), unlisted_span(), unlisted_point()]


@pytest.fixture(scope="module")
def heard(
    collector: Collector, sent: list[Request], others: tuple[Receiving, Receiving]
) -> tuple[list[Request], list[Request]]:
    """What Prometheus and Tempo were told."""
    prometheus, tempo = others
    for kind, body in sent:
        collector.send(kind, body)

    def check() -> None:
        assert len(list(spans(told(tempo.accepted)))) == len(list(spans(sent)))
        assert count_of_points(told(prometheus.accepted)) == count_of_points(sent)

    eventually(check, WAIT_S)
    return told(prometheus.accepted), told(tempo.accepted)


def unlisted_span() -> Request:
    kind, body = span("claude_code.tool", {"new.attribute": SECRET, "nested": {"tool_name": SECRET}, "list": [SECRET]})
    request = ExportTraceServiceRequest.FromString(body)
    [resource_spans] = request.resource_spans
    [scope_spans] = resource_spans.scope_spans
    resource_spans.resource.attributes.extend(encoded({"process.command_line": SECRET}))
    scope_spans.scope.attributes.extend(encoded({"new.scope": SECRET}))
    [made] = scope_spans.spans
    made.status.message = SECRET
    made.events.add(name=SECRET).attributes.extend(encoded({"new.of.event": SECRET, "output": SECRET}))
    scope_spans.spans.add(name=f"{SECRET} in a name", trace_id=b"\2" * 16, span_id=b"\2" * 8)
    return kind, request.SerializeToString()


def unlisted_point() -> Request:
    request = ExportMetricsServiceRequest()
    resource_metrics = request.resource_metrics.add()
    resource_metrics.resource.attributes.extend(encoded({"service.name": "claude-code", "new.resource": SECRET}))
    metric = resource_metrics.scope_metrics.add().metrics.add(name="claude_code.new.gauge")
    metric.gauge.data_points.add(as_double=7, time_unix_nano=1_795_400_000_000_000_000).attributes.extend(
        encoded({"session.id": "s9", "new.label": SECRET})
    )
    return Signal.METRICS, request.SerializeToString()


def count_of_points(requests: list[Request]) -> int:
    return sum(len(points(metric)) for metric in metrics(requests))


def test_no_word_of_a_session_leaves(sent: list[Request], heard: tuple[list[Request], list[Request]]) -> None:
    texts = {
        text
        for key, found in values(sent).items()
        if is_content(key)
        for text in found
        if isinstance(text, str) and len(text) >= WORDS_MIN
    }
    assert len(texts) > 50
    for requests in heard:
        bodies = [body for _, body in requests]
        for text in (SECRET, *texts):
            assert not [body for body in bodies if text.encode() in body], text


def test_only_listed_attributes_leave_and_all_of_those_do(
    sent: list[Request], heard: tuple[list[Request], list[Request]]
) -> None:
    for kind, requests in zip((Signal.METRICS, Signal.TRACES), heard, strict=True):
        before = {
            key: found for key, found in values(one for one in sent if one[0] is kind).items() if not is_content(key)
        }
        after = values(requests)
        assert after.keys() == before.keys()
        assert {key: set(map(str, found)) for key, found in after.items()} == {
            key: set(map(str, found)) for key, found in before.items()
        }


def test_prometheus_gets_sums_that_count_from_zero(
    sent: list[Request], heard: tuple[list[Request], list[Request]]
) -> None:
    def key(metric: Any, point: Any) -> tuple[Any, ...]:
        return metric.name, *sorted((item.key, item.value.string_value) for item in point.attributes)

    expected: dict[tuple[Any, ...], float] = defaultdict(float)
    for metric in metrics(sent):
        for point in metric.sum.data_points:
            expected[key(metric, point)] += point.as_double
    last: dict[tuple[Any, ...], float] = {}
    for metric in metrics(heard[0]):
        assert metric.WhichOneof("data") == "gauge" or metric.sum.aggregation_temporality == 2, "cumulative"
        for point in metric.sum.data_points:
            last[key(metric, point)] = max(point.as_double, last.get(key(metric, point), 0))
    assert last == pytest.approx(expected)
    cost_usd = sum(amount for (name, *_), amount in last.items() if name == "claude_code.cost.usage")
    assert math.isclose(cost_usd, 0.090675, abs_tol=1e-9)


def test_argus_otel_gets_everything(service: Service, heard: object) -> None:
    known = recordings.truth("content-on")["session_id"]

    def check() -> None:
        rows = service.rows(
            f"SELECT coverage, api_request_count, cost_usd FROM argus.sessions WHERE session_id = '{known}'"
        )
        assert [(row["coverage"], int(row["api_request_count"]), row["cost_usd"]) for row in rows] == [
            ("both", 13, 0.090675)
        ]
        prompts = service.rows(
            f"SELECT text FROM argus.transcript WHERE session_id = '{known}' AND kind = 'user' ORDER BY position"
        )
        turns = recordings.truth("content-on")["turns"]
        assert {turn["prompt"] for turn in turns} <= {prompt["text"] for prompt in prompts}

    eventually(check, WAIT_S)


def test_logs_go_to_argus_otel_alone(heard: tuple[list[Request], list[Request]]) -> None:
    prometheus, tempo = heard
    assert {kind for kind, _ in prometheus} == {Signal.METRICS}
    assert {kind for kind, _ in tempo} == {Signal.TRACES}
