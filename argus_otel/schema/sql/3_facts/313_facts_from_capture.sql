-- otel_traces -> facts: the content spans (docs/semantic-conventions.md).
{% import 'facts.jinja' as facts with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.capture_to_facts {{ on_cluster }} TO {{ argus }}.facts AS
WITH
    SpanAttributes['argus.record'] AS kind,
    SpanAttributes['argus.hook'] AS hook,
    SpanAttributes['gen_ai.tool.call.id'] AS tool_use,
    hook = 'PermissionDenied' OR kind = 'permission' AND SpanAttributes['decision'] = 'reject' AS is_denial,
    {{ facts.or_else("SpanAttributes['argus.identity']", 'SpanId') }} AS own_identity
SELECT
    workspace,
    multiIf(
        kind = 'user_prompt' AND SpanAttributes['prompt.id'] != '', 'prompt',
        (kind IN ('tool_call', 'tool_result') OR is_denial) AND tool_use != '', 'tool_call',
        kind = 'assistant_message', 'message',
        kind IN ('subagent_start', 'subagent_stop') AND SpanAttributes['agent_id'] != '', 'subagent',
        'event') AS thing,
    SpanAttributes['session.id'] AS session_id,
    multiIf(
        thing = 'prompt', SpanAttributes['prompt.id'],
        thing = 'tool_call', tool_use,
        thing = 'subagent', SpanAttributes['agent_id'],
        own_identity) AS identity,
    {{ facts.capture_leg() }} AS leg,
    {{ facts.capture_record() }} AS record,
    if(kind = 'tool_result', Timestamp + toIntervalNanosecond(Duration), Timestamp) AS ts,
    SpanAttributes['prompt.id'] AS prompt_id,
    SpanAttributes['agent_id'] AS agent_id,
    SpanAttributes['agent_type'] AS agent_type,
    SpanAttributes['gen_ai.tool.name'] AS tool_name,
    {{ facts.or_else("SpanAttributes['argus.mcp.server']", facts.mcp_server_of("SpanAttributes['gen_ai.tool.name']")) }} AS mcp_server,
    SpanAttributes['argus.skill.name'] AS skill,
    SpanAttributes['argus.skill.hash'] AS skill_hash,
    if(is_denial, 'reject', SpanAttributes['decision']) AS decision,
    SpanAttributes['decision_source'] AS decision_source,
    SpanAttributes['permission_mode'] AS permission_mode,
    multiIf(kind = 'session_start', SpanAttributes['argus.start.source'], kind = 'session_end', SpanAttributes['argus.end.reason'], hook) AS detail,
    if(kind = 'tool_result', {{ facts.boolean("SpanAttributes['argus.tool.success']") }}, NULL) AS success,
    if(kind = 'user_prompt', {{ facts.boolean("SpanAttributes['argus.prompt.is_human']") }}, NULL) AS is_human,
    {{ facts.number("SpanAttributes['argus.tool.duration_ms']") }} AS duration_ms,
    if(kind = 'tool_call', {{ facts.number("SpanAttributes['argus.content.bytes']") }}, NULL) AS input_bytes,
    if(kind = 'tool_result', {{ facts.number("SpanAttributes['argus.content.bytes']") }}, NULL) AS output_bytes,
    {{ facts.number("SpanAttributes['argus.content.length']") }} AS text_length
FROM {{ records('otel_traces', facts.is_capture_span()) }}
WHERE {{ facts.is_capture_span() }} AND SpanAttributes['session.id'] != ''
