-- As otel_logs.
ALTER TABLE {{ argus }}.texts {{ on_cluster }} MODIFY SETTING {{ parts_gone_at_once }}
