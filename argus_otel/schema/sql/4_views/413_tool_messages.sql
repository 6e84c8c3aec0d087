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
    min(if(record = 'tool_result', facts.ts - toIntervalMillisecond(coalesce(facts.duration_ms, 0)), facts.ts)) AS called_at,
    minOrNullIf(facts.ts, record = 'tool_result' AND field = '') AS returned_at,
    {{ merge.best('input') }} AS best_input,
    {{ merge.best('output') }} AS best_output,
    {{ merge.best('error') }} AS best_error,
    best_input.4 AS input,
    best_output.4 AS output,
    best_error.4 AS error,
    input != '' AND NOT best_input.1 AS is_input_truncated,
    output != '' AND NOT best_output.1 OR error != '' AND NOT best_error.1 AS is_result_truncated,
    if(input != '', toString(best_input.3), {{ merge.first_leg() }}) AS input_source,
    multiIf(error != '', toString(best_error.3), output != '', toString(best_output.3), {{ merge.first_leg() }}) AS result_source
FROM
(
        {{ merge.said(['tool_call'], ['prompt_id', 'agent_id', 'tool_name', 'duration_ms']) }}
) AS facts
GROUP BY workspace, session_id, identity
