{% import 'mutes.jinja' as mutes with context %}
{% import 'windows.jinja' as windows with context %}
-- Sessions that spend, or ask the API, at a rate that nobody reads along with, for a while: of each session the fastest span of
-- so many minutes within the window. The window is longer than the span, so a request that arrives late still counts.
WITH
    {{ span_minutes }} AS span_minutes,
    {{ usd_per_minute_max }} AS usd_per_minute_max,
    {{ requests_per_minute_max }} AS requests_per_minute_max
SELECT
    workspace,
    countIf(is_over) AS over,
    max(sessions.usd_per_minute) AS usd_per_minute,
    max(sessions.requests_per_minute) AS requests_per_minute,
    {{ windows.span('minIf(first_at, is_over)', 'maxIf(last_at, is_over) + INTERVAL 1 MINUTE') }}
FROM
(
    SELECT
        workspace,
        session_id,
        max(span_nanousd) / 1e9 / span_minutes AS usd_per_minute,
        max(span_count) / span_minutes AS requests_per_minute,
        usd_per_minute > usd_per_minute_max OR requests_per_minute > requests_per_minute_max AS is_over,
        min(minute) AS first_at,
        max(minute) AS last_at
    FROM
    (
        SELECT
            workspace,
            session_id,
            minute,
            sum(minute_nanousd) OVER span AS span_nanousd,
            sum(minute_count) OVER span AS span_count
        FROM
        (
            SELECT workspace, session_id, toStartOfMinute(ts) AS minute, sum(cost_nanousd) AS minute_nanousd, count() AS minute_count
            FROM {{ argus }}.api_requests
            WHERE ts >= $__fromTime AND ts < $__toTime AND (workspace, session_id) IN ({{ windows.active_sessions() }})
            GROUP BY workspace, session_id, minute
        )
        WINDOW span AS (
            PARTITION BY workspace, session_id ORDER BY toUnixTimestamp(minute)
            RANGE BETWEEN {{ span_minutes * 60 - 60 }} PRECEDING AND CURRENT ROW)
    )
    GROUP BY workspace, session_id
) AS sessions
WHERE (workspace, session_id) NOT IN ({{ mutes.muted_sessions() }})
GROUP BY workspace
