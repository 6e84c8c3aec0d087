-- metric_points -> otel_metrics_histogram.
{% import 'metrics.jinja' as metrics %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.metric_points_to_histogram {{ on_cluster }} TO {{ otel }}.otel_metrics_histogram AS
SELECT
    {{ metrics.shared() }},
    Count, Sum, Min, Max, BucketCounts, ExplicitBounds, AggregationTemporality
FROM {{ otel }}.metric_points
WHERE kind = 'histogram'
