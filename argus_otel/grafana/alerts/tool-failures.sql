{% import 'mutes.jinja' as mutes with context %}
-- Tools that fail far more often than they did the week before, in several sessions: a server that is down, a changed tool.
-- What was rejected was never run and counts neither as a call nor as a failure.
WITH
    toStartOfHour($__toTime, 'UTC') - INTERVAL {{ recent_hours }} HOUR AS recent_from,
    {{ share_min }} AS share_min,
    {{ ratio_min }} AS ratio_min,
    {{ failures_min }} AS failures_min,
    {{ sessions_min }} AS sessions_min
SELECT
    workspace,
    countIf(is_over) AS over,
    argMax((recent_share, before_share, failures), (is_over, recent_share)) AS worst,
    worst.1 AS failure_share,
    worst.2 AS baseline_share,
    worst.3 AS failure_count,
    toUnixTimestamp(any(recent_from)) * 1000 AS from_ms,
    toUnixTimestamp($__toTime) * 1000 AS to_ms
FROM
(
    SELECT
        workspace,
        tool_name,
        sumIf(failure_count, hour >= recent_from) AS failures,
        failures / greatest(sumIf(call_count - rejected_count, hour >= recent_from), 1) AS recent_share,
        sumIf(failure_count, hour < recent_from) / greatest(sumIf(call_count - rejected_count, hour < recent_from), 1) AS before_share,
        uniqExactIf(session_id, hour >= recent_from AND failure_count > 0) AS failing_sessions,
        recent_share >= share_min AND recent_share >= ratio_min * before_share
            AND failures >= failures_min AND failing_sessions >= sessions_min AS is_over
    FROM {{ argus }}.tools_hourly
    WHERE hour >= toStartOfHour($__fromTime, 'UTC') AND hour < $__toTime AND NOT {{ mutes.is_muted() }}
    GROUP BY workspace, tool_name
) AS tools
GROUP BY workspace
