"""Tables as the collector's clickhouseexporter shapes them, with rows of recordings, and one without any of ours in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from argus_otel.schema.migrate import Database

_MAP = "Map(LowCardinality(String), String)"
LOGS = {
    "Timestamp": "DateTime64(9)",
    "TraceId": "String",
    "SpanId": "String",
    "TraceFlags": "UInt8",
    "SeverityText": "LowCardinality(String)",
    "SeverityNumber": "UInt8",
    "ServiceName": "LowCardinality(String)",
    "Body": "String",
    "ResourceSchemaUrl": "LowCardinality(String)",
    "ResourceAttributes": _MAP,
    "ScopeSchemaUrl": "LowCardinality(String)",
    "ScopeName": "String",
    "ScopeVersion": "LowCardinality(String)",
    "ScopeAttributes": _MAP,
    "LogAttributes": _MAP,
    "EventName": "String",
}
TRACES = {
    "Timestamp": "DateTime64(9)",
    "TraceId": "String",
    "SpanId": "String",
    "ParentSpanId": "String",
    "TraceState": "String",
    "SpanName": "LowCardinality(String)",
    "SpanKind": "LowCardinality(String)",
    "ServiceName": "LowCardinality(String)",
    "ResourceAttributes": _MAP,
    "ScopeName": "String",
    "ScopeVersion": "String",
    "SpanAttributes": _MAP,
    "Duration": "UInt64",
    "StatusCode": "LowCardinality(String)",
    "StatusMessage": "String",
    "Events.Timestamp": "Array(DateTime64(9))",
    "Events.Name": "Array(LowCardinality(String))",
    "Events.Attributes": f"Array({_MAP})",
    "Links.TraceId": "Array(String)",
    "Links.SpanId": "Array(String)",
    "Links.TraceState": "Array(String)",
    "Links.Attributes": f"Array({_MAP})",
}
_POINT = {
    "ResourceAttributes": _MAP,
    "ResourceSchemaUrl": "String",
    "ScopeName": "String",
    "ScopeVersion": "String",
    "ScopeAttributes": _MAP,
    "ScopeDroppedAttrCount": "UInt32",
    "ScopeSchemaUrl": "String",
    "ServiceName": "LowCardinality(String)",
    "MetricName": "String",
    "MetricDescription": "String",
    "MetricUnit": "String",
    "Attributes": _MAP,
    "StartTimeUnix": "DateTime64(9)",
    "TimeUnix": "DateTime64(9)",
}
SUMS = {**_POINT, "Value": "Float64", "Flags": "UInt32", "AggregationTemporality": "Int32", "IsMonotonic": "Bool"}
GAUGES = {**_POINT, "Value": "Float64", "Flags": "UInt32"}
HISTOGRAMS = {
    **_POINT,
    "Count": "UInt64",
    "Sum": "Float64",
    "BucketCounts": "Array(UInt64)",
    "ExplicitBounds": "Array(Float64)",
    "AggregationTemporality": "Int32",
}
TABLES = {
    "otel_logs": (LOGS, "PARTITION BY toDate(TimestampTime) ORDER BY (ServiceName, TimestampTime, Timestamp)"),
    "otel_traces": (TRACES, "PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))"),
    "otel_metrics_sum": (
        SUMS,
        "PARTITION BY toDate(TimeUnix) ORDER BY (ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))",
    ),
    "otel_metrics_gauge": (GAUGES, "PARTITION BY toDate(TimeUnix) ORDER BY (ServiceName, MetricName)"),
    "otel_metrics_histogram": (HISTOGRAMS, "PARTITION BY toDate(TimeUnix) ORDER BY (ServiceName, MetricName)"),
}


def make_tables(database: Database, name: str) -> None:
    database.execute(f"CREATE DATABASE {name}")
    for table, (columns, keys) in TABLES.items():
        shaped = [f"`{column}` {of}" for column, of in columns.items()]
        if table == "otel_logs":
            shaped.insert(1, "TimestampTime DateTime DEFAULT toDateTime(Timestamp)")
            shaped.append("INDEX idx_log_attr_key mapKeys(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1")
        database.execute(
            f"CREATE TABLE {name}.{table} ({', '.join(shaped)}) ENGINE = MergeTree {keys}"
            " SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1"
        )


def insert(database: Database, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert as the exporter does: its own columns by name, the rest by default."""
    columns = ", ".join(f"`{column}`" for column in rows[0])
    lines = "\n".join(json.dumps(row) for row in rows)
    database.execute(f"INSERT INTO {table} ({columns}) FORMAT JSONEachRow\n{lines}")


def log(**columns: Any) -> dict[str, Any]:
    """Return a row of a log record that another service wrote."""
    empty: dict[str, Any] = {
        name: {} if "Map" in of else 0 if of.startswith("UInt") else "" for name, of in LOGS.items()
    }
    return {**empty, "Timestamp": "2026-11-23 10:00:00.000000000", "ServiceName": "shop", "Body": "sold", **columns}


def span(**columns: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        name: [] if of.startswith("Array") else {} if "Map" in of else 0 if of.startswith("UInt") else ""
        for name, of in TRACES.items()
    }
    return {**empty, "Timestamp": "2026-11-23 10:00:00.000000000", "ServiceName": "shop", "SpanName": "sell", **columns}


def point(**columns: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {name: {} if "Map" in of else "" if "String" in of else 0 for name, of in SUMS.items()}
    at = "2026-11-23 10:00:00.000000000"
    return {**empty, "StartTimeUnix": at, "TimeUnix": at, "ServiceName": "shop", "MetricName": "sales", **columns}
