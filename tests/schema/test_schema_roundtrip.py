"""Any OTLP message in, the same values out by SQL, over the collector's columns and ours beside them."""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from native import T0_NS, attributes, value
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from argus_otel.envelope import Signal

if TYPE_CHECKING:
    from databases import Databases

# No text that a redaction rule could find, and no two keys alike: OTLP forbids them.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters=":@="), max_size=12)
SCALARS = (
    TEXT
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=8)
    | st.none()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
ATTRIBUTES = st.dictionaries(TEXT, VALUES, max_size=5)
TIMES = st.integers(T0_NS, T0_NS + 10**15)
COUNTS = st.integers(0, 2**32 - 1)
IDS = st.binary(min_size=8, max_size=8)
EXAMPLES = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

NESTED = {
    "s": lambda text: text,
    "i": int,
    "d": float,
    "b": lambda text: text,
    "x": base64.b64decode,
    "n": lambda _: None,
}


def read(text: str, kind: str) -> Any:
    """Return the value that a column's text and the type beside it say; deeper nesting as its protobuf bytes."""
    if kind in ("", "none"):
        return None if kind else text
    if kind in ("int", "double", "bool", "bytes"):
        return {"int": int, "double": float, "bool": lambda t: t == "true", "bytes": base64.b64decode}[kind](text)
    name, letters = kind.split(":")
    pairs = json.loads(text, object_pairs_hook=list, parse_int=str)  # -0 is a number of its own
    if name == "array":
        return [_nested(item, letter) for item, letter in zip(pairs, letters, strict=True)]
    return [(key, _nested(item, letter)) for (key, item), letter in zip(pairs, letters, strict=True)]


def _nested(item: Any, letter: str) -> Any:
    return ("bytes", base64.b64decode(item)) if letter in "ak" else NESTED[letter](item)


def expected(of: Any, depth: int = 0) -> Any:
    """Return a generated value as `read` gives it back."""
    if isinstance(of, list | dict) and depth:
        message = value(of)
        inner = message.array_value if isinstance(of, list) else message.kvlist_value
        return ("bytes", inner.SerializeToString())
    if isinstance(of, list):
        return [expected(item, 1) for item in of]
    if isinstance(of, dict):
        return [(key, expected(item, 1)) for key, item in of.items()]
    return of


def same(stored: Any, meant: Any) -> bool:
    if isinstance(meant, float) and isinstance(stored, float):
        return stored == meant and math.copysign(1, stored) == math.copysign(1, meant)
    if isinstance(meant, list | tuple):
        return len(stored) == len(meant) and all(map(same, stored, meant))
    return type(stored) is type(meant) and stored == meant


def assert_same(texts: dict[str, str], types: dict[str, str], meant: dict[str, Any]) -> None:
    assert texts.keys() == meant.keys()
    for key, of in meant.items():
        stored = read(texts[key], types.get(key, ""))
        assert same(stored, expected(of)), (key, of, texts[key], types.get(key))


def emptied(databases: Databases, table: str) -> None:
    databases.store.execute(f"TRUNCATE TABLE {databases.settings.otel_database}.{table}")


@EXAMPLES
@given(
    records=st.lists(st.tuples(ATTRIBUTES, VALUES, TIMES, TIMES, IDS, TEXT, COUNTS), min_size=1, max_size=4),
    resource=ATTRIBUTES,
    scope=ATTRIBUTES,
)
def test_logs(databases: Databases, records: list[Any], resource: dict[str, Any], scope: dict[str, Any]) -> None:
    emptied(databases, "otel_logs")
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add(schema_url="https://opentelemetry.io/schemas/1.37.0")
    resource_logs.resource.attributes.extend(attributes(resource))
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.attributes.extend(attributes(scope))
    for number, (of, body, time_ns, observed_ns, span_id, name, dropped) in enumerate(records):
        record = scope_logs.log_records.add(
            time_unix_nano=time_ns, observed_time_unix_nano=observed_ns, span_id=span_id
        )
        record.trace_id, record.event_name, record.severity_number = number.to_bytes(16, "big"), name, number
        record.dropped_attributes_count = record.flags = dropped
        record.attributes.extend(attributes(of))
        record.body.CopyFrom(value(body))
    databases.load([(Signal.LOGS, request.SerializeToString())])
    rows = databases.landed("otel_logs", order="TraceId")
    assert len(rows) == len(records)
    for row, (of, body, time_ns, observed_ns, span_id, name, dropped) in zip(rows, records, strict=True):
        assert_same(row["LogAttributes"], row["LogAttributeTypes"], of)
        assert_same(row["ResourceAttributes"], row["ResourceAttributeTypes"], resource)
        assert_same(row["ScopeAttributes"], row["ScopeAttributeTypes"], scope)
        assert same(read(row["Body"], row["BodyType"]), expected(body))
        assert (row["TimeUnixNano"], row["ObservedTimeUnixNano"]) == (time_ns, observed_ns)
        assert (row["SpanId"], row["EventName"]) == (span_id.hex(), name)
        assert (row["DroppedAttributesCount"], row["Flags"]) == (dropped, dropped)
        assert row["ResourceSchemaUrl"] == "https://opentelemetry.io/schemas/1.37.0"


