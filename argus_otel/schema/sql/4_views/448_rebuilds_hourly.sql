-- Requests that built their cache anew, by the hour, and all that they cost.
{% import 'dimensions.jinja' as dimensions with context %}
{% import 'merge.jinja' as merge with context %}
{% import 'rollup.jinja' as rollup with context %}
CREATE OR REPLACE VIEW {{ argus }}.rebuilds_hourly {{ on_cluster }} AS
SELECT
    workspace,
    hour,
    session_id,
    model,
    surface,
    client_version,
    user_id,
    user_email,
    {{ dimensions.labels() }},
    repository,
    rebuild_count,
    {{ merge.usd('cost_nanousd') }} AS cost_usd,
    cost_nanousd,
    cache_creation_tokens
FROM
(
    {{ rollup.cells_of('rebuild_cells') }}
) AS cells
{{ dimensions.people() }}
