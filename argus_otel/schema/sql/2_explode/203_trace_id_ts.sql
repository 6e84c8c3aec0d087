-- otel_traces -> otel_traces_trace_id_ts, as the collector's clickhouseexporter has it.
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ otel }}.otel_traces_trace_id_ts_mv {{ on_cluster }} TO {{ otel }}.otel_traces_trace_id_ts AS
SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End
FROM {{ otel }}.otel_traces
WHERE TraceId != ''
GROUP BY TraceId
