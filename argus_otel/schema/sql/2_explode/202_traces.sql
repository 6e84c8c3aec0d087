-- otlp_traces -> otel_traces: one row per span, its attributes and those of its events and links shaped and redacted.
{% import 'otlp.jinja' as otlp with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otlp_to_traces {{ on_cluster }} TO {{ otel }}.otel_traces AS
WITH {{ otlp.redacted() }} AS redacted
SELECT
    * EXCEPT (plain, types),
    redacted[1] AS SpanAttributes,
    types[1] AS SpanAttributeTypes,
    redacted[2][''] AS StatusMessage,
    redacted[3] AS ResourceAttributes,
    types[3] AS ResourceAttributeTypes,
    redacted[4] AS ScopeAttributes,
    types[4] AS ScopeAttributeTypes,
    arraySlice(redacted, 5, length(EventTimesUnixNano)) AS `Events.Attributes`,
    arraySlice(types, 5, length(EventTimesUnixNano)) AS EventAttributeTypes,
    arraySlice(redacted, 5 + length(EventTimesUnixNano)) AS `Links.Attributes`,
    arraySlice(types, 5 + length(EventTimesUnixNano)) AS LinkAttributeTypes,
    plain[3]['service.name'] AS ServiceName
FROM
(
    SELECT
        * EXCEPT (lists),
        {{ otlp.shaped() }}
    FROM
    (
        SELECT
            workspace,
            {{ otlp.plausible_time('span_start_time_unix_nano', 'received_at_ns') }} AS Timestamp,
            span_start_time_unix_nano AS StartTimeUnixNano,
            span_end_time_unix_nano AS EndTimeUnixNano,
            if(span_end_time_unix_nano > span_start_time_unix_nano, span_end_time_unix_nano - span_start_time_unix_nano, 0) AS Duration,
            {{ otlp.hex_id('span_trace_id') }} AS TraceId,
            {{ otlp.hex_id('span_span_id') }} AS SpanId,
            {{ otlp.hex_id('span_parent_span_id') }} AS ParentSpanId,
            span_trace_state AS TraceState,
            span_flags AS Flags,
            span_name AS SpanName,
            transform(span_kind, [0, 1, 2, 3, 4, 5], ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'], toString(span_kind)) AS SpanKind,
            transform(span_status.code, [0, 1, 2], ['Unset', 'Ok', 'Error'], toString(span_status.code)) AS StatusCode,
            span_dropped_attributes_count AS DroppedAttributesCount,
            arrayMap(time -> {{ otlp.plausible_time('time', 'received_at_ns') }}, span_events.time_unix_nano) AS `Events.Timestamp`,
            span_events.time_unix_nano AS EventTimesUnixNano,
            span_events.name AS `Events.Name`,
            span_events.dropped_attributes_count AS EventDroppedAttributesCounts,
            span_dropped_events_count AS DroppedEventsCount,
            arrayMap(id -> {{ otlp.hex_id('id') }}, span_links.trace_id) AS `Links.TraceId`,
            arrayMap(id -> {{ otlp.hex_id('id') }}, span_links.span_id) AS `Links.SpanId`,
            span_links.trace_state AS `Links.TraceState`,
            span_links.dropped_attributes_count AS LinkDroppedAttributesCounts,
            span_links.flags AS LinkFlags,
            span_dropped_links_count AS DroppedLinksCount,
            of_resource_schema_url AS ResourceSchemaUrl,
            of_resource_resource.dropped_attributes_count AS ResourceDroppedAttributesCount,
            of_scope_schema_url AS ScopeSchemaUrl,
            of_scope_scope.name AS ScopeName,
            of_scope_scope.version AS ScopeVersion,
            of_scope_scope.dropped_attributes_count AS ScopeDroppedAttributesCount,
            arrayConcat(
                [span_attributes, {{ otlp.as_list(otlp.string_value('span_status.message')) }}, of_resource_resource.attributes, of_scope_scope.attributes],
                span_events.attributes,
                span_links.attributes) AS lists
        FROM {{ otel }}.otlp_traces
        {{ otlp.array_join('traces.resource_spans', ['resource', 'scope_spans', 'schema_url'], 'of_resource') }}
        {{ otlp.array_join('of_resource_scope_spans', ['scope', 'spans', 'schema_url'], 'of_scope') }}
        {{ otlp.array_join('of_scope_spans', ['trace_id', 'span_id', 'trace_state', 'parent_span_id', 'flags', 'name', 'kind', 'start_time_unix_nano', 'end_time_unix_nano', 'attributes', 'dropped_attributes_count', 'events', 'dropped_events_count', 'links', 'dropped_links_count', 'status'], 'span') }}
    )
)
