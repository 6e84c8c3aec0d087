-- otlp_logs -> dropped_records. Counts nothing where nothing is to be dropped.
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.otlp_to_dropped_records {{ on_cluster }} TO {{ argus }}.dropped_records AS
SELECT workspace, event, count() AS record_count
FROM
(
    SELECT
        workspace,
        arrayJoin(arrayFlatten(logs.resource_logs.scope_logs.log_records.body.string_value)) AS body,
        replaceOne(coalesce(body, ''), 'claude_code.', '') AS event
    FROM {{ otel }}.otlp_logs
)
WHERE event IN ({{ drop_events or "''" }}) AND event != ''
GROUP BY workspace, event
