-- One row per call of the API. Cost is what the event reported; a call known from its span alone is estimated at list price.
{% import 'merge.jinja' as merge with context %}
CREATE OR REPLACE VIEW {{ argus }}.api_requests {{ on_cluster }} AS
SELECT
    workspace,
    toDateTime64(called_at, 3, 'UTC') AS ts,
    session_id,
    prompt_id,
    request_id,
    agent_id,
    model,
    query_source,
    {{ merge.usd('cost_nanousd') }} AS cost_usd,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_creation_tokens,
    duration_ms,
    ttft_ms,
    skill,
    mcp_server,
    agent_type,
    cost_source,
    cost_nanousd
FROM
(
    SELECT
        workspace,
        session_id,
        identity AS request_id,
        coalesce(minOrNullIf(facts.ts, record = 'api_request'), min(facts.ts)) AS called_at,
        max(facts.prompt_id) AS prompt_id,
        max(facts.agent_id) AS agent_id,
        max(facts.model) AS model,
        coalesce(nullIf(maxIf(facts.query_source, record = 'api_request'), ''), max(facts.query_source)) AS query_source,
        coalesce(max(facts.input_tokens), 0) AS input_tokens,
        coalesce(max(facts.output_tokens), 0) AS output_tokens,
        coalesce(max(facts.cache_read_tokens), 0) AS cache_read_tokens,
        coalesce(max(facts.cache_creation_tokens), 0) AS cache_creation_tokens,
        coalesce(maxIf(facts.duration_ms, record = 'api_request'), max(facts.duration_ms)) AS duration_ms,
        max(facts.ttft_ms) AS ttft_ms,
        {{ merge.better_name('facts.skill') }} AS skill,
        {{ merge.better_name('facts.mcp_server') }} AS mcp_server,
        max(facts.agent_type) AS agent_type,
        if(isNotNull(max(facts.cost_nanousd)), 'events', 'estimated') AS cost_source,
        {{ merge.cost_nanousd() }} AS cost_nanousd
    FROM {{ argus }}.facts
    WHERE thing = 'api_request'
    GROUP BY workspace, thing, session_id, identity
    HAVING {{ merge.is_whole() }}
)
