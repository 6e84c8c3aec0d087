-- otel_metrics_sum -> session_facts. A cumulative point says every minute what was long over, so of its times the start counts.
{% import 'facts.jinja' as facts with context %}
{% import 'sessions.jinja' as sessions with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.metrics_to_session_facts {{ on_cluster }} TO {{ argus }}.session_facts AS
SELECT
    workspace,
    Attributes['session.id'] AS session_id,
    'native' AS leg,
    {{ sessions.who_and_where('Attributes', 'toDateTime64(StartTimeUnix, 9)') }}
FROM {{ records('otel_metrics_sum', facts.is_agent_point()) }}
WHERE {{ facts.is_agent_point() }} AND session_id != ''
GROUP BY workspace, session_id
