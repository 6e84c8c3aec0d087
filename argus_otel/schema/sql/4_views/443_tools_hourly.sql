-- Tool calls by the hour and by all that calls are told apart by. `durations_ms` of several rows together give a quantile:
-- quantileArray(0.95)(durations_ms).
{% import 'dimensions.jinja' as dimensions with context %}
{% import 'rollup.jinja' as rollup with context %}
CREATE OR REPLACE VIEW {{ argus }}.tools_hourly {{ on_cluster }} AS
SELECT
    workspace,
    hour,
    session_id,
    tool_name,
    mcp_server,
    skill,
    skill_hash,
    decision,
    decision_source,
    success,
    error_type,
    surface,
    client_version,
    user_id,
    user_email,
    {{ dimensions.labels() }},
    repository,
    call_count,
    failure_count,
    rejected_count,
    durations_ms,
    input_bytes,
    output_bytes
FROM
(
    {{ rollup.cells_of('tools_cells') }}
) AS cells
{{ dimensions.people() }}