@EXAMPLES
@given(
    of=ATTRIBUTES,
    events=st.lists(st.tuples(TEXT, TIMES, ATTRIBUTES, COUNTS), max_size=3),
    links=st.lists(st.tuples(IDS, TEXT, ATTRIBUTES, COUNTS), max_size=3),
    start_ns=TIMES,
    duration_ns=st.integers(0, 10**12),
    message=TEXT,
    kind=st.integers(0, 5),
    code=st.integers(0, 2),
)
def test_spans(
    databases: Databases,
    of: dict[str, Any],
    events: list[Any],
    links: list[Any],
    start_ns: int,
    duration_ns: int,
    message: str,
    kind: int,
    code: int,
) -> None:
    emptied(databases, "otel_traces")
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="n", kind=kind, start_time_unix_nano=start_ns)  # type: ignore[arg-type] # the enum's number
    span.end_time_unix_nano = start_ns + duration_ns
    span.status.message, span.status.code = message, code  # type: ignore[assignment] # the enum's number
    span.attributes.extend(attributes(of))
    for name, time_ns, told, dropped in events:
        event = span.events.add(name=name, time_unix_nano=time_ns, dropped_attributes_count=dropped)
        event.attributes.extend(attributes(told))
    for span_id, state, told, flags in links:
        link = span.links.add(span_id=span_id, trace_state=state, flags=flags)
        link.attributes.extend(attributes(told))
    databases.load([(Signal.TRACES, request.SerializeToString())])
    [row] = databases.landed("otel_traces")
    kinds = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"]
    assert (row["SpanKind"], row["StatusCode"]) == (kinds[kind], ["Unset", "Ok", "Error"][code])
    assert (row["StartTimeUnixNano"], row["Duration"], row["StatusMessage"]) == (start_ns, duration_ns, message)
    assert_same(row["SpanAttributes"], row["SpanAttributeTypes"], of)
    assert row["Events.Name"] == [event[0] for event in events]
    assert row["EventTimesUnixNano"] == [event[1] for event in events]
    assert row["EventDroppedAttributesCounts"] == [event[3] for event in events]
    for number, event in enumerate(events):
        assert_same(row["Events.Attributes"][number], row["EventAttributeTypes"][number], event[2])
    assert row["Links.SpanId"] == [link[0].hex() for link in links]
    assert row["Links.TraceState"] == [link[1] for link in links]
    assert row["LinkFlags"] == [link[3] for link in links]
    for number, link in enumerate(links):
        assert_same(row["Links.Attributes"][number], row["LinkAttributeTypes"][number], link[2])


@EXAMPLES
@given(
    points=st.lists(
        st.tuples(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False), TIMES, ATTRIBUTES),
        min_size=1,
        max_size=3,
    ),
    temporality=st.integers(0, 2),
    is_monotonic=st.booleans(),
    is_gauge=st.booleans(),
)
def test_numbers(databases: Databases, points: list[Any], temporality: int, is_monotonic: bool, is_gauge: bool) -> None:
    table = "otel_metrics_gauge" if is_gauge else "otel_metrics_sum"
    emptied(databases, table)
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m", unit="By", description="d")
    if not is_gauge:
        metric.sum.aggregation_temporality, metric.sum.is_monotonic = temporality, is_monotonic  # type: ignore[assignment] # the enum's number
    holder = metric.gauge if is_gauge else metric.sum
    for number, (amount, time_ns, of) in enumerate(points):
        point = holder.data_points.add(time_unix_nano=time_ns, start_time_unix_nano=time_ns - 1, flags=number)
        if isinstance(amount, int):
            point.as_int = amount
        else:
            point.as_double = amount
        point.attributes.extend(attributes(of))
    databases.load([(Signal.METRICS, request.SerializeToString())])
    rows = databases.landed(table, order="Flags")
    for row, (amount, time_ns, of) in zip(rows, points, strict=True):
        assert (row["MetricName"], row["MetricUnit"], row["MetricDescription"]) == ("m", "By", "d")
        assert (row["TimeUnixNano"], row["StartTimeUnixNano"]) == (time_ns, time_ns - 1)
        assert_same(row["Attributes"], row["AttributeTypes"], of)
        if isinstance(amount, int):
            assert row["ValueInt"] == amount
        else:
            assert row["ValueInt"] is None
            assert float(row["Value"] if row["Value"] is not None else amount) == amount  # JSON has no infinity
        if not is_gauge:
            assert (row["AggregationTemporality"], row["IsMonotonic"]) == (temporality, is_monotonic)


def test_histograms_and_summaries(databases: Databases) -> None:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    histogram = metrics.add(name="h").histogram
    histogram.aggregation_temporality = 1  # type: ignore[assignment] # the enum's number
    histogram.data_points.add(
        time_unix_nano=T0_NS, count=3, sum=6.5, bucket_counts=[1, 2], explicit_bounds=[5.0], min=1.5, max=5.0
    )
    exponential = metrics.add(name="e").exponential_histogram.data_points.add(time_unix_nano=T0_NS, count=4, scale=-2)
    exponential.positive.offset = -3
    exponential.positive.bucket_counts.extend([1, 3])
    summary = metrics.add(name="s").summary.data_points.add(time_unix_nano=T0_NS, count=2, sum=3.0)
    summary.quantile_values.add(quantile=0.5, value=1.5)
    databases.load([(Signal.METRICS, request.SerializeToString())])
    [row] = databases.landed("otel_metrics_histogram")
    assert (row["Count"], row["Sum"], row["BucketCounts"], row["ExplicitBounds"]) == (3, 6.5, [1, 2], [5.0])
    assert (row["Min"], row["Max"], row["AggregationTemporality"]) == (1.5, 5.0, 1)
    [row] = databases.landed("otel_metrics_exponential_histogram")
    assert (row["Count"], row["Scale"], row["PositiveOffset"], row["PositiveBucketCounts"]) == (4, -2, -3, [1, 3])
    [row] = databases.landed("otel_metrics_summary")
    assert (row["Count"], row["Sum"], row["ValueAtQuantiles.Quantile"], row["ValueAtQuantiles.Value"]) == (
        2,
        3.0,
        [0.5],
        [1.5],
    )
