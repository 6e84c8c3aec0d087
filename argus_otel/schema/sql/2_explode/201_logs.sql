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
            {{ otlp.plausible_time('if(record_time_unix_nano > 0, record_time_unix_nano, record_observed_time_unix_nano)', 'received_at_ns') }} AS Timestamp,
            {{ otlp.plausible_time('record_observed_time_unix_nano', 'received_at_ns') }} AS ObservedTimestamp,
            record_time_unix_nano AS TimeUnixNano,
            record_observed_time_unix_nano AS ObservedTimeUnixNano,
            {{ otlp.hex_id('record_trace_id') }} AS TraceId,
            {{ otlp.hex_id('record_span_id') }} AS SpanId,
            toUInt8(bitAnd(record_flags, 255)) AS TraceFlags,
            record_flags AS Flags,
            record_severity_text AS SeverityText,
            toUInt8(record_severity_number) AS SeverityNumber,
            record_event_name AS EventName,
            record_dropped_attributes_count AS DroppedAttributesCount,
            of_resource_schema_url AS ResourceSchemaUrl,
            of_resource_resource.dropped_attributes_count AS ResourceDroppedAttributesCount,
            of_scope_schema_url AS ScopeSchemaUrl,
            of_scope_scope.name AS ScopeName,
            of_scope_scope.version AS ScopeVersion,
            of_scope_scope.dropped_attributes_count AS ScopeDroppedAttributesCount,
            [record_attributes, {{ otlp.as_list('record_body') }}, of_resource_resource.attributes, of_scope_scope.attributes] AS lists
        FROM {{ otel }}.otlp_logs
        {{ otlp.array_join('logs.resource_logs', ['resource', 'scope_logs', 'schema_url'], 'of_resource') }}
        {{ otlp.array_join('of_resource_scope_logs', ['scope', 'log_records', 'schema_url'], 'of_scope') }}
        {{ otlp.array_join('of_scope_log_records', ['time_unix_nano', 'observed_time_unix_nano', 'severity_number', 'severity_text', 'body', 'attributes', 'dropped_attributes_count', 'flags', 'trace_id', 'span_id', 'event_name'], 'record') }}
        {% if drop_events %}
        -- Noise that the configuration drops before landing; argus.dropped_records counts it.
        WHERE replaceOne(coalesce(record_body.string_value, ''), 'claude_code.', '') NOT IN ({{ drop_events }})
        {% endif %}
    )
)
