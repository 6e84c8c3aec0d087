-- metric_points -> otel_metrics_sum.
{% import 'metrics.jinja' as metrics %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.metric_points_to_sum {{ on_cluster }} TO {{ otel }}.otel_metrics_sum AS
SELECT
    {{ metrics.shared() }},
    Value, ValueInt, HasValue, AggregationTemporality, IsMonotonic, `Exemplars.FilteredAttributes`, `Exemplars.TimeUnix`, `Exemplars.Value`, `Exemplars.SpanId`, `Exemplars.TraceId`
FROM {{ otel }}.metric_points
WHERE kind = 'sum'
