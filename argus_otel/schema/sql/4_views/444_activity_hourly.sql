-- What the meters say besides cost and tokens, by the hour: lines, commits, pull requests, active time, decisions on edits.
{% import 'dimensions.jinja' as dimensions with context %}
{% import 'rollup.jinja' as rollup with context %}
CREATE OR REPLACE VIEW {{ argus }}.activity_hourly {{ on_cluster }} AS
SELECT
    workspace,
    hour,
    session_id,
    metric,
    detail,
    surface,
    client_version,
    user_id,
    user_email,
    {{ dimensions.labels() }},
    repository,
    value_milli / 1e3 AS value
FROM
(
    {{ rollup.cells_of('activity_cells') }}
) AS cells
{{ dimensions.people() }}
