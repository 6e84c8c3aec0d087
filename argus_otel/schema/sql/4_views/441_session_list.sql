-- One row per session: argus.sessions, with the names that an operator imported.
{% import 'dimensions.jinja' as dimensions with context %}
{% import 'merge.jinja' as merge with context %}
{% import 'private.jinja' as private with context %}
{% import 'rollup.jinja' as rollup with context %}
CREATE OR REPLACE VIEW {{ argus }}.session_list {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    {{ rollup.figures | reject('equalto', 'is_private') | join(',\n    ') }},
    toBool(sessions.is_private OR {{ private.is_private('session_id') }}) AS is_private,
    {{ merge.usd('cost_nanousd') }} AS cost_usd,
    (toUnixTimestamp64Milli(ended_at) - toUnixTimestamp64Milli(started_at)) / 1e3 AS duration_s,
    {{ dimensions.labels() }},
    attributes['repository'] AS repository
FROM
(
    SELECT *, attributes['enduser.id'] AS enduser_id, attributes['team'] AS sent_team
    FROM
    (
        {{ rollup.sessions(rollup.figures, 'sessions') }}
    )
) AS sessions
{{ dimensions.people() }}
