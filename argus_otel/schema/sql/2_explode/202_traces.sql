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
            {{ otlp.plausible_time('span.start_time_unix_nano', 'received_at_ns') }} AS Timestamp,
            span.start_time_unix_nano AS StartTimeUnixNano,
            span.end_time_unix_nano AS EndTimeUnixNano,
            if(span.end_time_unix_nano > span.start_time_unix_nano, span.end_time_unix_nano - span.start_time_unix_nano, 0) AS Duration,
            {{ otlp.hex_id('span.trace_id') }} AS TraceId,
            {{ otlp.hex_id('span.span_id') }} AS SpanId,
            {{ otlp.hex_id('span.parent_span_id') }} AS ParentSpanId,
            span.trace_state AS TraceState,
            span.flags AS Flags,
            span.name AS SpanName,
            transform(span.kind, [0, 1, 2, 3, 4, 5], ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'], toString(span.kind)) AS SpanKind,
            transform(span.status.code, [0, 1, 2], ['Unset', 'Ok', 'Error'], toString(span.status.code)) AS StatusCode,
            span.dropped_attributes_count AS DroppedAttributesCount,
            arrayMap(time -> {{ otlp.plausible_time('time', 'received_at_ns') }}, span.events.time_unix_nano) AS `Events.Timestamp`,
            span.events.time_unix_nano AS EventTimesUnixNano,
            span.events.name AS `Events.Name`,
            span.events.dropped_attributes_count AS EventDroppedAttributesCounts,
            span.dropped_events_count AS DroppedEventsCount,
            arrayMap(id -> {{ otlp.hex_id('id') }}, span.links.trace_id) AS `Links.TraceId`,
            arrayMap(id -> {{ otlp.hex_id('id') }}, span.links.span_id) AS `Links.SpanId`,
            span.links.trace_state AS `Links.TraceState`,
            span.links.dropped_attributes_count AS LinkDroppedAttributesCounts,
            span.links.flags AS LinkFlags,
            span.dropped_links_count AS DroppedLinksCount,
            of_resource.schema_url AS ResourceSchemaUrl,
            of_resource.resource.dropped_attributes_count AS ResourceDroppedAttributesCount,
            of_scope.schema_url AS ScopeSchemaUrl,
            of_scope.scope.name AS ScopeName,
            of_scope.scope.version AS ScopeVersion,
            of_scope.scope.dropped_attributes_count AS ScopeDroppedAttributesCount,
            arrayConcat(
                [span.attributes, {{ otlp.as_list(otlp.string_value('span.status.message')) }}, of_resource.resource.attributes, of_scope.scope.attributes],
                span.events.attributes,
                span.links.attributes) AS lists
        FROM {{ otel }}.otlp_traces
        ARRAY JOIN traces.resource_spans AS of_resource
        ARRAY JOIN of_resource.scope_spans AS of_scope
        ARRAY JOIN of_scope.spans AS span
    )
)
