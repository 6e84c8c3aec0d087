{% import 'mutes.jinja' as mutes with context %}
{% import 'windows.jinja' as windows with context %}
-- Sessions of the window that have cost more, from their beginning, than one session may.
WITH {{ usd_max }} AS usd_max
SELECT
    workspace,
    countIf(is_over) AS over,
    max(sessions.cost_usd) AS cost_usd,
    {{ windows.span('minIf(first_hour, is_over)', 'maxIf(last_hour, is_over) + INTERVAL 1 HOUR') }}
FROM
(
    SELECT
        workspace,
        session_id,
        sum(cost_nanousd) / 1e9 AS cost_usd,
        cost_usd > usd_max AS is_over,
        min(hour) AS first_hour,
        max(hour) AS last_hour
    FROM {{ argus }}.cost_hourly
    WHERE (workspace, session_id) IN ({{ windows.active_sessions() }}) AND NOT {{ mutes.is_muted() }}
    GROUP BY workspace, session_id
) AS sessions
GROUP BY workspace
