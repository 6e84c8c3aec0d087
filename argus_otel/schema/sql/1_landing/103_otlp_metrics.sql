-- As otlp_logs, for metrics.
{% import 'otlp.jinja' as otlp %}
CREATE TABLE IF NOT EXISTS {{ otel }}.otlp_metrics {{ on_cluster }}
(
    workspace LowCardinality(String),
    received_at_ns UInt64,
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
