-- Building block of rebuilds_hourly. A rebuild is a request that wrote to the cache and read nothing from it, though the same agent
-- had asked the same model before in the session: its cache had expired, or its prefix had changed.
CREATE OR REPLACE VIEW {{ argus }}.rebuild_cells {{ on_cluster }} AS
SELECT workspace, session_id, groupArray((hour, model, rebuild_count, cost_nanousd, cache_creation_tokens)) AS cells
FROM
(
    SELECT
        workspace, session_id, toStartOfHour(requests.ts) AS hour, model,
        count() AS rebuild_count,
        sum(requests.cost_nanousd) AS cost_nanousd,
        sum(requests.cache_creation_tokens) AS cache_creation_tokens
    FROM
    (
        SELECT
            workspace, session_id, ts, model, asked.cost_nanousd, cache_read_tokens, asked.cache_creation_tokens,
            row_number() OVER (PARTITION BY workspace, session_id, agent_id, model ORDER BY ts, request_id) AS nth
        FROM {{ argus }}.api_requests AS asked
    ) AS requests
    WHERE nth > 1 AND cache_read_tokens = 0 AND requests.cache_creation_tokens > 0
    GROUP BY workspace, session_id, hour, model
)
GROUP BY workspace, session_id
