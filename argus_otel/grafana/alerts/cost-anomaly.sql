{% import 'windows.jinja' as windows with context %}
-- Hours in which a workspace spent far more than it usually does then: argus.cost_anomalies says which hours, against what.
WITH
    {{ ratio_min }} AS ratio_min,
    {{ excess_usd_min }} AS excess_usd_min
SELECT
    workspace,
    countIf(is_over) AS over,
    argMax((hours.cost_usd, hours.baseline_usd), (is_over, hours.cost_usd - hours.baseline_usd)) AS worst,
    worst.1 AS cost_usd,
    worst.2 AS baseline_usd,
    {{ windows.span('minIf(hour, is_over)', 'maxIf(hour, is_over) + INTERVAL 1 HOUR') }}
FROM
(
    SELECT
        workspace, hour, cost_usd, baseline_usd,
        is_anomaly AND NOT is_muted AND severity = 'page'
            AND ratio >= ratio_min AND cost_usd - baseline_usd >= excess_usd_min AS is_over
    FROM {{ argus }}.cost_anomalies(from = $__fromTime, to = $__toTime)
    WHERE scope = 'workspace'
) AS hours
GROUP BY workspace
