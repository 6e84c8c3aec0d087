{% import 'mutes.jinja' as mutes with context %}
-- The share of input that came from the prompt cache fell well below that of the week before: each turn then pays for its whole
-- context again.
WITH
    toStartOfHour($__toTime, 'UTC') - INTERVAL {{ recent_hours }} HOUR AS recent_from,
    {{ drop_min }} AS drop_min,
    {{ baseline_share_min }} AS baseline_share_min,
    {{ requests_min }} AS requests_min,
    {{ sessions_min }} AS sessions_min
SELECT
    workspace,
    sumIf(cache_read_tokens, hour >= recent_from) / greatest(sumIf(all_input, hour >= recent_from), 1) AS cache_share,
    sumIf(cache_read_tokens, hour < recent_from) / greatest(sumIf(all_input, hour < recent_from), 1) AS baseline_share,
    baseline_share >= baseline_share_min AND cache_share <= baseline_share - drop_min
        AND sumIf(request_count, hour >= recent_from) >= requests_min
        AND sumIf(request_count, hour < recent_from) >= requests_min
        AND uniqExactIf(session_id, hour >= recent_from) >= sessions_min AS over,
    toUnixTimestamp(any(recent_from)) * 1000 AS from_ms,
    toUnixTimestamp($__toTime) * 1000 AS to_ms
FROM
(
    SELECT
        workspace, session_id, hour, request_count, cache_read_tokens,
        cache_read_tokens + cache_creation_tokens + input_tokens AS all_input
    FROM {{ argus }}.cost_hourly
    WHERE hour >= toStartOfHour($__fromTime, 'UTC') AND hour < $__toTime AND NOT {{ mutes.is_muted() }}
) AS hours
GROUP BY workspace
