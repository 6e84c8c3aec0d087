{% import 'mutes.jinja' as mutes with context %}
{% macro limits_passed(spent, projected) -%}
[{{ spent }} >= spent_share_min, {{ spent }} >= 1, {{ spent }} >= projected_from_share AND {{ projected }} >= projected_share_min]
{%- endmacro %}
-- Budgets that passed a limit since the window began: most of it is spent, all of it is spent, or the month will come to more at
-- its pace. Passing pages, once per limit; a budget that was broken last week does not page every day. A new month begins at none,
-- and so does a budget that was set since.
WITH
    {{ spent_share_min }} AS spent_share_min,
    {{ projected_share_min }} AS projected_share_min,
    {{ projected_from_share }} AS projected_from_share,
    toStartOfMonth($__toTime, 'UTC') AS month
SELECT
    workspace,
    countIf(is_over) AS over,
    argMax((budgets.spent_share, budgets.projected_share, budgets.month_usd), (is_over, budgets.spent_share)) AS worst,
    worst.1 AS spent_share,
    worst.2 AS projected_share,
    worst.3 AS month_usd,
    toUnixTimestamp(toDateTime(any(month), 'UTC')) * 1000 AS from_ms,
    toUnixTimestamp($__toTime) * 1000 AS to_ms
FROM
(
    SELECT
        workspace,
        month_usd,
        spent_share,
        projected_usd / month_usd AS projected_share,
        arrayExists((now, before) -> now > before, {{ limits_passed('spent_share', 'projected_share') }}, {{ limits_passed('spent_share_before', 'projected_share_before') }})
            AND NOT {{ mutes.is_workspace_muted() }} AS is_over
    FROM (SELECT workspace, scope, name, month_usd, spent_share, projected_usd FROM {{ argus }}.budget_status(at = $__toTime)) AS now
    LEFT ANY JOIN
    (
        SELECT scope, name, spent_share AS spent_share_before, projected_usd / month_usd AS projected_share_before
        FROM {{ argus }}.budget_status(at = $__fromTime)
        WHERE toStartOfMonth($__fromTime, 'UTC') = toStartOfMonth($__toTime, 'UTC')
            AND (scope, name) IN (SELECT scope, name FROM {{ argus }}.budgets WHERE set_at <= $__fromTime)
    ) AS before USING (scope, name)
    WHERE month_usd > 0
) AS budgets
GROUP BY workspace
