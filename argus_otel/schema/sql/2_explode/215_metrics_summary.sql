-- metric_points -> otel_metrics_summary.
{% import 'metrics.jinja' as metrics %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.metric_points_to_summary {{ on_cluster }} TO {{ otel }}.otel_metrics_summary AS
SELECT
    {{ metrics.shared() }},
    Count, Sum, `ValueAtQuantiles.Quantile`, `ValueAtQuantiles.Value`
FROM {{ otel }}.metric_points
WHERE kind = 'summary'
