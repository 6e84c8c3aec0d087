-- What is erased is to be gone from the disk in seconds: a part that a newer one replaced does not wait for the engine to look.
ALTER TABLE {{ otel }}.otel_logs {{ on_cluster }} MODIFY SETTING {{ parts_gone_at_once }}
