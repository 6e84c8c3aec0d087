{% import 'dimensions.jinja' as dimensions with context %}
-- One row per budget: what of its month is spent by {at:DateTime}, and what will be at its end if the rest goes on as the last
-- seven days, which have each weekday once. Months are UTC's. A user's budget is found by the name that dashboards show, by
-- e-mail, enduser.id or user id; a team's and a user's count all workspaces.
{% macro at() %}toTimeZone({at:DateTime}, 'UTC'){% endmacro %}
CREATE OR REPLACE VIEW {{ argus }}.budget_status {{ on_cluster }} AS
WITH
    toStartOfMonth({{ at() }}) AS this_month,
    toDateTime(this_month, 'UTC') AS month_begin,
    toDateTime(addMonths(this_month, 1), 'UTC') AS month_end
SELECT
    if(scope = 'workspace', name, '') AS workspace,
    scope,
    name,
    month_usd,
    spent_nanousd / 1e9 AS spent_usd,
    spent_usd / month_usd AS spent_share,
    spent_usd + last_nanousd / 1e9 / greatest(last_s, 1) * dateDiff('second', {{ at() }}, month_end) AS projected_usd,
    this_month AS month
FROM
(
    SELECT scope, name, if(scope = 'user', lower(name), name) AS spender, month_usd FROM {{ argus }}.budgets
) AS budgets
LEFT ANY JOIN
(
    SELECT
        key.1 AS scope,
        key.2 AS spender,
        sum(costs.month_nanousd) AS spent_nanousd,
        sum(costs.week_nanousd) AS last_nanousd,
        -- Who began to spend less than a week ago goes on as since then; of less than a day no rate is made.
        greatest(least(dateDiff('second', min(costs.first_hour), {{ at() }}), 7 * 86400), 86400) AS last_s
    FROM
    (
        SELECT
            workspace, team, user_label, user_email, enduser_id, user_id,
            sumIf(cost_nanousd, hour >= month_begin) AS month_nanousd,
            sumIf(cost_nanousd, hour > {{ at() }} - 7 * 86400) AS week_nanousd,
            min(hour) AS first_hour
        FROM {{ argus }}.cost_hourly
        WHERE hour > least(month_begin - 1, {{ at() }} - 7 * 86400) AND hour <= {{ at() }}
        GROUP BY workspace, team, user_label, user_email, enduser_id, user_id
    ) AS costs
    ARRAY JOIN arrayConcat(
        [('workspace', toString(workspace)), ('team', toString(team))],
        arrayDistinct(arrayMap(user_key -> ('user', lower(user_key)), {{ dimensions.user_keys() }}))) AS key
    GROUP BY scope, spender
) AS spending USING (scope, spender)
