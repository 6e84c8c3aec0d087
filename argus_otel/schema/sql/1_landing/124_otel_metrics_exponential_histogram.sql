-- Exponential histograms as the collector's clickhouseexporter makes them. Below the line: what that schema cannot hold.
{% import 'metrics.jinja' as metrics with context %}
CREATE TABLE IF NOT EXISTS {{ otel }}.otel_metrics_exponential_histogram {{ on_cluster }}
(
    {{ metrics.described() }}
    Count UInt64 CODEC(Delta(8), ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    Scale Int32 CODEC(ZSTD(1)),
    ZeroCount UInt64 CODEC(ZSTD(1)),
    PositiveOffset Int32 CODEC(ZSTD(1)),
    PositiveBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    NegativeOffset Int32 CODEC(ZSTD(1)),
    NegativeBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    {{ metrics.exemplars() }}
    Flags UInt32 CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    ---------------------------------------------------------------------------------------------------------------
    {{ metrics.beside() }}
)
{{ metrics.storage() }}
