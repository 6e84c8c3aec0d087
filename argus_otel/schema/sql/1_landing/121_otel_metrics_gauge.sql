-- Gauges as the collector's clickhouseexporter makes them. Below the line: what that schema cannot hold.
{% import 'metrics.jinja' as metrics with context %}
CREATE TABLE IF NOT EXISTS {{ otel }}.otel_metrics_gauge {{ on_cluster }}
(
    {{ metrics.described() }}
    Value Float64 CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    {{ metrics.exemplars() }}
    ---------------------------------------------------------------------------------------------------------------
    ValueInt Nullable(Int64) DEFAULT NULL CODEC(ZSTD(1)), -- an integer point exactly; Value is its Float64
    HasValue Bool DEFAULT true,
    {{ metrics.beside() }}
)
{{ metrics.storage() }}
