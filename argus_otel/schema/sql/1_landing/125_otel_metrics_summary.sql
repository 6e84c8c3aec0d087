-- Summaries as the collector's clickhouseexporter makes them. Below the line: what that schema cannot hold.
{% import 'metrics.jinja' as metrics with context %}
CREATE TABLE IF NOT EXISTS {{ otel }}.otel_metrics_summary {{ on_cluster }}
(
    {{ metrics.described() }}
    Count UInt64 CODEC(Delta(8), ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    ValueAtQuantiles Nested(Quantile Float64, Value Float64) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    ---------------------------------------------------------------------------------------------------------------
    {{ metrics.beside() }}
)
{{ metrics.storage() }}
