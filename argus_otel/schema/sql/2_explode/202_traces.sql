-- otlp_traces -> otel_traces: one row per span, its attributes and those of its events and links shaped and redacted; of a
-- private session without its words.
{% import 'otlp.jinja' as otlp with context %}
{% import 'private.jinja' as private with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otlp_to_traces {{ on_cluster }} TO {{ otel }}.otel_traces AS
SELECT
    * EXCEPT (received_at_ns, is_private, said, types, of_types, redacted),
    redacted[1] AS ResourceAttributes,
    of_types[1] AS ResourceAttributeTypes,
    redacted[2] AS ScopeAttributes,
    of_types[2] AS ScopeAttributeTypes,
    redacted[3] AS SpanAttributes,
    types[1] AS SpanAttributeTypes,
    redacted[4][''] AS StatusMessage,
    arraySlice(redacted, 5, length(EventTimesUnixNano)) AS `Events.Attributes`,
    arraySlice(types, 3, length(EventTimesUnixNano)) AS EventAttributeTypes,
    arraySlice(redacted, 5 + length(EventTimesUnixNano)) AS `Links.Attributes`,
    arraySlice(types, 3 + length(EventTimesUnixNano)) AS LinkAttributeTypes,
    said[1]['service.name'] AS ServiceName
FROM
(
    SELECT
        * REPLACE (
            if(is_private, {{ private.known_name('SpanName') }}, SpanName) AS SpanName,
            if(is_private, arrayMap(name -> '', `Events.Name`), `Events.Name`) AS `Events.Name`),
        {{ redact_maps('said', 'is_private', 'arrayPushFront(arrayMap(attributes -> ' ~ private.names_and_numbers('attributes') ~ ', arrayPopFront(said)), ' ~ private.labels('said[1]') ~ ')') }} AS redacted
    FROM
    (
        SELECT
            * EXCEPT (shaped, of_texts),
            arrayConcat(of_texts, {{ otlp.texts('shaped') }}) AS said,
            {{ otlp.types('shaped') }} AS types,
            {{ private.is_private("if(said[3]['session.id'] != '', said[3]['session.id'], said[1]['session.id'])") }} AS is_private
        FROM
        (
            SELECT
                {{ otlp.beside() }},
                {{ otlp.plausible_time('start_time_unix_nano', 'received_at_ns') }} AS Timestamp,
                start_time_unix_nano AS StartTimeUnixNano,
                end_time_unix_nano AS EndTimeUnixNano,
                if(end_time_unix_nano > start_time_unix_nano, end_time_unix_nano - start_time_unix_nano, 0) AS Duration,
                {{ otlp.hex_id('trace_id') }} AS TraceId,
                {{ otlp.hex_id('span_id') }} AS SpanId,
                {{ otlp.hex_id('parent_span_id') }} AS ParentSpanId,
                trace_state AS TraceState,
                flags AS Flags,
                {{ redact_text('name') }} AS SpanName,
                transform(kind, [0, 1, 2, 3, 4, 5], ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'], toString(kind)) AS SpanKind,
                transform(status.code, [0, 1, 2], ['Unset', 'Ok', 'Error'], toString(status.code)) AS StatusCode,
                dropped_attributes_count AS DroppedAttributesCount,
                arrayMap(time -> {{ otlp.plausible_time('time', 'received_at_ns') }}, events.time_unix_nano) AS `Events.Timestamp`,
                events.time_unix_nano AS EventTimesUnixNano,
                arrayMap(name -> {{ redact_text('name') }}, events.name) AS `Events.Name`,
                events.dropped_attributes_count AS EventDroppedAttributesCounts,
                dropped_events_count AS DroppedEventsCount,
                arrayMap(id -> {{ otlp.hex_id('id') }}, links.trace_id) AS `Links.TraceId`,
                arrayMap(id -> {{ otlp.hex_id('id') }}, links.span_id) AS `Links.SpanId`,
                links.trace_state AS `Links.TraceState`,
                links.dropped_attributes_count AS LinkDroppedAttributesCounts,
                links.flags AS LinkFlags,
                dropped_links_count AS DroppedLinksCount,
                {{ otlp.shaped('arrayConcat([attributes, ' ~ otlp.as_list(otlp.string_value('status.message')) ~ '], events.attributes, links.attributes)') }} AS shaped
            FROM
            (
                {{ otlp.scopes('traces', 'resource_spans', 'scope_spans', 'spans') }}
            )
            {{ otlp.array_join('records', ['trace_id', 'span_id', 'trace_state', 'parent_span_id', 'flags', 'name', 'kind', 'start_time_unix_nano', 'end_time_unix_nano', 'attributes', 'dropped_attributes_count', 'events', 'dropped_events_count', 'links', 'dropped_links_count', 'status']) }}
        )
    )
)
