-- otel_logs -> session_facts: who, where and which version, from every native event.
{% import 'facts.jinja' as facts with context %}
{% import 'sessions.jinja' as sessions with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.logs_to_session_facts {{ on_cluster }} TO {{ argus }}.session_facts AS
SELECT
    workspace,
    LogAttributes['session.id'] AS session_id,
    'native' AS leg,
    {{ sessions.who_and_where('LogAttributes', 'Timestamp') }},
    max(LogAttributes['request_id'] = '' AND {{ facts.event_name() }} = 'api_request') AS has_keyless_calls
FROM {{ records('otel_logs', facts.is_agent_log()) }}
WHERE {{ facts.is_agent_log() }} AND session_id != ''
GROUP BY workspace, session_id
