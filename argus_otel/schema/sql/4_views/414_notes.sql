-- Building block of the text views: what else happened: subagents, compactions, errors, notifications, start and end.
{% import 'merge.jinja' as merge with context %}
CREATE OR REPLACE VIEW {{ argus }}.notes {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    multiIf(thing = 'subagent', 'subagent', max(facts.record) = 'compaction', 'compaction', 'system') AS kind,
    identity AS note_id,
    {{ merge.earliest('facts.ts') }} AS noted_at,
    max(facts.prompt_id) AS prompt_id,
    if(thing = 'subagent', identity, max(facts.agent_id)) AS agent_id,
    {{ merge.better_name('facts.tool_name') }} AS tool_name,
    max({{ merge.ranked() }}) AS best,
    multiIf(
        best.5 != '', best.5,
        thing = 'subagent', max(facts.agent_type),
        max(facts.record) = 'permission', if(max(facts.detail) = 'PermissionRequest', 'permission asked', 'permission denied'),
        max(facts.record) = 'api_error', trimRight(concat('API error ', max(facts.error_type))),
        trimRight(concat(replaceAll(max(facts.record), '_', ' '), ' ', max(facts.detail)))) AS text,
    best.5 != '' AND NOT best.2 AS is_truncated,
    if(best.5 != '', {{ merge.source('best') }}, {{ merge.first_leg() }}) AS source
FROM
(
        {{ merge.said(['subagent', 'event', 'api_error'], ['prompt_id', 'agent_id', 'agent_type', 'tool_name', 'detail', 'error_type']) }}
) AS facts
WHERE record NOT IN ('skill_activated', 'tool_call', 'tool_result', 'llm_request')
GROUP BY workspace, session_id, thing, identity
