-- otlp -> otel_metrics_sum: one row per data point.
{% import 'metrics.jinja' as metrics with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otlp_to_metrics_sum {{ on_cluster }} TO {{ otel }}.otel_metrics_sum AS
SELECT
    {{ metrics.number_columns() }},
    kind.aggregation_temporality AS AggregationTemporality,
    kind.is_monotonic AS IsMonotonic,
    {{ metrics.shared_columns() }}
{{ metrics.points_of('sum') }}
