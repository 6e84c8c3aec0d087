-- metric_points -> otel_metrics_exponential_histogram.
{% import 'metrics.jinja' as metrics %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.metric_points_to_exponential_histogram {{ on_cluster }} TO {{ otel }}.otel_metrics_exponential_histogram AS
SELECT
    {{ metrics.shared() }},
    Count, Sum, Min, Max, Scale, ZeroCount, PositiveOffset, PositiveBucketCounts, NegativeOffset, NegativeBucketCounts, AggregationTemporality
FROM {{ otel }}.metric_points
WHERE kind = 'exponential_histogram'
