-- otel_traces -> session_facts: from the content spans, which know when a session ended, what was opted out, and the
-- versions of what ran.
{% import 'facts.jinja' as facts with context %}
{% import 'sessions.jinja' as sessions with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.capture_to_session_facts {{ on_cluster }} TO {{ argus }}.session_facts AS
SELECT
    workspace,
    SpanAttributes['session.id'] AS session_id,
    {{ facts.capture_leg() }} AS leg,
    min(Timestamp) AS first_at,
    max(Timestamp + toIntervalNanosecond(Duration)) AS last_at,
    max(SpanAttributes['user.id']) AS user_id,
    max(SpanAttributes['user.email']) AS user_email,
    max(SpanAttributes['organization.id']) AS organization_id,
    groupUniqArrayIf(SpanAttributes['argus.entrypoint'], SpanAttributes['argus.entrypoint'] != '') AS entrypoints,
    groupUniqArrayArray(arrayConcat(
        arrayMap(pair -> (substring(pair.1, 15), pair.2), CAST(mapFilter((key, value) -> startsWith(key, 'argus.version.'), SpanAttributes), 'Array(Tuple(String, String))')),
        if(SpanAttributes['argus.skill.hash'] != '', [(concat('skill:', SpanAttributes['argus.skill.name']), SpanAttributes['argus.skill.hash'])], []))) AS versions,
    max(SpanAttributes['argus.record'] = 'session_end') AS is_ended,
    max(SpanAttributes['argus.record'] = 'private') AS is_private,
    {{ sessions.changed_at() }}
FROM {{ records('otel_traces', facts.is_capture_span()) }}
WHERE {{ facts.is_capture_span() }} AND session_id != ''
GROUP BY workspace, session_id, leg
