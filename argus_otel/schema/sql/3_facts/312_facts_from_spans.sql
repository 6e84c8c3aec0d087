-- otel_traces -> facts: the native spans, which know names and results that gated events do not, but no prompt and no cost.
{% import 'facts.jinja' as facts with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.spans_to_facts {{ on_cluster }} TO {{ argus }}.facts AS
WITH
    substring(SpanName, 13) AS span,
    SpanAttributes['request_id'] AS request,
    SpanAttributes['tool_use_id'] AS tool_use,
    {{ facts.boolean("SpanAttributes['success']") }} AS is_success,
    {{ facts.list_price("SpanAttributes['model']") }} AS price
SELECT
    workspace,
    multiIf(span != 'llm_request', 'tool_call', is_success = false, 'api_error', 'api_request') AS thing,
    SpanAttributes['session.id'] AS session_id,
    multiIf(span != 'llm_request', tool_use, request != '', request, concat('derived-', TraceId, SpanId)) AS identity,
    'native' AS leg,
    span AS record,
    Timestamp AS ts,
    SpanAttributes['agent_id'] AS agent_id,
    request AS request_id,
    SpanAttributes['model'] AS model,
    {{ facts.or_else("SpanAttributes['query_source']", "SpanAttributes['query_source_safe']") }} AS query_source,
    if(span = 'tool', SpanAttributes['tool_name'], '') AS tool_name,
    {{ facts.or_else("SpanAttributes['anthropic.mcp.server.name']", facts.mcp_server_of("SpanAttributes['tool_name']")) }} AS mcp_server,
    if(SpanAttributes['tool_name'] = 'Skill', SpanAttributes['skill_name'], '') AS skill,
    if(is_success = false, {{ facts.or_else("SpanAttributes['error_class']", "SpanAttributes['error.type']") }}, '') AS error_type,
    if(span = 'tool.execution', is_success, NULL) AS success,
    -- A span knows tokens and no cost.
    if(thing = 'api_request',
        toInt64(coalesce(input_tokens, 0) * price.1 + coalesce(output_tokens, 0) * price.2 + coalesce(cache_read_tokens, 0) * price.3 + coalesce(cache_creation_tokens, 0) * price.4),
        NULL) AS estimated_nanousd,
    {{ facts.number("SpanAttributes['input_tokens']") }} AS input_tokens,
    {{ facts.number("SpanAttributes['output_tokens']") }} AS output_tokens,
    {{ facts.number("SpanAttributes['cache_read_tokens']") }} AS cache_read_tokens,
    {{ facts.number("SpanAttributes['cache_creation_tokens']") }} AS cache_creation_tokens,
    -- The tool span includes the wait for a person; the execution does not.
    if(span = 'tool', NULL, {{ facts.number("SpanAttributes['duration_ms']") }}) AS duration_ms,
    {{ facts.number("SpanAttributes['ttft_ms']") }} AS ttft_ms
FROM {{ records('otel_traces', facts.is_agent_span()) }}
WHERE {{ facts.is_agent_span() }}
    AND (span = 'llm_request' OR span IN ('tool', 'tool.execution') AND tool_use != '')
    AND SpanAttributes['session.id'] != ''
