-- Building block of the text views: one row per tool call with its input, its output and its error.
{% import 'merge.jinja' as merge with context %}
CREATE OR REPLACE VIEW {{ argus }}.tool_messages {{ on_cluster }} AS
SELECT
    workspace,
    session_id,
    identity AS tool_use_id,
    max(facts.prompt_id) AS prompt_id,
    max(facts.agent_id) AS agent_id,
    {{ merge.better_name('facts.tool_name') }} AS tool_name,
    {{ merge.earliest(merge.called_at()) }} AS called_at,
    coalesce(minOrNullIf(facts.ts, record = 'tool_result' AND field = '' AND leg != 'import'), minOrNullIf(facts.ts, record = 'tool_result' AND field = '')) AS told_at,
    {{ merge.earliest(merge.called_at()) }} + toIntervalMillisecond(max(facts.duration_ms)) AS done_at,
    if(told_at > done_at, done_at, told_at) AS returned_at, -- a hook may tell late what was done
    {{ merge.best('input') }} AS best_input,
    {{ merge.best('output') }} AS best_output,
    {{ merge.best_error() }} AS best_error,
    best_input.5 AS input,
    best_output.5 AS output,
    best_error.5 AS error,
    input != '' AND NOT best_input.2 AS is_input_truncated,
    output != '' AND NOT best_output.2 OR error != '' AND NOT best_error.2 AS is_result_truncated,
    if(input != '', {{ merge.source('best_input') }}, {{ merge.first_leg() }}) AS input_source,
    multiIf(error != '', {{ merge.source('best_error') }}, output != '', {{ merge.source('best_output') }}, {{ merge.first_leg() }}) AS result_source
FROM
(
        {{ merge.said(['tool_call'], ['prompt_id', 'agent_id', 'tool_name', 'duration_ms']) }}
) AS facts
GROUP BY workspace, session_id, identity
