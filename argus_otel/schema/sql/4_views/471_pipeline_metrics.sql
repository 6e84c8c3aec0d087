-- What argus-otel measured of itself and stored (own_metrics_interval_s): one row per point. Stored as increments, so any
-- window's sum is right over restarts; landing is at least once, so a point is its service, name, labels and time.
--
--   kind        value                          count     bucket_counts, bounds
--   counter     counted since the last point   0         empty
--   gauge       as it is now                   0         empty
--   histogram   the sum of what was measured   how many  how many up to each bound, and above the last
{% set points = [('otel_metrics_sum', 'counter', 'Value', '0', '[]', '[]', ' AND AggregationTemporality = 1'),
                 ('otel_metrics_gauge', 'gauge', 'Value', '0', '[]', '[]', ''),
                 ('otel_metrics_histogram', 'histogram', 'Sum', 'Count', 'BucketCounts', 'ExplicitBounds', ' AND AggregationTemporality = 1')] %}
CREATE OR REPLACE VIEW {{ argus }}.pipeline_metrics {{ on_cluster }} AS
{% for table, kind, value, count, buckets, bounds, condition in points %}
SELECT
    CAST(TimeUnix AS DateTime64(3, 'UTC')) AS time,
    ResourceAttributes['service.instance.id'] AS instance,
    any(ResourceAttributes['service.version']) AS version,
    toString(MetricName) AS metric,
    '{{ kind }}' AS kind,
    any(MetricUnit) AS unit,
    Attributes AS labels,
    any({{ value }}) AS value,
    toUInt64(any({{ count }})) AS count,
    CAST(any({{ buckets }}), 'Array(UInt64)') AS bucket_counts,
    CAST(any({{ bounds }}), 'Array(Float64)') AS bounds
FROM {{ otel }}.{{ table }}
WHERE ServiceName = 'argus-otel'{{ condition }}
GROUP BY TimeUnix, instance, metric, labels
{{ 'UNION ALL' if not loop.last }}
{% endfor %}
