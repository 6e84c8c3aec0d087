-- One row per session with what summaries are filtered and grouped by: surface, user, team, repository. To be joined to whatever
-- has a workspace and a session id.
{% import 'dimensions.jinja' as dimensions with context %}
{% import 'rollup.jinja' as rollup with context %}
CREATE OR REPLACE VIEW {{ argus }}.session_labels {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    surface,
    client_version,
    user_id,
    user_email,
    {{ dimensions.labels() }},
    repository
FROM
(
    {{ rollup.sessions(rollup.origin, 'session_origins') }}
) AS sessions
{{ dimensions.people() }}
