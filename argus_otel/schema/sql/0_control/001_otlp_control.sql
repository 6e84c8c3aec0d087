-- Where the loader inserts what was asked of argus-otel itself, before the data of the same batch: shaped like Control of
-- otlp.proto. Nothing is stored here; the view behind it makes facts of it.
CREATE TABLE IF NOT EXISTS {{ otel }}.otlp_control {{ on_cluster }}
(
    workspace LowCardinality(String),
    received_at_ns UInt64,
    control Tuple(session_id String, source String, asked_by String, asked_at_ns UInt64)
)
ENGINE = Null
