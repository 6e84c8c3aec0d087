-- metric_points -> otel_metrics_gauge.
{% import 'metrics.jinja' as metrics %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.metric_points_to_gauge {{ on_cluster }} TO {{ otel }}.otel_metrics_gauge AS
SELECT
    {{ metrics.shared() }},
    Value, ValueInt, HasValue, `Exemplars.FilteredAttributes`, `Exemplars.TimeUnix`, `Exemplars.Value`, `Exemplars.SpanId`, `Exemplars.TraceId`
FROM {{ otel }}.metric_points
WHERE kind = 'gauge'
