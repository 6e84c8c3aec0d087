-- otlp_metrics -> metric_points. Each kind names the fields that it has; the others stay empty.
{% import 'otlp.jinja' as otlp with context %}
{% set fields = [
    ('temporality', 'toInt32(0)'), ('is_monotonic', 'false'), ('as_double', "CAST(NULL, 'Nullable(Float64)')"), ('as_int', "CAST(NULL, 'Nullable(Int64)')"),
    ('count', 'toUInt64(0)'), ('sum', 'toFloat64(0)'), ('min', 'toFloat64(0)'), ('max', 'toFloat64(0)'),
    ('bucket_counts', "CAST([], 'Array(UInt64)')"), ('explicit_bounds', "CAST([], 'Array(Float64)')"),
    ('scale', 'toInt32(0)'), ('zero_count', 'toUInt64(0)'),
    ('positive_offset', 'toInt32(0)'), ('positive_counts', "CAST([], 'Array(UInt64)')"), ('negative_offset', 'toInt32(0)'), ('negative_counts', "CAST([], 'Array(UInt64)')"),
    ('quantiles', "CAST([], 'Array(Float64)')"), ('quantile_values', "CAST([], 'Array(Float64)')"),
    ('exemplar_times', "CAST([], 'Array(UInt64)')"), ('exemplar_values', "CAST([], 'Array(Float64)')"), ('exemplar_span_ids', "CAST([], 'Array(String)')"), ('exemplar_trace_ids', "CAST([], 'Array(String)')"),
    ('exemplar_attributes', "CAST([], 'Array(" ~ (otlp.attributes_type() | replace('\n', ' ')) ~ ")')"),
] %}
{% macro points(kind) %}
arrayMap(point -> ('{{ kind }}', point.start_time_unix_nano, point.time_unix_nano, point.flags, point.attributes{% for name, empty in fields %}, {{ kwargs.get(name, empty) }}{% endfor %}), metric_{{ kind }}.data_points)
{%- endmacro %}
{% macro numbers(kind) %}
{{ points(kind, as_double='point.as_double', as_int='point.as_int', exemplar_times='point.exemplars.time_unix_nano',
    exemplar_values='arrayMap(exemplar -> assumeNotNull(coalesce(exemplar.as_double, toFloat64(exemplar.as_int), 0)), point.exemplars)',
    exemplar_span_ids='point.exemplars.span_id', exemplar_trace_ids='point.exemplars.trace_id', exemplar_attributes='point.exemplars.filtered_attributes', **kwargs) }}
{%- endmacro %}
{% set tuple_type %}Tuple(kind String, start UInt64, time UInt64, flags UInt32, attributes {{ otlp.attributes_type() | replace('\n', ' ') }}{% for name, empty in fields %}, {{ name }} {{ {'toInt32(0)': 'Int32', 'false': 'Bool', 'toUInt64(0)': 'UInt64', 'toFloat64(0)': 'Float64'}.get(empty) or empty.split(", '", 1)[1][:-2] }}{% endfor %}){% endset %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otlp_to_metric_points {{ on_cluster }} TO {{ otel }}.metric_points AS
WITH {{ otlp.redacted() }} AS redacted
SELECT
    * EXCEPT (plain, types),
    redacted[1] AS Attributes,
    types[1] AS AttributeTypes,
    redacted[2] AS ResourceAttributes,
    types[2] AS ResourceAttributeTypes,
    redacted[3] AS ScopeAttributes,
    types[3] AS ScopeAttributeTypes,
    arraySlice(redacted, 4) AS `Exemplars.FilteredAttributes`,
    plain[2]['service.name'] AS ServiceName
FROM
(
    SELECT
        * EXCEPT (lists),
        {{ otlp.shaped() }}
    FROM
    (
        SELECT
            workspace,
            point.kind AS kind,
            metric_name AS MetricName, metric_description AS MetricDescription, metric_unit AS MetricUnit,
            of_resource_schema_url AS ResourceSchemaUrl,
            of_resource_resource.dropped_attributes_count AS ResourceDroppedAttributesCount,
            of_scope_schema_url AS ScopeSchemaUrl,
            of_scope_scope.name AS ScopeName,
            of_scope_scope.version AS ScopeVersion,
            of_scope_scope.dropped_attributes_count AS ScopeDroppedAttrCount,
            {{ otlp.plausible_time('point.start', 'received_at_ns') }} AS StartTimeUnix,
            {{ otlp.plausible_time('point.time', 'received_at_ns') }} AS TimeUnix,
            point.start AS StartTimeUnixNano,
            point.time AS TimeUnixNano,
            point.flags AS Flags,
            point.temporality AS AggregationTemporality,
            point.is_monotonic AS IsMonotonic,
            coalesce(point.as_double, toFloat64(point.as_int), 0) AS Value,
            point.as_int AS ValueInt,
            isNotNull(point.as_double) OR isNotNull(point.as_int) AS HasValue,
            arrayMap(time -> {{ otlp.plausible_time('time', 'received_at_ns') }}, point.exemplar_times) AS `Exemplars.TimeUnix`,
            point.exemplar_values AS `Exemplars.Value`,
            arrayMap(id -> {{ otlp.hex_id('id') }}, point.exemplar_span_ids) AS `Exemplars.SpanId`,
            arrayMap(id -> {{ otlp.hex_id('id') }}, point.exemplar_trace_ids) AS `Exemplars.TraceId`,
            point.count AS Count, point.sum AS Sum, point.min AS Min, point.max AS Max,
            point.bucket_counts AS BucketCounts, point.explicit_bounds AS ExplicitBounds,
            point.scale AS Scale, point.zero_count AS ZeroCount,
            point.positive_offset AS PositiveOffset, point.positive_counts AS PositiveBucketCounts,
            point.negative_offset AS NegativeOffset, point.negative_counts AS NegativeBucketCounts,
            point.quantiles AS `ValueAtQuantiles.Quantile`, point.quantile_values AS `ValueAtQuantiles.Value`,
            arrayConcat([point.attributes, of_resource_resource.attributes, of_scope_scope.attributes], point.exemplar_attributes) AS lists
        FROM {{ otel }}.otlp_metrics
        {{ otlp.array_join('metrics.resource_metrics', ['resource', 'scope_metrics', 'schema_url'], 'of_resource') }}
        {{ otlp.array_join('of_resource_scope_metrics', ['scope', 'metrics', 'schema_url'], 'of_scope') }}
        {{ otlp.array_join('of_scope_metrics', ['name', 'description', 'unit', 'gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'], 'metric') }}
        ARRAY JOIN CAST(arrayConcat(
            {{ numbers('gauge') }},
            {{ numbers('sum', temporality='metric_sum.aggregation_temporality', is_monotonic='metric_sum.is_monotonic') }},
            {{ points('histogram', temporality='metric_histogram.aggregation_temporality', count='point.count', sum='coalesce(point.sum, 0)', min='coalesce(point.min, 0)', max='coalesce(point.max, 0)',
                bucket_counts='point.bucket_counts', explicit_bounds='point.explicit_bounds') }},
            {{ points('exponential_histogram', temporality='metric_exponential_histogram.aggregation_temporality', count='point.count', sum='coalesce(point.sum, 0)', min='coalesce(point.min, 0)', max='coalesce(point.max, 0)',
                scale='point.scale', zero_count='point.zero_count', positive_offset='point.positive.offset', positive_counts='point.positive.bucket_counts',
                negative_offset='point.negative.offset', negative_counts='point.negative.bucket_counts') }},
            {{ points('summary', count='point.count', sum='point.sum', quantiles='point.quantile_values.quantile', quantile_values='point.quantile_values.value') }}
        ), 'Array({{ tuple_type }})') AS point
    )
)
