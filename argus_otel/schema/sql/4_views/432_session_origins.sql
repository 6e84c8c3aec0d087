-- Building block of the summaries: one row per session with who, where and which version, without its figures.
{% import 'merge.jinja' as merge with context %}
{% import 'sessions.jinja' as sessions with context %}
CREATE OR REPLACE VIEW {{ argus }}.session_origins {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    {{ sessions.surface('all_services', 'all_query_sources', 'all_entrypoints') }} AS surface,
    client_version.2 AS client_version,
    user_id,
    user_email,
    attributes['enduser.id'] AS enduser_id,
    attributes['team'] AS sent_team,
    attributes['repository'] AS repository,
    toDateTime64(coalesce(began_at, toDateTime64(0, 9)), 3, 'UTC') AS started_at
FROM
(
    SELECT
        workspace,
        session_id,
        groupUniqArrayArray(facts.services) AS all_services,
        groupUniqArrayArray(facts.query_sources) AS all_query_sources,
        groupUniqArrayArray(facts.entrypoints) AS all_entrypoints,
        max(facts.client_version) AS client_version,
        max(facts.user_id) AS user_id,
        max(facts.user_email) AS user_email,
        arraySort(groupUniqArrayArray(facts.attributes)) AS all_attributes,
        {{ merge.one_per_key('all_attributes') }} AS attributes,
        {{ merge.earliest('facts.first_at') }} AS began_at
    FROM {{ argus }}.session_facts AS facts
    GROUP BY workspace, session_id
)
