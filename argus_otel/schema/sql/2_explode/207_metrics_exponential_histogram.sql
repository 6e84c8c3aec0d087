-- otlp -> otel_metrics_exponential_histogram: one row per data point.
{% import 'metrics.jinja' as metrics with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otlp_to_metrics_exponential_histogram {{ on_cluster }} TO {{ otel }}.otel_metrics_exponential_histogram AS
SELECT
    point.count AS Count, coalesce(point.sum, 0) AS Sum, coalesce(point.min, 0) AS Min, coalesce(point.max, 0) AS Max,
    point.scale AS Scale, point.zero_count AS ZeroCount,
    point.positive.offset AS PositiveOffset, point.positive.bucket_counts AS PositiveBucketCounts,
    point.negative.offset AS NegativeOffset, point.negative.bucket_counts AS NegativeBucketCounts,
    kind.aggregation_temporality AS AggregationTemporality,
    {{ metrics.shared_columns() }}
{{ metrics.points_of('exponential_histogram') }}
