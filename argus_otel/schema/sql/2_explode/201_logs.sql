-- otlp_logs -> otel_logs: one row per log record, its attributes shaped and redacted.
{% import 'otlp.jinja' as otlp with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otlp_to_logs {{ on_cluster }} TO {{ otel }}.otel_logs AS
WITH {{ otlp.redacted() }} AS redacted
SELECT
    * EXCEPT (plain, types),
    redacted[1] AS LogAttributes,
    types[1] AS LogAttributeTypes,
    redacted[2][''] AS Body,
    types[2][''] AS BodyType,
    redacted[3] AS ResourceAttributes,
    types[3] AS ResourceAttributeTypes,
    redacted[4] AS ScopeAttributes,
    types[4] AS ScopeAttributeTypes,
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
            {{ otlp.plausible_time('if(record.time_unix_nano > 0, record.time_unix_nano, record.observed_time_unix_nano)', 'received_at_ns') }} AS Timestamp,
            {{ otlp.plausible_time('record.observed_time_unix_nano', 'received_at_ns') }} AS ObservedTimestamp,
            record.time_unix_nano AS TimeUnixNano,
            record.observed_time_unix_nano AS ObservedTimeUnixNano,
            {{ otlp.hex_id('record.trace_id') }} AS TraceId,
            {{ otlp.hex_id('record.span_id') }} AS SpanId,
            toUInt8(bitAnd(record.flags, 255)) AS TraceFlags,
            record.flags AS Flags,
            record.severity_text AS SeverityText,
            toUInt8(record.severity_number) AS SeverityNumber,
            record.event_name AS EventName,
            record.dropped_attributes_count AS DroppedAttributesCount,
            of_resource.schema_url AS ResourceSchemaUrl,
            of_resource.resource.dropped_attributes_count AS ResourceDroppedAttributesCount,
            of_scope.schema_url AS ScopeSchemaUrl,
            of_scope.scope.name AS ScopeName,
            of_scope.scope.version AS ScopeVersion,
            of_scope.scope.dropped_attributes_count AS ScopeDroppedAttributesCount,
            [record.attributes, {{ otlp.as_list('record.body') }}, of_resource.resource.attributes, of_scope.scope.attributes] AS lists
        FROM {{ otel }}.otlp_logs
        ARRAY JOIN logs.resource_logs AS of_resource
        ARRAY JOIN of_resource.scope_logs AS of_scope
        ARRAY JOIN of_scope.log_records AS record
        {% if drop_events %}
        -- Noise that the configuration drops before landing; argus.dropped_records counts it.
        WHERE replaceOne(coalesce(record.body.string_value, ''), 'claude_code.', '') NOT IN ({{ drop_events }})
        {% endif %}
    )
)
