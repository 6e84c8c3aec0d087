-- As otlp_logs, for spans.
{% import 'otlp.jinja' as otlp %}
CREATE TABLE IF NOT EXISTS {{ otel }}.otlp_traces {{ on_cluster }}
(
    workspace LowCardinality(String),
    received_at_ns UInt64,
    traces Tuple(resource_spans Array(Tuple(
        resource {{ otlp.resource_type() }},
        scope_spans Array(Tuple(
            scope {{ otlp.scope_type() }},
            spans Array(Tuple(
                trace_id String,
                span_id String,
                trace_state String,
                parent_span_id String,
                name String,
                kind Int32,
                start_time_unix_nano UInt64,
                end_time_unix_nano UInt64,
                attributes {{ otlp.attributes_type() }},
                dropped_attributes_count UInt32,
                events Array(Tuple(
                    time_unix_nano UInt64, name String, attributes {{ otlp.attributes_type() }}, dropped_attributes_count UInt32)),
                dropped_events_count UInt32,
                links Array(Tuple(
                    trace_id String, span_id String, trace_state String, attributes {{ otlp.attributes_type() }},
                    dropped_attributes_count UInt32, flags UInt32)),
                dropped_links_count UInt32,
                status Tuple(message String, code Int32),
                flags UInt32)),
            schema_url String)),
        schema_url String)))
)
ENGINE = Null
