-- otlp_metrics -> metric_points: the points of every kind one after the other, each field a column of its own. A kind names
-- the fields that it has; the others stay empty.
{% import 'otlp.jinja' as otlp with context %}
{% set kinds = ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'] %}
{% set numbers = ['gauge', 'sum'] %}
{% set histograms = ['histogram', 'exponential_histogram'] %}
{% set no_attributes = "CAST([], 'Array(" ~ (otlp.attributes_type() | replace('\n', ' ')) ~ ")')" %}
{#- A field of all points of a metric: from the kinds that have it, else `empty` as often as there are points. -#}
{% macro field(name, having, value, empty) -%}
arrayConcat({% for kind in kinds %}{% set points = kind ~ '.data_points' %}{% if kind in having %}{{ value | replace('POINTS', points) | replace('KIND', kind) }}{% else %}arrayWithConstant(length({{ points }}.flags), {{ empty }}){% endif %}{{ ', ' if not loop.last }}{% endfor %}) AS point_{{ name }}
{%- endmacro %}
{% macro of_kind(value) -%}
arrayWithConstant(length(POINTS.flags), {{ value }})
{%- endmacro %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otlp_to_metric_points {{ on_cluster }} TO {{ otel }}.metric_points AS
SELECT
    * EXCEPT (received_at_ns, ScopeDroppedAttributesCount, texts, types, of_types, redacted),
    ScopeDroppedAttributesCount AS ScopeDroppedAttrCount,
    redacted[1] AS ResourceAttributes,
    of_types[1] AS ResourceAttributeTypes,
    redacted[2] AS ScopeAttributes,
    of_types[2] AS ScopeAttributeTypes,
    redacted[3] AS Attributes,
    types[1] AS AttributeTypes,
    arraySlice(redacted, 4) AS `Exemplars.FilteredAttributes`,
    texts[1]['service.name'] AS ServiceName
FROM
(
    SELECT
        * EXCEPT (shaped, of_texts),
        arrayConcat(of_texts, {{ otlp.texts('shaped') }}) AS texts,
        {{ otlp.types('shaped') }} AS types,
        {{ redact_maps('texts') }} AS redacted
    FROM
    (
        SELECT
            {{ otlp.beside() }},
            point_kind AS kind,
            name AS MetricName, description AS MetricDescription, unit AS MetricUnit,
            {{ otlp.plausible_time('point_start', 'received_at_ns') }} AS StartTimeUnix,
            {{ otlp.plausible_time('point_time', 'received_at_ns') }} AS TimeUnix,
            point_start AS StartTimeUnixNano,
            point_time AS TimeUnixNano,
            point_flags AS Flags,
            point_temporality AS AggregationTemporality,
            point_is_monotonic AS IsMonotonic,
            coalesce(point_double, toFloat64(point_int), 0) AS Value,
            point_int AS ValueInt,
            isNotNull(point_double) OR isNotNull(point_int) AS HasValue,
            arrayMap(time -> {{ otlp.plausible_time('time', 'received_at_ns') }}, point_exemplars.time_unix_nano) AS `Exemplars.TimeUnix`,
            arrayMap((double, int) -> assumeNotNull(coalesce(double, toFloat64(int), 0)), point_exemplars.as_double, point_exemplars.as_int) AS `Exemplars.Value`,
            arrayMap(id -> {{ otlp.hex_id('id') }}, point_exemplars.span_id) AS `Exemplars.SpanId`,
            arrayMap(id -> {{ otlp.hex_id('id') }}, point_exemplars.trace_id) AS `Exemplars.TraceId`,
            point_count AS Count, coalesce(point_sum, 0) AS Sum, coalesce(point_min, 0) AS Min, coalesce(point_max, 0) AS Max,
            point_bucket_counts AS BucketCounts, point_bounds AS ExplicitBounds,
            point_scale AS Scale, point_zero_count AS ZeroCount,
            point_positive_offset AS PositiveOffset, point_positive_counts AS PositiveBucketCounts,
            point_negative_offset AS NegativeOffset, point_negative_counts AS NegativeBucketCounts,
            point_quantiles.quantile AS `ValueAtQuantiles.Quantile`, point_quantiles.value AS `ValueAtQuantiles.Value`,
            {{ otlp.shaped('arrayConcat([point_attributes], point_exemplars.filtered_attributes)') }} AS shaped
        FROM
        (
        {{ otlp.scopes('metrics', 'resource_metrics', 'scope_metrics', 'metrics') }}
        )
        {{ otlp.array_join('records', ['name', 'description', 'unit', 'gauge', 'sum', 'histogram', 'exponential_histogram', 'summary']) }}
        ARRAY JOIN
            {{ field('kind', kinds, of_kind("'KIND'"), '') }},
            {{ field('start', kinds, 'POINTS.start_time_unix_nano', '') }},
            {{ field('time', kinds, 'POINTS.time_unix_nano', '') }},
            {{ field('flags', kinds, 'POINTS.flags', '') }},
            {{ field('attributes', kinds, 'POINTS.attributes', '') }},
            {{ field('temporality', ['sum'] + histograms, of_kind('KIND.aggregation_temporality'), '0') }},
            {{ field('is_monotonic', ['sum'], of_kind('KIND.is_monotonic'), 'false') }},
            {{ field('double', numbers, 'POINTS.as_double', 'NULL') }},
            {{ field('int', numbers, 'POINTS.as_int', 'NULL') }},
            {{ field('exemplars', numbers, 'POINTS.exemplars', '[]') }},
            {{ field('count', histograms + ['summary'], 'POINTS.count', '0') }},
            {{ field('sum', histograms + ['summary'], 'POINTS.sum', 'NULL') }},
            {{ field('min', histograms, 'POINTS.min', 'NULL') }},
            {{ field('max', histograms, 'POINTS.max', 'NULL') }},
            {{ field('bucket_counts', ['histogram'], 'POINTS.bucket_counts', '[]') }},
            {{ field('bounds', ['histogram'], 'POINTS.explicit_bounds', '[]') }},
            {{ field('scale', ['exponential_histogram'], 'POINTS.scale', '0') }},
            {{ field('zero_count', ['exponential_histogram'], 'POINTS.zero_count', '0') }},
            {{ field('positive_offset', ['exponential_histogram'], 'POINTS.positive.offset', '0') }},
            {{ field('positive_counts', ['exponential_histogram'], 'POINTS.positive.bucket_counts', '[]') }},
            {{ field('negative_offset', ['exponential_histogram'], 'POINTS.negative.offset', '0') }},
            {{ field('negative_counts', ['exponential_histogram'], 'POINTS.negative.bucket_counts', '[]') }},
            {{ field('quantiles', ['summary'], 'POINTS.quantile_values', '[]') }}
    )
)
