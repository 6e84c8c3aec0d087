-- What was spent, by the hour and by all that requests are told apart by. A session's rows add up to its cost.
{% import 'dimensions.jinja' as dimensions with context %}
{% import 'merge.jinja' as merge with context %}
{% import 'rollup.jinja' as rollup with context %}
CREATE OR REPLACE VIEW {{ argus }}.cost_hourly {{ on_cluster }} AS
SELECT
    workspace,
    hour,
    session_id,
    model,
    query_source,
    agent_type,
    skill,
    mcp_server,
    surface,
    client_version,
    user_id,
    user_email,
    {{ dimensions.labels() }},
    repository,
    cost_source,
    request_count,
    {{ merge.usd('cost_nanousd') }} AS cost_usd,
    cost_nanousd,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_creation_tokens
FROM
(
    {{ rollup.cells_of('cost_cells', ['cost_source']) }}
) AS cells
{{ dimensions.people() }}
