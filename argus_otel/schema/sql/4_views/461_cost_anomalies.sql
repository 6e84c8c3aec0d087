{% import 'dimensions.jinja' as dimensions with context %}
-- One row per hour in [from, to) in which a user or a workspace spent: what it cost, what such an hour usually costs, and whether
-- it is an anomaly (docs/views.md). A row rests on the 28 days before its day and on its own day up to its hour: it says the same
-- whenever it is asked for, and the unfinished hour is judged by what is there already.
{% set cost_usd_min, ratio_min = 5, 3 %}{# of the last four hours together; of the hour to its baseline #}
{#- How many spreads above the usual are an anomaly: of a user, of a workspace as a whole, of so many of its users together. -#}
{% set user_limit, workspace_limit, crowd_limit, crowd_min = 2.5, 4.0, 2.8, 2 %}
{% set known_days, known_hours, settled_days = 5, 10, 10 %}{# active ones: from which on the own past is a judge, and no longer grows #}
{#- How far apart days are by assumption, with the weight of so many days; and for how many days of a user's own the others stand. -#}
{% set assumed_spread, assumed_days, others_days = 0.43, 40, 0.75 %}
{% set hour_said = "Tuple(hour DateTime(\\'UTC\\'), cost_nanousd Int64, peak Float64)" %}
{% macro quantile(level, values) %}arrayReduce('quantileExactInclusive({{ level }})', {{ values }}){% endmacro %}
{#- Weekdays are of one kind; a Saturday somewhere is a Friday elsewhere, so it is compared with Saturdays only. -#}
{% macro kind(day) %}greatest(toDayOfWeek(toDate({{ day }})), 5){% endmacro %}
{% macro muted_by(rule, fits) -%}
arrayExists(
                    mute -> (mute.1 = '' OR mute.1 = toString(workspace)) AND {{ fits }},
                    (SELECT groupArray((toString(mutes.workspace), mutes.user_key)) FROM {{ argus }}.mutes AS mutes WHERE rule IN ('', '{{ rule }}')))
{%- endmacro %}
CREATE OR REPLACE VIEW {{ argus }}.cost_anomalies {{ on_cluster }} AS
WITH
    -- What each user spent, and the most in one session: what runs away does so in one, its subagents with it.
    users AS
    (
        SELECT
            workspace, user_label,
            groupArray((hour, cost_nanousd, session_nanousd_max)) AS hours,
            arrayConcat([''], groupUniqArrayArray(hourly.keys)) AS keys,
            {{ muted_by('user-cost-anomaly', 'has(keys, mute.2)') }} AS is_user_muted,
            {{ muted_by('cost-anomaly', "mute.2 = ''") }} AS is_workspace_muted,
            {{ muted_by('cost-anomaly', "mute.2 != '' AND has(keys, mute.2)") }} AS is_left_out
        FROM
        (
            SELECT workspace, user_label, hour, sum(session_nanousd) AS cost_nanousd, max(session_nanousd) AS session_nanousd_max, groupUniqArrayArray({{ dimensions.user_keys() }}) AS keys
            FROM
            (
                SELECT
                    workspace, user_label, hour, session_id, sum(spent.cost_nanousd) AS session_nanousd,
                    max(spent.user_email) AS user_email, max(spent.enduser_id) AS enduser_id, max(spent.user_id) AS user_id
                FROM {{ argus }}.cost_hourly AS spent
                WHERE hour >= toStartOfDay({from:DateTime}, 'UTC') - toIntervalDay(28) AND hour < {to:DateTime}
                GROUP BY workspace, user_label, hour, session_id
            )
            GROUP BY workspace, user_label, hour
            HAVING cost_nanousd > 0 -- requests that cost nothing say nothing of what is usual
        ) AS hourly
        GROUP BY workspace, user_label
    ),
    -- The same of each user and of each workspace, in which those do not count who are muted there. `peak`: the logarithm of the
    -- most in one session, of a workspace of all.
    scopes AS
    (
        SELECT
            workspace, scope,
            if(scope = 'user', users.user_label, '') AS user_label,
            said.1 AS hour,
            sum(said.2) AS cost_nanousd,
            log(if(scope = 'user', max(said.3), cost_nanousd)) AS peak,
            max(if(scope = 'user', is_user_muted, is_workspace_muted)) AS is_muted
        FROM users
        ARRAY JOIN if(is_left_out, ['user'], ['user', 'workspace']) AS scope
        ARRAY JOIN hours AS said
        GROUP BY workspace, scope, user_label, hour
    ),
    -- Of every scope on every day that is asked for, spent or not: the 28 days before. Compared are weekdays, if there are enough.
    pasts AS
    (
        SELECT
            workspace, scope, user_label, day, is_muted,
            tupleElement(arrayFirst(known -> known.day = day, days), 'hours') AS hours,
            arrayFilter(known -> known.day BETWEEN day - 28 AND day - 1, days) AS past,
            tupleElement(arrayFilter(known -> toDayOfWeek(toDate(known.day)) < 6, past), 'peak') AS weekday_peaks,
            if(length(weekday_peaks) < {{ known_days }}, past.peak, weekday_peaks) AS peaks,
            length(peaks) AS day_count,
            day_count >= {{ known_days }} AS is_known,
            tupleElement(arrayFlatten(past.hours), 'peak') AS hourly_peaks,
            length(hourly_peaks) AS hour_count
        FROM
        (
            SELECT
                workspace, scope, user_label,
                max(daily.is_muted) AS is_muted,
                CAST(arraySort(groupArray((daily.day, peak, hours))), 'Array(Tuple(day UInt16, peak Float64, hours Array({{ hour_said }})))') AS days
            FROM
            (
                SELECT
                    workspace, scope, user_label,
                    toUInt16(toDate(hour, 'UTC')) AS day,
                    max(scopes.is_muted) AS is_muted,
                    CAST(arraySort(groupArray((hour, cost_nanousd, scopes.peak))), 'Array({{ hour_said }})') AS hours,
                    max(scopes.peak) AS peak
                FROM scopes
                GROUP BY workspace, scope, user_label, day
            ) AS daily
            GROUP BY workspace, scope, user_label
        )
        ARRAY JOIN range(toUInt16(toDate({from:DateTime}, 'UTC')), toUInt16(toDate({to:DateTime} - 1, 'UTC')) + 1) AS day
    ),
    -- What is usual: a user's own days with those of the workspace's users as a fraction of a day more, so that who is new is like
    -- the others and, day by day, like himself; and how far from it a day may lie, the further the fewer days are known.
    levels AS
    (
        SELECT
            *,
            {{ quantile(0.5, 'peaks') }} AS own_peak,
            quantileExactInclusiveIf(0.5)(own_peak, is_known) OVER (PARTITION BY workspace, scope, day) AS others_peak,
            scope = 'user' AND sum(is_known) OVER (PARTITION BY workspace, scope, day) > 0 AS has_others,
            is_known OR has_others AS is_judged,
            if(day_count >= {{ settled_days }}, own_peak, greatest(own_peak, {{ quantile(0.75, 'peaks') }})) AS grown_peak,
            multiIf(
                day_count = 0, if(has_others, others_peak, 0),
                NOT has_others, grown_peak,
                (day_count * grown_peak + {{ others_days }} * others_peak) / (day_count + {{ others_days }})) AS usual_peak,
            if(day_count = 0, 0, ({{ quantile(0.9, 'peaks') }} - own_peak) / 1.2816) AS own_spread,
            sqrt(
                (day_count * pow(own_spread, 2) + {{ assumed_days * assumed_spread ** 2 }}) / (day_count + {{ assumed_days }})
                * (1 + 1 / (day_count + {{ others_days }}))) AS spread,
            -- Days of the same kind count with nothing spent too, in weeks in which the scope was there; the dearest tenth does not.
            arrayFilter(known -> {{ kind('known.day') }} = {{ kind('day') }}, past) AS similar_days,
            arrayMap(known -> intDiv(day - 1 - known.day, 7), past) AS active_weeks,
            arrayCount(
                ago -> {{ kind('day - ago') }} = {{ kind('day') }} AND has(active_weeks, intDiv(ago - 1, 7)) AND day - ago >= tupleElement(past[1], 'day'),
                range(1, 29)) AS similar_day_count,
            intDiv(similar_day_count, 10) AS outlier_count
        FROM pasts
    ),
    judged AS
    (
        SELECT
            workspace, scope, user_label, is_muted, is_judged,
            said.hour AS hour,
            said.cost_nanousd AS cost_nanousd,
            arraySum(
                other -> if(other.hour BETWEEN said.hour - toIntervalHour(3) AND said.hour, other.cost_nanousd, 0),
                arrayConcat(tupleElement(arrayFirst(known -> known.day = day - 1, past), 'hours'), hours)) AS recent_nanousd,
            if(is_known,
                intDiv(
                    arraySum(arraySlice(
                        arrayReverseSort(arrayMap(known -> arraySum(other -> if(abs(toHour(other.hour) - toHour(said.hour)) <= 1, other.cost_nanousd, 0), known.hours), similar_days)),
                        outlier_count + 1)),
                    (3 - (toHour(said.hour) IN (0, 23))) * greatest(similar_day_count - outlier_count, 1)),
                toInt64(round(exp(usual_peak)))) AS baseline_nanousd,
            (said.peak - usual_peak) / spread AS own_score,
            scope = 'user' AND NOT is_muted AND hour_count >= {{ known_hours }} AS is_one_of_many,
            -- How far the hour is above the user's other hours, in their spread; no one user decides.
            greatest(-3, least(3, (said.peak - arrayAvg(hourly_peaks)) / sqrt((arrayReduce('varPop', hourly_peaks) * hour_count + 20) / (hour_count + 20)))) AS above_usual,
            countIf(is_one_of_many) OVER (PARTITION BY workspace, hour) AS crowd,
            sumIf(above_usual, is_one_of_many) OVER (PARTITION BY workspace, hour) / sqrt(greatest(crowd, 1)) AS crowd_score
        FROM levels
        ARRAY JOIN arrayFilter(each -> each.hour >= {from:DateTime} AND each.hour < {to:DateTime}, hours) AS said
    )
SELECT
    workspace,
    scope,
    user_label,
    hour,
    cost_nanousd / 1e9 AS cost_usd,
    baseline_nanousd / 1e9 AS baseline_usd,
    cost_nanousd / greatest(baseline_nanousd, 10000000) AS ratio, -- of a cent at least
    round(
        if(
            scope = 'user',
            own_score / {{ user_limit }},
            greatest(own_score / {{ workspace_limit }}, if(crowd >= {{ crowd_min }}, crowd_score / {{ crowd_limit }}, 0))),
        6) AS score, -- of floating-point sums the last digits depend on their order
    toBool(is_judged AND score >= 1 AND ratio >= {{ ratio_min }} AND recent_nanousd >= {{ cost_usd_min * 1_000_000_000 }}) AS is_anomaly,
    if(scope = 'user', 'ticket', 'page') AS severity,
    toBool(is_muted) AS is_muted,
    cost_nanousd,
    baseline_nanousd
FROM judged
