-- otel_traces -> texts: the content spans (docs/semantic-conventions.md).
{% import 'facts.jinja' as facts with context %}
CREATE MATERIALIZED VIEW IF NOT EXISTS {{ argus }}.capture_to_texts {{ on_cluster }} TO {{ argus }}.texts AS
WITH
    SpanAttributes['argus.record'] AS kind,
    SpanAttributes['gen_ai.tool.call.id'] AS tool_use,
    {{ facts.or_else("SpanAttributes['argus.identity']", 'SpanId') }} AS own_identity,
    SpanAttributes['argus.content.truncated'] = 'true' AS is_cut,
    multiIf(
        kind = 'user_prompt', [('prompt', JSONExtractString(SpanAttributes['gen_ai.input.messages'], 1, 'parts', 1, 'content'))],
        kind = 'assistant_message', [('response', JSONExtractString(SpanAttributes['gen_ai.output.messages'], 1, 'parts', 1, 'content'))],
        kind IN ('tool_call', 'tool_result'),
            [('input', SpanAttributes['gen_ai.tool.call.arguments']), ('output', SpanAttributes['gen_ai.tool.call.result']), ('error', SpanAttributes['argus.tool.error'])],
        kind = 'compaction', [('note', SpanAttributes['argus.compaction.summary'])],
        kind = 'notification', [('note', SpanAttributes['argus.notification.message'])],
        kind = 'permission', [('note', SpanAttributes['argus.permission.reason'])], -- what was asked for stands on the call
        [('note', '')]) AS said
SELECT
    workspace,
    SpanAttributes['session.id'] AS session_id,
    multiIf(
        kind = 'user_prompt' AND SpanAttributes['prompt.id'] != '', 'prompt',
        kind IN ('tool_call', 'tool_result') AND tool_use != '', 'tool_call',
        kind = 'assistant_message', 'message',
        'event') AS thing,
    multiIf(thing = 'prompt', SpanAttributes['prompt.id'], thing = 'tool_call', tool_use, own_identity) AS identity,
    part.1 AS field,
    {{ facts.capture_leg() }} AS leg,
    {{ facts.capture_record() }} AS record,
    Timestamp AS ts,
    part.2 AS text,
    is_cut AS is_truncated
FROM {{ records('otel_traces', facts.is_capture_span()) }}
ARRAY JOIN said AS part
WHERE {{ facts.is_capture_span() }} AND SpanAttributes['session.id'] != '' AND part.2 != ''
