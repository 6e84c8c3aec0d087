-- From a trace id to the time it spans, as the collector's clickhouseexporter makes it; Grafana's trace view reads it.
CREATE TABLE IF NOT EXISTS {{ otel }}.otel_traces_trace_id_ts {{ on_cluster }}
(
    TraceId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime) CODEC(ZSTD(1)),
    End SimpleAggregateFunction(max, DateTime) CODEC(ZSTD(1))
)
ENGINE = {{ engine('AggregatingMergeTree') }}
PARTITION BY toStartOfWeek(Start)
ORDER BY TraceId
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1
