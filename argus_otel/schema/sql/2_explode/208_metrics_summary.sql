-- otlp -> otel_metrics_summary: one row per data point.
{% import 'metrics.jinja' as metrics with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otlp_to_metrics_summary {{ on_cluster }} TO {{ otel }}.otel_metrics_summary AS
SELECT
    point.count AS Count, point.sum AS Sum,
    point.quantile_values.quantile AS `ValueAtQuantiles.Quantile`, point.quantile_values.value AS `ValueAtQuantiles.Value`,
    {{ metrics.shared_columns() }}
{{ metrics.points_of('summary') }}
