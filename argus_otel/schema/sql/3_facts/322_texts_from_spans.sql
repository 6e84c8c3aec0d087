-- otel_traces -> texts: the output of tools, which the native leg has on span events only.
{% import 'facts.jinja' as facts with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.spans_to_texts {{ on_cluster }} TO {{ argus }}.texts AS
WITH Events.Attributes[indexOf(Events.Name, 'tool.output')] AS output
SELECT
    workspace,
    SpanAttributes['session.id'] AS session_id,
    'tool_call' AS thing,
    SpanAttributes['tool_use_id'] AS identity,
    'output' AS field,
    'native' AS leg,
    'tool' AS record,
    Timestamp AS ts,
    {{ facts.or_else("output['output']", "output['content']") }} AS text,
    position(text, '[TRUNCATED') > 0 AS is_truncated
FROM {{ records('otel_traces', facts.is_agent_span()) }}
WHERE SpanName = 'claude_code.tool' AND {{ facts.is_agent_span() }} AND has(Events.Name, 'tool.output')
    AND SpanAttributes['session.id'] != '' AND SpanAttributes['tool_use_id'] != '' AND text NOT IN ('', '<REDACTED>')
