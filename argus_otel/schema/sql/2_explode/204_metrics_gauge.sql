-- otlp -> otel_metrics_gauge: one row per data point.
{% import 'metrics.jinja' as metrics with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otlp_to_metrics_gauge {{ on_cluster }} TO {{ otel }}.otel_metrics_gauge AS
SELECT
    {{ metrics.number_columns() }},
    {{ metrics.shared_columns() }}
{{ metrics.points_of('gauge') }}
