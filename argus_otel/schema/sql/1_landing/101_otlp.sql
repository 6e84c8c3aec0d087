-- Where the loader inserts: one row per accepted request, shaped like otlp.proto. Nothing is stored here; the explode
-- views read it while it passes.
{% import 'otlp.jinja' as otlp %}
CREATE TABLE IF NOT EXISTS {{ otel }}.otlp {{ on_cluster }}
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
        schema_url String))),
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
        schema_url String))),
    metrics Tuple(resource_metrics Array(Tuple(
        resource {{ otlp.resource_type() }},
        scope_metrics Array(Tuple(
            scope {{ otlp.scope_type() }},
            metrics Array(Tuple(
                name String,
                description String,
                unit String,
                gauge Tuple(data_points Array({{ otlp.number_point_type() }})),
                sum Tuple(data_points Array({{ otlp.number_point_type() }}), aggregation_temporality Int32, is_monotonic Bool),
                histogram Tuple(
                    data_points Array(Tuple(
                        start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Nullable(Float64),
                        bucket_counts Array(UInt64), explicit_bounds Array(Float64),
                        attributes {{ otlp.attributes_type() }}, flags UInt32, min Nullable(Float64), max Nullable(Float64))),
                    aggregation_temporality Int32),
                exponential_histogram Tuple(
                    data_points Array(Tuple(
                        attributes {{ otlp.attributes_type() }}, start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64,
                        sum Nullable(Float64), scale Int32, zero_count UInt64,
                        positive Tuple(offset Int32, bucket_counts Array(UInt64)), negative Tuple(offset Int32, bucket_counts Array(UInt64)),
                        flags UInt32, min Nullable(Float64), max Nullable(Float64), zero_threshold Float64)),
                    aggregation_temporality Int32),
                summary Tuple(data_points Array(Tuple(
                    start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Float64,
                    quantile_values Array(Tuple(quantile Float64, value Float64)),
                    attributes {{ otlp.attributes_type() }}, flags UInt32))))),
            schema_url String)),
        schema_url String)))
)
ENGINE = Null
