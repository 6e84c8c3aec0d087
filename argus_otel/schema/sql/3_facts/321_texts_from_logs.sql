-- otel_logs -> texts: what the native leg says in words, where its gates are open.
{% import 'facts.jinja' as facts with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.logs_to_texts {{ on_cluster }} TO {{ argus }}.texts AS
WITH
    LogAttributes['session.id'] AS session,
    LogAttributes['request_id'] AS request,
    LogAttributes['tool_use_id'] AS tool_use,
    {{ facts.derived_id('event') }} AS derived,
    if(length(LogAttributes['prompt_text']) > length(LogAttributes['prompt']), LogAttributes['prompt_text'], LogAttributes['prompt']) AS prompt,
    LogAttributes['tool_input'] AS tool_input,
    -- Each value of tool_input is cut at 512 characters without a mark; the size tells. Redaction shortens too.
    toUInt64OrZero(LogAttributes['tool_input_size_bytes']) > greatest(length(tool_input), 512) AND position(tool_input, '[REDACTED:') = 0 AS is_input_cut,
    -- A rejected call has no result, so its parameters are the only trace of its input: incomplete, any other text wins.
    multiIf(
        event = 'user_prompt', [('prompt', prompt, false)],
        event = 'assistant_response', [('response', LogAttributes['response'], false)],
        event = 'tool_decision', [('input', LogAttributes['tool_parameters'], true)],
        event = 'tool_result', [('input', tool_input, is_input_cut), ('error', LogAttributes['error'], false)],
        [('error', LogAttributes['error'], false)]) AS said
SELECT
    workspace,
    session AS session_id,
    multiIf(
        event = 'user_prompt', 'prompt',
        event = 'assistant_response', if(request != '', 'api_request', 'message'),
        event IN ('tool_decision', 'tool_result'), 'tool_call',
        'api_error') AS thing,
    multiIf(
        event = 'user_prompt', {{ facts.or_else("LogAttributes['prompt.id']", 'derived') }},
        event IN ('tool_decision', 'tool_result'), {{ facts.or_else('tool_use', 'derived') }},
        {{ facts.or_else('request', 'derived') }}) AS identity,
    part.1 AS field,
    'native' AS leg,
    event AS record,
    Timestamp AS ts,
    part.2 AS text,
    part.3 OR position(part.2, '[TRUNCATED') > 0 AS is_truncated
FROM
(
    SELECT *, {{ facts.event_name() }} AS event FROM {{ records('otel_logs', facts.is_agent_log()) }} WHERE {{ facts.is_agent_log() }}
)
ARRAY JOIN said AS part
WHERE event IN ('user_prompt', 'assistant_response', 'tool_decision', 'tool_result', 'api_error')
    AND session != ''
    AND part.2 NOT IN ('', '<REDACTED>')
    AND NOT (event = 'tool_decision' AND tool_use = '' AND LogAttributes['decision'] != 'reject')
