-- otlp -> otel_logs: one row per log record, redacted. Resource and scope are shaped once per batch, not per record.
{% import 'otlp.jinja' as otlp with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otlp_to_logs {{ on_cluster }} TO {{ otel }}.otel_logs AS
SELECT
    {{ otlp.plausible_time('if(record.time_unix_nano > 0, record.time_unix_nano, record.observed_time_unix_nano)', 'received_at_ns') }} AS Timestamp,
    {{ otlp.hex_id('record.trace_id') }} AS TraceId,
    {{ otlp.hex_id('record.span_id') }} AS SpanId,
    toUInt8(bitAnd(record.flags, 255)) AS TraceFlags,
    record.severity_text AS SeverityText,
    toUInt8(record.severity_number) AS SeverityNumber,
    ResourceAttributes['service.name'] AS ServiceName,
    {{ redact_text(otlp.text('record.body')) }} AS Body,
    ResourceSchemaUrl,
    ResourceAttributes,
    ScopeSchemaUrl,
    ScopeName,
    ScopeVersion,
    ScopeAttributes,
    {{ otlp.attributes('record.attributes') }} AS LogAttributes,
    record.event_name AS EventName,
    workspace,
    {{ otlp.plausible_time('record.observed_time_unix_nano', 'received_at_ns') }} AS ObservedTimestamp,
    record.time_unix_nano AS TimeUnixNano,
    record.observed_time_unix_nano AS ObservedTimeUnixNano,
    {{ otlp.type('record.body') }} AS BodyType,
    record.flags AS Flags,
    {{ otlp.attribute_types('record.attributes') }} AS LogAttributeTypes,
    ResourceAttributeTypes,
    ScopeAttributeTypes,
    record.dropped_attributes_count AS DroppedAttributesCount,
    ResourceDroppedAttributesCount,
    ScopeDroppedAttributesCount
FROM
(
    SELECT
        workspace, received_at_ns,
        ResourceSchemaUrl, ResourceAttributes, ResourceAttributeTypes, ResourceDroppedAttributesCount,
        scope_logs.schema_url AS ScopeSchemaUrl,
        scope_logs.scope.name AS ScopeName,
        scope_logs.scope.version AS ScopeVersion,
        {{ otlp.attributes('scope_logs.scope.attributes') }} AS ScopeAttributes,
        {{ otlp.attribute_types('scope_logs.scope.attributes') }} AS ScopeAttributeTypes,
        scope_logs.scope.dropped_attributes_count AS ScopeDroppedAttributesCount,
        arrayJoin(scope_logs.log_records) AS record
    FROM
    (
        SELECT
            workspace, received_at_ns,
            resource_logs.schema_url AS ResourceSchemaUrl,
            {{ otlp.attributes('resource_logs.resource.attributes') }} AS ResourceAttributes,
            {{ otlp.attribute_types('resource_logs.resource.attributes') }} AS ResourceAttributeTypes,
            resource_logs.resource.dropped_attributes_count AS ResourceDroppedAttributesCount,
            arrayJoin(resource_logs.scope_logs) AS scope_logs
        FROM (SELECT workspace, received_at_ns, arrayJoin(logs.resource_logs) AS resource_logs FROM {{ otel }}.otlp)
    )
)
{% if drop_events %}
-- Noise that the configuration drops before landing; argus.dropped_records counts it.
WHERE replaceOne(coalesce(record.body.string_value, ''), 'claude_code.', '') NOT IN ({{ drop_events }})
{% endif %}
