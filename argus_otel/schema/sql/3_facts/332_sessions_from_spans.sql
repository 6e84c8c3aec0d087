-- otel_traces -> session_facts: from the native spans.
{% import 'facts.jinja' as facts with context %}
{% import 'sessions.jinja' as sessions with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.spans_to_session_facts {{ on_cluster }} TO {{ argus }}.session_facts AS
SELECT
    workspace,
    SpanAttributes['session.id'] AS session_id,
    'native' AS leg,
    {{ sessions.who_and_where('SpanAttributes', 'Timestamp') }}
FROM {{ records('otel_traces', facts.is_agent_span()) }}
WHERE {{ facts.is_agent_span() }} AND session_id != ''
GROUP BY workspace, session_id
