{% import 'mutes.jinja' as mutes with context %}
{% import 'windows.jinja' as windows with context %}
-- Actions that argus.findings takes for risky: destructive commands, data leaving by network, secrets touched, permissions
-- bypassed. One of high severity is enough; those of medium severity happen every day, so they must stand out.
WITH
    {{ high_min }} AS high_min,
    {{ medium_min }} AS medium_min,
    {{ ratio_min }} AS ratio_min
SELECT
    workspace,
    {{ windows.recent("severity = 'high'") }} AS high_count,
    {{ windows.recent("severity = 'medium'") }} AS medium_count,
    {{ windows.usual("severity = 'medium'") }} AS baseline_count,
    if(high_count >= high_min, high_count, 0)
        + if(medium_count >= medium_min AND medium_count >= ratio_min * baseline_count, medium_count, 0) AS over,
    uniqExactIf(session_id, severity IN ('high', 'medium') AND ts >= $__toTime - INTERVAL {{ recent_hours }} HOUR) AS session_count,
    toUnixTimestamp($__toTime - INTERVAL {{ recent_hours }} HOUR) * 1000 AS from_ms,
    toUnixTimestamp($__toTime) * 1000 AS to_ms
FROM {{ argus }}.findings
WHERE kind = 'risk' AND ts >= $__fromTime AND ts < $__toTime AND (workspace, session_id) NOT IN ({{ mutes.muted_sessions() }})
GROUP BY workspace
