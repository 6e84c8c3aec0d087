{% import 'mutes.jinja' as mutes with context %}
-- What the meters and what the events say of the same sessions. Only those that have both and are over for a while: a meter is
-- read once a minute, an event comes at once.
WITH
    {{ difference_share_max }} AS difference_share_max,
    {{ difference_usd_min }} AS difference_usd_min
SELECT
    workspace,
    sum(meters_nanousd) / 1e9 AS metered_usd,
    sum(events_nanousd) / 1e9 AS reported_usd,
    abs(metered_usd - reported_usd) / greatest(metered_usd, reported_usd, 1e-9) AS difference_share,
    difference_share > difference_share_max AND abs(metered_usd - reported_usd) >= difference_usd_min AS over,
    toUnixTimestamp(min(started_at)) * 1000 AS from_ms,
    toUnixTimestamp(max(ended_at) + INTERVAL 1 MINUTE) * 1000 AS to_ms
FROM {{ argus }}.meter_check
WHERE (workspace, session_id) IN (SELECT workspace, session_id FROM {{ argus }}.session_list WHERE ended_at >= $__fromTime AND ended_at < $__toTime)
    AND ended_at < $__toTime AND isNotNull(meters_nanousd) AND isNotNull(events_nanousd)
    AND (workspace, session_id) NOT IN ({{ mutes.muted_sessions() }})
GROUP BY workspace
