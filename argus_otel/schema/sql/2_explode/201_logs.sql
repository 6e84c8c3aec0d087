-- otlp_logs -> otel_logs: one row per log record, its attributes shaped and redacted; of a private session without
-- its words.
{% import 'otlp.jinja' as otlp with context %}
{% import 'private.jinja' as private with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otlp_to_logs {{ on_cluster }} TO {{ otel }}.otel_logs AS
SELECT
    * EXCEPT (received_at_ns, is_private, said, types, of_types, redacted),
    redacted[1] AS LogAttributes,
    types[1] AS LogAttributeTypes,
    redacted[2][''] AS Body,
    types[2][''] AS BodyType,
    redacted[3] AS ResourceAttributes,
    of_types[1] AS ResourceAttributeTypes,
    redacted[4] AS ScopeAttributes,
    of_types[2] AS ScopeAttributeTypes,
    said[3]['service.name'] AS ServiceName
FROM
(
    SELECT
        * REPLACE (if(is_private, {{ private.known_name('EventName') }}, EventName) AS EventName),
        {{ redact_maps('said', 'is_private', '[' ~ private.log_attributes('said[1]') ~ ", map('', " ~ private.known_name("said[2]['']") ~ '), ' ~ private.labels('said[3]') ~ ', ' ~ private.names_and_numbers('said[4]') ~ ']') }} AS redacted
    FROM
    (
        SELECT
            * EXCEPT (shaped, of_texts),
            arrayConcat({{ otlp.texts('shaped') }}, of_texts) AS said,
            {{ otlp.types('shaped') }} AS types,
            {{ private.is_private("if(said[1]['session.id'] != '', said[1]['session.id'], said[3]['session.id'])") }} AS is_private
        FROM
        (
            SELECT
                {{ otlp.beside() }},
                {{ otlp.plausible_time('if(time_unix_nano > 0, time_unix_nano, observed_time_unix_nano)', 'received_at_ns') }} AS Timestamp,
                {{ otlp.plausible_time('observed_time_unix_nano', 'received_at_ns') }} AS ObservedTimestamp,
                time_unix_nano AS TimeUnixNano,
                observed_time_unix_nano AS ObservedTimeUnixNano,
                {{ otlp.hex_id('trace_id') }} AS TraceId,
                {{ otlp.hex_id('span_id') }} AS SpanId,
                toUInt8(bitAnd(flags, 255)) AS TraceFlags,
                flags AS Flags,
                severity_text AS SeverityText,
                toUInt8(severity_number) AS SeverityNumber,
                {{ redact_text('event_name') }} AS EventName,
                dropped_attributes_count AS DroppedAttributesCount,
                {{ otlp.shaped('[attributes, ' ~ otlp.as_list('body') ~ ']') }} AS shaped
            FROM
            (
                {{ otlp.scopes('logs', 'resource_logs', 'scope_logs', 'log_records') }}
            )
            {{ otlp.array_join('records', ['time_unix_nano', 'observed_time_unix_nano', 'severity_number', 'severity_text', 'body', 'attributes', 'dropped_attributes_count', 'flags', 'trace_id', 'span_id', 'event_name']) }}
            {% if drop_events %}
            -- Noise that the configuration drops before landing; argus.dropped_records counts it.
            WHERE replaceOne(coalesce(body.string_value, ''), 'claude_code.', '') NOT IN ({{ drop_events }})
            {% endif %}
        )
    )
)
