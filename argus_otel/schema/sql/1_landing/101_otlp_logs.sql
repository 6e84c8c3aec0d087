-- Where the loader inserts what it received: a row per accepted request, shaped like otlp.proto. Nothing is stored here; the
-- explode view reads it while it passes. A table per signal, so that an INSERT pays for the signals it has.
{% import 'otlp.jinja' as otlp %}
CREATE TABLE IF NOT EXISTS {{ otel }}.otlp_logs {{ on_cluster }}
(
    workspace LowCardinality(String),
    received_at_ns UInt64,
    logs Tuple(resource_logs Array(Tuple(
        resource {{ otlp.resource_type() }},
        scope_logs Array(Tuple(
            scope {{ otlp.scope_type() }},
            log_records Array(Tuple(
                time_unix_nano UInt64,
                observed_time_unix_nano UInt64,
                severity_number Int32,
                severity_text String,
                body {{ otlp.any_value_type() }},
                attributes {{ otlp.attributes_type() }},
                dropped_attributes_count UInt32,
                flags UInt32,
                trace_id String,
                span_id String,
                event_name String)),
            schema_url String)),
        schema_url String)))
)
ENGINE = Null
