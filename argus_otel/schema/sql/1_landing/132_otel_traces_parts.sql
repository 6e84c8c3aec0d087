-- As otel_logs.
ALTER TABLE {{ otel }}.otel_traces {{ on_cluster }} MODIFY SETTING {{ parts_gone_at_once }}
