-- One row per prompt, with what its turn cost and did. Prompts, calls and tools meet in one GROUP BY.
{% import 'merge.jinja' as merge with context %}
CREATE OR REPLACE VIEW {{ argus }}.turns {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    prompt_id,
    row_number() OVER (PARTITION BY workspace, session_id ORDER BY began_at, prompt_id) AS turn_index,
    toDateTime64(began_at, 3, 'UTC') AS started_at,
    toDateTime64(last_at, 3, 'UTC') AS ended_at,
    is_human,
    {{ merge.usd('cost_nanousd') }} AS cost_usd,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_creation_tokens,
    api_request_count,
    tool_call_count,
    tool_failure_count,
    tool_rejected_count,
    models
FROM
(
    SELECT
        workspace,
        session_id,
        prompt_id,
        coalesce(minOrNullIf(first_ts, thing = 'prompt'), min(first_ts)) AS began_at,
        max(last_ts) AS last_at,
        max(things.is_human) AS is_human,
        sum(things.cost_nanousd) AS cost_nanousd,
        sum(things.input_tokens) AS input_tokens,
        sum(things.output_tokens) AS output_tokens,
        sum(things.cache_read_tokens) AS cache_read_tokens,
        sum(things.cache_creation_tokens) AS cache_creation_tokens,
        countIf(thing = 'api_request') AS api_request_count,
        countIf(thing = 'tool_call') AS tool_call_count,
        countIf(success = false) AS tool_failure_count,
        countIf(decision = 'reject') AS tool_rejected_count,
        arraySort(groupUniqArrayIf(model, thing = 'api_request' AND model != '')) AS models
    FROM
    (
        {{ merge.things(['prompt', 'api_request', 'tool_call', 'message', 'subagent']) }}
    ) AS things
    WHERE prompt_id != ''
    GROUP BY workspace, session_id, prompt_id
)
