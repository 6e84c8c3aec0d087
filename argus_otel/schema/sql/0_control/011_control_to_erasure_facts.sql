-- otlp_control -> erasure_facts. What was asked is unreadable from here on, because every text view looks here.
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.control_to_erasure_facts {{ on_cluster }} TO {{ argus }}.erasure_facts AS
SELECT
    workspace,
    control.session_id AS session_id,
    done.1 AS step,
    control.source AS source,
    done.2 AS at,
    control.asked_by AS asked_by,
    0 AS row_count
FROM {{ otel }}.otlp_control
ARRAY JOIN [('asked', fromUnixTimestamp64Nano(toInt64(control.asked_at_ns))), ('unreadable', now64(9))] AS done
WHERE session_id != ''
