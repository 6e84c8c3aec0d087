{% import 'mutes.jinja' as mutes with context %}
{% import 'windows.jinja' as windows with context %}
-- Secrets that were redacted, far more of them than at this time of other days: somebody pastes keys, or a tool prints them.
WITH
    {{ matches_min }} AS matches_min,
    {{ ratio_min }} AS ratio_min
SELECT
    workspace,
    {{ windows.recent('1', 'findings.match_count') }} AS match_count,
    {{ windows.usual('1', 'findings.match_count') }} AS baseline_count,
    match_count >= matches_min AND match_count >= ratio_min * baseline_count AS over,
    uniqExactIf(session_id, ts >= $__toTime - INTERVAL {{ recent_hours }} HOUR) AS session_count,
    toUnixTimestamp($__toTime - INTERVAL {{ recent_hours }} HOUR) * 1000 AS from_ms,
    toUnixTimestamp($__toTime) * 1000 AS to_ms
FROM {{ argus }}.findings AS findings
WHERE kind = 'redaction' AND ts >= $__fromTime AND ts < $__toTime AND (workspace, session_id) NOT IN ({{ mutes.muted_sessions() }})
GROUP BY workspace
