-- otlp -> otel_traces: one row per span, redacted.
{% import 'otlp.jinja' as otlp with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otlp_to_traces {{ on_cluster }} TO {{ otel }}.otel_traces AS
SELECT
    {{ otlp.plausible_time('span.start_time_unix_nano', 'received_at_ns') }} AS Timestamp,
    {{ otlp.hex_id('span.trace_id') }} AS TraceId,
    {{ otlp.hex_id('span.span_id') }} AS SpanId,
    {{ otlp.hex_id('span.parent_span_id') }} AS ParentSpanId,
    span.trace_state AS TraceState,
    span.name AS SpanName,
    transform(span.kind, [0, 1, 2, 3, 4, 5], ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'], toString(span.kind)) AS SpanKind,
    ResourceAttributes['service.name'] AS ServiceName,
    ResourceAttributes,
    ScopeName,
    ScopeVersion,
    {{ otlp.attributes('span.attributes') }} AS SpanAttributes,
    if(span.end_time_unix_nano > span.start_time_unix_nano, span.end_time_unix_nano - span.start_time_unix_nano, 0) AS Duration,
    transform(span.status.code, [0, 1, 2], ['Unset', 'Ok', 'Error'], toString(span.status.code)) AS StatusCode,
    {{ redact_text('span.status.message') }} AS StatusMessage,
    arrayMap(event -> {{ otlp.plausible_time('event.time_unix_nano', 'received_at_ns') }}, span.events) AS `Events.Timestamp`,
    span.events.name AS `Events.Name`,
    arrayMap(event -> {{ otlp.attributes('event.attributes') }}, span.events) AS `Events.Attributes`,
    arrayMap(link -> {{ otlp.hex_id('link.trace_id') }}, span.links) AS `Links.TraceId`,
    arrayMap(link -> {{ otlp.hex_id('link.span_id') }}, span.links) AS `Links.SpanId`,
    span.links.trace_state AS `Links.TraceState`,
    arrayMap(link -> {{ otlp.attributes('link.attributes') }}, span.links) AS `Links.Attributes`,
    workspace,
    span.start_time_unix_nano AS StartTimeUnixNano,
    span.end_time_unix_nano AS EndTimeUnixNano,
    span.flags AS Flags,
    ResourceSchemaUrl,
    ScopeSchemaUrl,
    ScopeAttributes,
    {{ otlp.attribute_types('span.attributes') }} AS SpanAttributeTypes,
    ResourceAttributeTypes,
    ScopeAttributeTypes,
    arrayMap(event -> {{ otlp.attribute_types('event.attributes') }}, span.events) AS EventAttributeTypes,
    span.events.time_unix_nano AS EventTimesUnixNano,
    span.events.dropped_attributes_count AS EventDroppedAttributesCounts,
    arrayMap(link -> {{ otlp.attribute_types('link.attributes') }}, span.links) AS LinkAttributeTypes,
    span.links.dropped_attributes_count AS LinkDroppedAttributesCounts,
    span.links.flags AS LinkFlags,
    span.dropped_attributes_count AS DroppedAttributesCount,
    span.dropped_events_count AS DroppedEventsCount,
    span.dropped_links_count AS DroppedLinksCount,
    ResourceDroppedAttributesCount,
    ScopeDroppedAttributesCount
FROM
(
    SELECT
        workspace, received_at_ns,
        ResourceSchemaUrl, ResourceAttributes, ResourceAttributeTypes, ResourceDroppedAttributesCount,
        scope_spans.schema_url AS ScopeSchemaUrl,
        scope_spans.scope.name AS ScopeName,
        scope_spans.scope.version AS ScopeVersion,
        {{ otlp.attributes('scope_spans.scope.attributes') }} AS ScopeAttributes,
        {{ otlp.attribute_types('scope_spans.scope.attributes') }} AS ScopeAttributeTypes,
        scope_spans.scope.dropped_attributes_count AS ScopeDroppedAttributesCount,
        arrayJoin(scope_spans.spans) AS span
    FROM
    (
        SELECT
            workspace, received_at_ns,
            resource_spans.schema_url AS ResourceSchemaUrl,
            {{ otlp.attributes('resource_spans.resource.attributes') }} AS ResourceAttributes,
            {{ otlp.attribute_types('resource_spans.resource.attributes') }} AS ResourceAttributeTypes,
            resource_spans.resource.dropped_attributes_count AS ResourceDroppedAttributesCount,
            arrayJoin(resource_spans.scope_spans) AS scope_spans
        FROM (SELECT workspace, received_at_ns, arrayJoin(traces.resource_spans) AS resource_spans FROM {{ otel }}.otlp)
    )
)
