"""
argus-otel's own telemetry: a closed set of metrics, through the OpenTelemetry SDK.

Each metric is a member of `Metric` with its kind, unit, meaning and what to do about it; docs/metrics.md is generated
from this table. Content of sessions is never a metric, a label or a log line.
"""

from __future__ import annotations

import enum
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Histogram, Observation
from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    InMemoryMetricReader,
    MetricReader,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from argus_otel import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Kind = Literal["counter", "histogram", "gauge"]
Labels: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Definition:
    name: str
    kind: Kind
    unit: str
    meaning: str
    advice: str
    labels: tuple[str, ...] = ()


class Metric(enum.Enum):
    """The metrics; a name that is not here cannot be recorded."""

    RECEIVED_RECORDS = _Definition(
        "argus_otel.received.records",
        "counter",
        "{record}",
        "Records acknowledged: log records, spans, data points.",
        "Falls to nothing while sessions run: look at the senders' endpoint and token.",
        ("signal", "transport"),
    )
    RECEIVED_BYTES = _Definition(
        "argus_otel.received.bytes",
        "counter",
        "By",
        "Bytes of acknowledged requests after decompression.",
        "For sizing the spool and the disk.",
        ("signal", "transport"),
    )
    REFUSED_REQUESTS = _Definition(
        "argus_otel.refused.requests",
        "counter",
        "{request}",
        "Requests answered with an error, by the class of the error.",
        "Retryable reasons mean that the spool or the disk is in trouble; permanent ones that a sender is misconfigured.",
        ("signal", "transport", "reason"),
    )
    ACKNOWLEDGE_SECONDS = _Definition(
        "argus_otel.acknowledge.duration",
        "histogram",
        "s",
        "From a request's arrival to its acknowledgement, the fsync included.",
        "High: the disk under the spool is slow.",
        ("signal", "transport"),
    )
    SPOOL_BYTES = _Definition(
        "argus_otel.spool.bytes",
        "gauge",
        "By",
        "Bytes in the spool.",
        "Grows: ClickHouse is behind or away. At its bound senders are told to retry.",
    )
    SPOOL_LIMIT_BYTES = _Definition(
        "argus_otel.spool.limit",
        "gauge",
        "By",
        "Bound of the spool's bytes, `spool_bytes_max`.",
        "The spool's bytes divided by it say how much room is left.",
    )
    SPOOL_RECORDS = _Definition(
        "argus_otel.spool.records",
        "gauge",
        "{record}",
        "Records in the spool, acknowledged and not yet loaded.",
        "As for the spool's bytes.",
    )
    SPOOL_OLDEST_AGE_SECONDS = _Definition(
        "argus_otel.spool.oldest_age",
        "gauge",
        "s",
        "Age of the oldest unloaded byte.",
        "Above a minute: loading has stopped; `argus-otel doctor` names the error.",
    )
    LOADED_RECORDS = _Definition(
        "argus_otel.loaded.records",
        "counter",
        "{record}",
        "Records whose INSERT returned.",
        "received = loaded + dead-lettered + spooled; `argus-otel doctor` checks it.",
    )
    LOAD_SECONDS = _Definition(
        "argus_otel.load.duration",
        "histogram",
        "s",
        "Duration of one INSERT.",
        "High: ClickHouse is busy, or the batches are large.",
    )
    LOAD_FAILURES = _Definition(
        "argus_otel.load.failures",
        "counter",
        "{failure}",
        "INSERTs that failed, by ClickHouse's error code; each is tried again or bisected.",
        "Look the code up in ClickHouse's own log.",
        ("code",),
    )
    DEAD_LETTER_RECORDS = _Definition(
        "argus_otel.dead_letter.records",
        "gauge",
        "{record}",
        "Records set aside because ClickHouse refuses them for good.",
        "`argus-otel dead-letter list` says why; `retry` sends them again.",
    )
    ACCOUNTING_RECORDS = _Definition(
        "argus_otel.accounting.records",
        "gauge",
        "{record}",
        "Records in the whole life of the data folder: received = loaded + dead_lettered + spooled + missing.",
        "missing other than 0: `argus-otel doctor` says where to look.",
        ("state",),
    )
    ROLLUP_SECONDS = _Definition(
        "argus_otel.rollup.duration",
        "histogram",
        "s",
        "Duration of one pass that summed sessions up.",
        "Minutes after an upgrade or a large import, else seconds; the views are right meanwhile.",
    )
    ROLLED_SESSIONS = _Definition(
        "argus_otel.rollup.sessions",
        "counter",
        "{session}",
        "Sessions summed up; one that goes on is summed up again.",
        "Stands still while sessions run: the log says what summing up waits for.",
    )
    ROLLUP_AGE_SECONDS = _Definition(
        "argus_otel.rollup.age",
        "gauge",
        "s",
        "Time since all that is older than `rollup_margin_s` was summed up.",
        "Above some minutes: dashboards get slower, not wrong; the log says what summing up waits for.",
    )
    QUERY_SECONDS = _Definition(
        "argus_otel.query.duration",
        "histogram",
        "s",
        "Duration of one query at the embedded engine's endpoint.",
        "High: narrow the query by session or time.",
    )
    QUERY_REFUSED = _Definition(
        "argus_otel.query.refused",
        "counter",
        "{query}",
        "Queries refused at the embedded engine's endpoint, by reason.",
        "The endpoint is read-only; `argus-otel` commands change things.",
        ("reason",),
    )


_SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_INCREMENTS: dict[type, AggregationTemporality] = dict.fromkeys(
    (sdk.Counter, sdk.ObservableCounter, sdk.Histogram), AggregationTemporality.DELTA
)
"""What is stored adds up over any time and any restart."""


class Telemetry:
    """
    Records the metrics of one service. Safe from several threads; `close` may be called twice.

    Counts are added up here and read at each collection: a request counts several, and the SDK takes ten times as long.

    Args:
        otlp_endpoint: also export every minute to this OTLP/gRPC endpoint; None to serve Prometheus only.
        instance: what tells this service from others, HOST:PORT.
        is_stored: `otlp` will be called.
    """

    def __init__(self, otlp_endpoint: str | None = None, instance: str = "", *, is_stored: bool = False) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        readers: list[MetricReader] = [PrometheusMetricReader(disable_target_info=True, registry=self._registry)]
        self._increments = InMemoryMetricReader(preferred_temporality=_INCREMENTS) if is_stored else None
        if self._increments is not None:
            readers.append(self._increments)
        if otlp_endpoint is not None:
            from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

            readers.append(PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=otlp_endpoint)))
        resource = Resource(
            {"service.name": "argus-otel", "service.version": __version__, "service.instance.id": instance}
        )
        self._provider = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
        self._meter = self._provider.get_meter("argus_otel", __version__)
        self._counts: dict[Metric, Counter[Labels]] = {}
        self._counting = threading.Lock()
        self._histograms: dict[Metric, Histogram] = {}
        for metric in Metric:
            self._create(metric)
        self._closed = False

    def add(self, metric: Metric, amount: int = 1, **labels: str) -> None:
        """Count `amount` more on a counter."""
        counts = self._counts[metric]
        with self._counting:
            counts[tuple(labels.items())] += amount

    def record(self, metric: Metric, value: float, **labels: str) -> None:
        """Record one value of a histogram, in its unit."""
        self._histograms[metric].record(value, labels)

    def observe(self, metric: Metric, read: Callable[[], float]) -> None:
        """Read a gauge by calling `read` at each collection; it must not block."""
        definition = metric.value

        def callback(_: CallbackOptions) -> Iterable[Observation]:
            return (Observation(read()),)

        self._meter.create_observable_gauge(definition.name, (callback,), definition.unit, definition.meaning)

    def observe_each(self, metric: Metric, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """As `observe`, for a gauge with one value for each value of one label."""
        definition = metric.value

        def callback(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, {label: name}) for name, value in read().items()]

        self._meter.create_observable_gauge(definition.name, (callback,), definition.unit, definition.meaning)

    def prometheus(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def otlp(self) -> bytes:
        """Return what changed since the last call, and the gauges, as one ExportMetricsServiceRequest."""
        assert self._increments is not None, "is_stored was not given"
        read = self._increments.get_metrics_data()
        return encode_metrics(read).SerializeToString() if read is not None else b""

    def close(self) -> None:
        """Flush and stop exporting."""
        if not self._closed:
            self._closed = True
            self._provider.shutdown()

    def _observed(self, counts: Counter[Labels]) -> list[Observation]:
        with self._counting:
            return [Observation(count, dict(labels)) for labels, count in counts.items()]

    def _create(self, metric: Metric) -> None:
        definition = metric.value
        if definition.kind == "counter":
            counts: Counter[Labels] = Counter()
            self._counts[metric] = counts
            self._meter.create_observable_counter(
                definition.name, (lambda _: self._observed(counts),), definition.unit, definition.meaning
            )
        elif definition.kind == "histogram":
            self._histograms[metric] = self._meter.create_histogram(
                definition.name,
                definition.unit,
                definition.meaning,
                explicit_bucket_boundaries_advisory=_SECONDS_BUCKETS,
            )
