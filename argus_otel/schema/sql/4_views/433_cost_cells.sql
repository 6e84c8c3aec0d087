-- Building block of cost_hourly: what each session cost, as cells of an hour and of all that requests are told apart by. One row
-- per session, because its requests and its meters tell together which of the two counts: as in argus.sessions.
{% import 'sessions.jinja' as sessions with context %}
{% set tokens = ['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_creation_tokens'] %}
CREATE OR REPLACE VIEW {{ argus }}.cost_cells {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    multiIf(reported_count = 0 AND metered_nanousd > 0, 'metrics', reported_count > 0 AND reported_count = all_request_count, 'events', 'estimated') AS cost_source,
    arrayFilter(
        cell -> cell.7 > 0 OR cell.8 != 0 OR cell.9 + cell.10 + cell.11 + cell.12 > 0,
        arrayMap(
            part -> (
                part.2, part.3, part.4, part.5, part.6, part.7, part.8,
                if(part.1 = (cost_source = 'metrics'), part.9, 0),
                {% for _ in tokens %}if(part.1 = (all_request_count = 0), part.{{ 9 + loop.index }}, 0){{ ', ' if not loop.last }}{% endfor %}),
            parts)) AS cells
FROM
(
    SELECT
        workspace,
        session_id,
        sum(summed.request_count) AS all_request_count,
        sum(summed.reported_count) AS reported_count,
        sumIf(summed.cost_nanousd, is_metered) AS metered_nanousd,
        groupArray((is_metered, hour, model, query_source, agent_type, skill, mcp_server, summed.request_count, summed.cost_nanousd, {{ tokens | join(', ') }})) AS parts
    FROM
    (
        SELECT
            workspace, session_id, false AS is_metered, toStartOfHour(requests.ts) AS hour, model, query_source, agent_type, skill, mcp_server,
            count() AS request_count, countIf(requests.cost_source = 'events') AS reported_count,
            sum(requests.cost_nanousd) AS cost_nanousd{% for name in tokens %}, sum(requests.{{ name }}) AS {{ name }}{% endfor %}

        FROM {{ argus }}.api_requests AS requests
        GROUP BY workspace, session_id, hour, model, query_source, agent_type, skill, mcp_server
        UNION ALL
        SELECT
            workspace, session_id, true, hour, model, query_source, agent_type, skill, mcp_server,
            0, 0, sum(series.cost_nanousd){% for name in tokens %}, sum(series.{{ name }}){% endfor %}

        FROM
        (
            SELECT
                workspace, session_id,
                {{ sessions.hour_of_highest('coalesce(toFloat64(facts.cost_nanousd), toFloat64(facts.input_tokens), toFloat64(facts.output_tokens), toFloat64(facts.cache_read_tokens), toFloat64(facts.cache_creation_tokens), 0)') }} AS hour,
                any(facts.model) AS model, any(facts.query_source) AS query_source, any(facts.agent_type) AS agent_type, any(facts.skill) AS skill, any(facts.mcp_server) AS mcp_server,
                coalesce(max(facts.cost_nanousd), 0) AS cost_nanousd{% for name in tokens %}, coalesce(max(facts.{{ name }}), 0) AS {{ name }}{% endfor %}

            FROM {{ argus }}.facts
            WHERE thing = 'metric' AND record IN ('claude_code.cost.usage', 'claude_code.token.usage')
            GROUP BY workspace, session_id, series
        ) AS series
        GROUP BY workspace, session_id, hour, model, query_source, agent_type, skill, mcp_server
    ) AS summed
    GROUP BY workspace, session_id
)
