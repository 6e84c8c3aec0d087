-- otel_logs -> facts: the native events.
{% import 'facts.jinja' as facts with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.logs_to_facts {{ on_cluster }} TO {{ argus }}.facts AS
WITH
    LogAttributes['session.id'] AS session,
    LogAttributes['request_id'] AS request,
    LogAttributes['tool_use_id'] AS tool_use,
    {{ facts.derived_id('event') }} AS derived,
    -- With details on, the real name of an MCP tool is in tool_parameters only; of a private session only the names are left.
    {{ facts.or_else("LogAttributes['argus.mcp.server']", "JSONExtractString(LogAttributes['tool_parameters'], 'mcp_server_name')") }} AS parameter_server,
    concat('mcp__', parameter_server, '__', {{ facts.or_else("LogAttributes['argus.mcp.tool']", "JSONExtractString(LogAttributes['tool_parameters'], 'mcp_tool_name')") }}) AS parameter_tool,
    LogAttributes['tool_name'] AS tool
SELECT
    workspace,
    multiIf(
        event = 'user_prompt', 'prompt',
        event = 'api_request' OR event = 'assistant_response' AND request != '', 'api_request',
        event = 'api_error', 'api_error',
        event IN ('tool_decision', 'tool_result'), 'tool_call',
        event = 'assistant_response', 'message',
        event = 'subagent_completed', 'subagent',
        'event') AS thing,
    session AS session_id,
    multiIf(
        event = 'user_prompt', {{ facts.or_else("LogAttributes['prompt.id']", 'derived') }},
        event IN ('api_request', 'assistant_response', 'api_error'), {{ facts.or_else('request', 'derived') }},
        event IN ('tool_decision', 'tool_result'), {{ facts.or_else('tool_use', 'derived') }},
        event = 'subagent_completed', {{ facts.or_else("LogAttributes['agent_id']", 'derived') }},
        derived) AS identity,
    'native' AS leg,
    event AS record,
    Timestamp AS ts,
    if(event = 'user_prompt', identity, LogAttributes['prompt.id']) AS prompt_id,
    LogAttributes['agent_id'] AS agent_id,
    request AS request_id,
    {{ facts.or_else("LogAttributes['agent_type']", "LogAttributes['agent.name']") }} AS agent_type,
    LogAttributes['model'] AS model,
    LogAttributes['query_source'] AS query_source,
    if(parameter_server != '', parameter_tool, tool) AS tool_name,
    multiIf(parameter_server != '', parameter_server, tool != '', {{ facts.mcp_server_of('tool') }}, LogAttributes['mcp_server.name']) AS mcp_server,
    if(tool = 'Skill', {{ facts.or_else("LogAttributes['argus.skill.name']", "JSONExtractString(LogAttributes['tool_parameters'], 'skill_name')") }}, LogAttributes['skill.name']) AS skill,
    if(event = 'tool_decision', LogAttributes['decision'], LogAttributes['decision_type']) AS decision,
    if(event = 'tool_decision', LogAttributes['source'], LogAttributes['decision_source']) AS decision_source,
    LogAttributes['permission_mode'] AS permission_mode,
    {{ facts.or_else("LogAttributes['error_type']", "LogAttributes['status_code']") }} AS error_type,
    {{ facts.or_else("LogAttributes['trigger']", "LogAttributes['invocation_trigger']") }} AS detail,
    if(event = 'tool_result', {{ facts.boolean("LogAttributes['success']") }}, NULL) AS success,
    -- With the text redacted nothing marks a machine-made turn.
    multiIf(
        event != 'user_prompt', NULL,
        LogAttributes['argus.prompt.is_human'] != '', {{ facts.boolean("LogAttributes['argus.prompt.is_human']") }}, -- a private session's
        LogAttributes['prompt'] IN ('', '<REDACTED>'), NULL,
        NOT startsWith(LogAttributes['prompt'], '<task-notification>')) AS is_human,
    if(event = 'api_request',
        coalesce({{ facts.nanousd("LogAttributes['cost_usd']") }}, toInt64OrNull(LogAttributes['cost_usd_micros']) * 1000), NULL) AS cost_nanousd,
    {{ facts.number("LogAttributes['input_tokens']") }} AS input_tokens,
    {{ facts.number("LogAttributes['output_tokens']") }} AS output_tokens,
    {{ facts.number("LogAttributes['cache_read_tokens']") }} AS cache_read_tokens,
    {{ facts.number("LogAttributes['cache_creation_tokens']") }} AS cache_creation_tokens,
    {{ facts.number("LogAttributes['duration_ms']") }} AS duration_ms,
    {{ facts.number("LogAttributes['ttft_ms']") }} AS ttft_ms,
    {{ facts.number("LogAttributes['tool_input_size_bytes']") }} AS input_bytes,
    {{ facts.number("LogAttributes['tool_result_size_bytes']") }} AS output_bytes,
    {{ facts.number(facts.or_else("LogAttributes['response_length']", "LogAttributes['prompt_length']")) }} AS text_length
FROM (SELECT *, {{ facts.event_name() }} AS event FROM {{ records('otel_logs', facts.is_agent_log()) }} WHERE {{ facts.is_agent_log() }})
WHERE event IN ('user_prompt', 'api_request', 'assistant_response', 'api_error', 'tool_decision', 'tool_result', 'subagent_completed', 'skill_activated', 'compaction')
    AND session != ''
    -- Without a key an accepted decision cannot be told to be of one call with its result, which says the decision too.
    AND NOT (event = 'tool_decision' AND tool_use = '' AND LogAttributes['decision'] != 'reject')
