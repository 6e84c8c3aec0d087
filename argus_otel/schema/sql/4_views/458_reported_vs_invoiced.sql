-- One row per bill and period that has a day in {from:DateTime} to {to:DateTime}: what was invoiced, and what the clients reported
-- in the whole of the same days (UTC). A bill without a workspace is compared with all of them.
CREATE OR REPLACE VIEW {{ argus }}.reported_vs_invoiced {{ on_cluster }} AS
WITH
    toDate({from:DateTime}, 'UTC') AS first_day,
    toDate({to:DateTime}, 'UTC') AS last_day,
    (
        SELECT (toDateTime(min(period_begin), 'UTC'), toDateTime(max(period_end), 'UTC'))
        FROM {{ argus }}.invoices
        WHERE period_begin <= last_day AND period_end > first_day
    ) AS days
SELECT
    name,
    workspace,
    period_begin,
    period_end,
    reported_nanousd / 1e9 AS reported_usd,
    invoiced_nanousd / 1e9 AS invoiced_usd,
    reported_usd - invoiced_usd AS difference_usd,
    reported_usd / nullIf(invoiced_usd, 0) AS reported_share
FROM
(
    SELECT
        name, workspace, period_begin, period_end,
        any(invoiced) AS invoiced_nanousd,
        sum(costs.nanousd) AS reported_nanousd
    FROM
    (
        SELECT
            name, workspace, period_begin, period_end,
            sum(amount_nanousd) AS invoiced,
            arrayJoin(arrayMap(number -> period_begin + number, range(toUInt32(period_end - period_begin)))) AS day
        FROM {{ argus }}.invoices
        WHERE period_begin <= last_day AND period_end > first_day
        GROUP BY name, workspace, period_begin, period_end
    ) AS bills
    LEFT JOIN
    (
        SELECT arrayJoin(['', toString(workspace)]) AS of_workspace, toDate(hour, 'UTC') AS day, sum(cost_nanousd) AS nanousd
        FROM {{ argus }}.cost_hourly
        WHERE hour >= days.1 AND hour < days.2
        GROUP BY of_workspace, day
    ) AS costs ON bills.day = costs.day AND bills.workspace = costs.of_workspace
    GROUP BY name, workspace, period_begin, period_end
)
