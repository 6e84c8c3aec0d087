-- otlp -> otel_metrics_histogram: one row per data point.
{% import 'metrics.jinja' as metrics with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otlp_to_metrics_histogram {{ on_cluster }} TO {{ otel }}.otel_metrics_histogram AS
SELECT
    point.count AS Count, coalesce(point.sum, 0) AS Sum, coalesce(point.min, 0) AS Min, coalesce(point.max, 0) AS Max,
    point.bucket_counts AS BucketCounts, point.explicit_bounds AS ExplicitBounds,
    kind.aggregation_temporality AS AggregationTemporality,
    {{ metrics.shared_columns() }}
{{ metrics.points_of('histogram') }}
