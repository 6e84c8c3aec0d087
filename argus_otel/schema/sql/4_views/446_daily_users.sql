-- Who was there on which day (UTC), and what for: a session counts on each day on which it asked, called a tool or began.
{% import 'dimensions.jinja' as dimensions with context %}
{% import 'merge.jinja' as merge with context %}
{% import 'rollup.jinja' as rollup with context %}
CREATE OR REPLACE VIEW {{ argus }}.daily_users {{ on_cluster }} AS
SELECT
    workspace,
    part.1 AS day,
    user_label,
    surface,
    max(sessions.team) AS team,
    max(sessions.cost_centre) AS cost_centre,
    uniqExact(session_id) AS session_count,
    sum(part.2) AS request_count,
    {{ merge.usd('cost_nanousd') }} AS cost_usd,
    sum(part.3) AS cost_nanousd,
    sum(part.4) AS input_tokens,
    sum(part.5) AS output_tokens,
    sum(part.6) AS cache_read_tokens,
    sum(part.7) AS cache_creation_tokens,
    sum(part.8) AS tool_call_count
FROM
(
    SELECT
        workspace, session_id, surface, {{ dimensions.labels() }},
        arrayJoin(arrayConcat([(toDate(started_at), 0, 0, 0, 0, 0, 0, 0)], of_requests, of_calls)) AS part
    FROM
    (
        SELECT
            workspace, session_id, {{ rollup.origin | join(', ') }}, started_at,
            arrayMap(
                (hour, requests, cost, input, output, cache_read, cache_creation) -> (toDate(hour), requests, cost, input, output, cache_read, cache_creation, 0),
                cost_cells.hour, cost_cells.request_count, cost_cells.cost_nanousd,
                cost_cells.input_tokens, cost_cells.output_tokens, cost_cells.cache_read_tokens, cost_cells.cache_creation_tokens) AS of_requests,
            arrayMap((hour, calls) -> (toDate(hour), 0, 0, 0, 0, 0, 0, calls), tools_cells.hour, tools_cells.call_count) AS of_calls
        FROM {{ argus }}.session_rollup FINAL
        WHERE NOT {{ rollup.is_fresh() }}
        UNION ALL
        SELECT
            workspace, session_id, {{ rollup.origin | join(', ') }}, started_at,
            arrayMap(cell -> (toDate(cell.1), cell.7, cell.8, cell.9, cell.10, cell.11, cell.12, 0), requests.cells),
            arrayMap(cell -> (toDate(cell.1), 0, 0, 0, 0, 0, 0, cell.10), calls.cells)
        FROM {{ argus }}.session_origins
        LEFT ANY JOIN (SELECT workspace, session_id, cells FROM {{ argus }}.cost_cells WHERE {{ rollup.is_fresh() }}) AS requests USING (workspace, session_id)
        LEFT ANY JOIN (SELECT workspace, session_id, cells FROM {{ argus }}.tools_cells WHERE {{ rollup.is_fresh() }}) AS calls USING (workspace, session_id)
        WHERE {{ rollup.is_fresh() }}
    ) AS origins
    {{ dimensions.people() }}
) AS sessions
GROUP BY workspace, day, user_label, surface
