{% import 'windows.jinja' as windows with context %}
-- Users who spent far more in an hour than they usually do then; muted ones do not count.
WITH
    {{ ratio_min }} AS ratio_min,
    {{ excess_usd_min }} AS excess_usd_min
SELECT
    workspace,
    uniqExactIf(user_label, is_over) AS over,
    argMax((hours.cost_usd, hours.baseline_usd), (is_over, hours.cost_usd - hours.baseline_usd)) AS worst,
    worst.1 AS cost_usd,
    worst.2 AS baseline_usd,
    {{ windows.span('minIf(hour, is_over)', 'maxIf(hour, is_over) + INTERVAL 1 HOUR') }}
FROM
(
    SELECT
        workspace, user_label, hour, cost_usd, baseline_usd,
        is_anomaly AND NOT is_muted AND ratio >= ratio_min AND cost_usd - baseline_usd >= excess_usd_min AS is_over
    FROM {{ argus }}.cost_anomalies(from = $__fromTime, to = $__toTime)
    WHERE scope = 'user'
) AS hours
GROUP BY workspace
