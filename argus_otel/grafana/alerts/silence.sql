{% import 'mutes.jinja' as mutes with context %}
-- Workspaces that are silent now and had active sessions at this time of the week in each of the three weeks before. A leg that
-- is silent while the other is not shows in one-leg.
WITH {{ sessions_min }} AS sessions_min
SELECT
    workspace,
    {% for week in range(4) -%}
    countIf(ended_at >= $__toTime - INTERVAL {{ 168 * week + quiet_hours }} HOUR AND started_at < $__toTime - INTERVAL {{ 168 * week }} HOUR) AS {{ 'week_%d' % week if week else 'now' }},
    {% endfor -%}
    least(week_1, week_2, week_3) AS baseline_count,
    now = 0 AND baseline_count >= sessions_min AS over,
    toUnixTimestamp(max(ended_at) - INTERVAL 1 HOUR) * 1000 AS from_ms,
    toUnixTimestamp($__toTime) * 1000 AS to_ms
FROM {{ argus }}.session_list
WHERE ended_at >= $__fromTime AND started_at < $__toTime AND NOT {{ mutes.is_muted() }}
GROUP BY workspace
