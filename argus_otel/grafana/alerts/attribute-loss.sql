{% import 'mutes.jinja' as mutes with context %}
-- Attributes that a client's events had with earlier versions and mostly lack with a later one. Earlier is what was seen on an
-- earlier day: a version that gains an attribute makes no loss of those before it.
WITH
    toDate($__toTime, 'UTC') - {{ recent_days }} AS recent_from,
    {{ present_share_max }} AS present_share_max,
    {{ baseline_share_min }} AS baseline_share_min,
    {{ sessions_min }} AS sessions_min
SELECT
    workspace,
    uniqExactIf((surface, event, attribute), is_over) AS over,
    argMin((recent_share, before_share), (NOT is_over, recent_share)) AS worst,
    worst.1 AS present_share,
    worst.2 AS baseline_share,
    toUnixTimestamp(toDateTime(any(recent_from), 'UTC')) * 1000 AS from_ms,
    toUnixTimestamp($__toTime) * 1000 AS to_ms
FROM
(
    SELECT
        workspace, surface, event, attribute,
        recent_present / greatest(recent_sessions, 1) AS recent_share,
        sum(all_sessions) OVER earlier AS before_sessions,
        sum(all_present) OVER earlier / greatest(before_sessions, 1) AS before_share,
        recent_sessions >= sessions_min AND before_sessions >= sessions_min
            AND recent_share <= present_share_max AND before_share >= baseline_share_min AS is_over
    FROM
    (
        SELECT
            workspace, surface, client_version, event, attribute,
            sumIf(session_count, day > recent_from) AS recent_sessions,
            sumIf(present_count, day > recent_from) AS recent_present,
            sum(session_count) AS all_sessions,
            sum(present_count) AS all_present,
            min(min(day)) OVER (PARTITION BY workspace, surface, client_version) AS first_day
        FROM {{ argus }}.attribute_presence
        WHERE day >= toDate($__fromTime, 'UTC') AND day <= toDate($__toTime, 'UTC') AND NOT {{ mutes.is_workspace_muted() }}
        GROUP BY workspace, surface, client_version, event, attribute
    )
    WINDOW earlier AS (
        PARTITION BY workspace, surface, event, attribute ORDER BY toUInt32(first_day)
        RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) AS versions
GROUP BY workspace
