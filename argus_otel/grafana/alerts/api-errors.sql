{% import 'mutes.jinja' as mutes with context %}
-- API requests that failed for good, as a share of all, far above that of the week before and in several sessions.
WITH
    toStartOfHour($__toTime, 'UTC') - INTERVAL {{ recent_hours }} HOUR AS recent_from,
    {{ share_min }} AS share_min,
    {{ ratio_min }} AS ratio_min,
    {{ errors_min }} AS errors_min,
    {{ sessions_min }} AS sessions_min
SELECT
    workspace,
    sumIf(errors, hour >= recent_from) AS error_count,
    error_count / greatest(error_count + sumIf(requests, hour >= recent_from), 1) AS error_share,
    sumIf(errors, hour < recent_from) / greatest(sumIf(errors + requests, hour < recent_from), 1) AS baseline_share,
    error_share >= share_min AND error_share >= ratio_min * baseline_share
        AND error_count >= errors_min AND uniqExactIf(session_id, hour >= recent_from AND errors > 0) >= sessions_min AS over,
    toUnixTimestamp(any(recent_from)) * 1000 AS from_ms,
    toUnixTimestamp($__toTime) * 1000 AS to_ms
FROM
(
    SELECT workspace, session_id, hour, error_count AS errors, 0 AS requests
    FROM {{ argus }}.api_errors_hourly
    UNION ALL
    SELECT workspace, session_id, hour, 0, request_count
    FROM {{ argus }}.cost_hourly
) AS calls
WHERE hour >= toStartOfHour($__fromTime, 'UTC') AND hour < $__toTime AND (workspace, session_id) NOT IN ({{ mutes.muted_sessions() }})
GROUP BY workspace
