{% import 'mutes.jinja' as mutes with context %}
-- Surfaces whose sessions came on both legs, native telemetry and the plugin, the week before, and of late mostly on one: the
-- plugin or the telemetry is gone, off, or refused. The window ends a while ago: both legs had time to arrive.
WITH
    $__toTime - INTERVAL {{ recent_hours }} HOUR AS recent_from,
    {{ share_min }} AS share_min,
    {{ baseline_share_max }} AS baseline_share_max,
    {{ sessions_min }} AS sessions_min
SELECT
    workspace,
    countIf(is_over) AS over,
    argMax((one_leg / recent, one_leg_before / before, one_leg), (is_over, one_leg / recent)) AS worst,
    ifNotFinite(worst.1, 0) AS one_leg_share,
    ifNotFinite(worst.2, 0) AS baseline_share,
    worst.3 AS session_count,
    toUnixTimestamp(any(recent_from)) * 1000 AS from_ms,
    toUnixTimestamp($__toTime) * 1000 AS to_ms
FROM
(
    SELECT
        workspace,
        surface,
        countIf(ended_at >= recent_from) AS recent,
        countIf(ended_at >= recent_from AND coverage != 'both') AS one_leg,
        countIf(ended_at < recent_from) AS before,
        countIf(ended_at < recent_from AND coverage != 'both') AS one_leg_before,
        recent >= sessions_min AND before >= sessions_min
            AND one_leg / recent >= share_min AND one_leg_before / before <= baseline_share_max AS is_over
    FROM {{ argus }}.session_list
    WHERE ended_at >= $__fromTime AND ended_at < $__toTime AND NOT {{ mutes.is_muted() }}
    GROUP BY workspace, surface
) AS surfaces
GROUP BY workspace
